"""HBIS: class heatmaps, and the two refinements they drive (F2CE, CE2F).

Notation: B batch, N classes, C channels, S = h * w positions. Features travel as [B, S, C].

The equations are the paper's; they are evaluated in an order that never builds anything of size
[B, N, S, C] nor stores a normalised copy of the features:

- LN(F) = (F - mean) / deviation * g + b stands only inside products over channels. There the
  mean drops out when the other factor is centered, and the deviation is one number a position.
- Pooling and projecting commute, so F2CE projects N pooled vectors instead of S positions.
- sum_n a_n (gamma_n * F + beta_n) = F * (a gamma) + (a beta), with a summing to 1 over classes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from network.models.open_sizes import is_open, larger, rounded_share, smaller


class HBISOutput(NamedTuple):
    """What one HBIS layer hands on: CE_l [B, N, C], F_l [B, S, C], heatmap logits [B, N, S]."""

    embeddings: Tensor
    features: Tensor
    heatmap: Tensor


def inverse_deviation(features: Tensor, eps: float) -> Tensor:
    """One over the standard deviation over channels, in float32 or wider.

    Shapes: [B, S, C] -> [B, S].
    """
    return _InverseDeviation.apply(features, eps)


class _InverseDeviation(torch.autograd.Function):
    """d r / d F = -r^3 (F - mean) / C: the features, kept anyway, are all that backward needs."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, eps: float) -> Tensor:
        mean, rstd = _moments(_at_least_float32(features), eps)
        ctx.save_for_backward(features, mean, rstd)
        return rstd

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        features, mean, rstd = ctx.saved_tensors
        factor = (gradient * rstd**3 / -features.shape[-1]).to(features.dtype)
        centered = features - mean.to(features.dtype)[..., None]
        return centered.mul_(factor[..., None]), None


class ClassHeatmap(nn.Module):
    """Heatmap logits h_n(s) = < W_q LN(CE_n), LN(F(s)) > / sqrt(C).

    Shapes: embeddings [B, N, C] (already normalised), features [B, S, C], inverse deviation
    [B, S] -> [B, N, S], in float32 or wider.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(embed_dim, embed_dim, bias=False)

    def forward(
        self, embeddings: Tensor, features: Tensor, rstd: Tensor, norm: nn.LayerNorm
    ) -> Tensor:
        """Compare every class with every position; ``norm`` is the LN of the features."""
        query = self.query(embeddings) / math.sqrt(features.shape[-1])
        scaled = query * norm.weight
        centered = scaled - scaled.mean(dim=-1, keepdim=True)
        product = _at_least_float32(centered @ features.transpose(1, 2))
        offset = _at_least_float32(query @ norm.bias)
        return torch.addcmul(offset[..., None], product, rstd[:, None, :])


class F2CE(nn.Module):
    """Features to class embeddings: every class gathers context where its heatmap is high.

    The K = clamp(round(topk_ratio * S), min_pixels, S) positions with the highest heatmap weigh
    sigmoid(h) / sum, without gradient: c_n = sum_s w_n(s) W_v LN(F(s)). A gate decides how much of
    a candidate made from the context replaces the embedding:
    g = sigmoid(MLP_g[LN(CE); c]), CE_l = g * MLP_k(c) + (1 - g) * CE.

    Shapes: embeddings [B, N, C] (and normalised), features [B, S, C], heatmap logits [B, N, S]
    -> [B, N, C].
    """

    def __init__(self, embed_dim: int, topk_ratio: float, min_pixels: int) -> None:
        super().__init__()
        self.topk_ratio = topk_ratio
        self.min_pixels = min_pixels
        self.value = nn.Linear(embed_dim, embed_dim, bias=False)
        self.gate = _mlp(2 * embed_dim, embed_dim)
        self.candidate = _mlp(embed_dim, embed_dim)

    def forward(
        self,
        embeddings: Tensor,
        normed_embeddings: Tensor,
        features: Tensor,
        rstd: Tensor,
        heatmap: Tensor,
        norm: nn.LayerNorm,
    ) -> Tensor:
        """Refine the embeddings; ``norm`` is the LN of the features."""
        weights = self.pooling_weights(heatmap)
        pooled = (weights * rstd[:, None, :]).to(features.dtype) @ features
        pooled = pooled - pooled.mean(dim=-1, keepdim=True)
        pooled = pooled * norm.weight + weights.sum(dim=-1, keepdim=True) * norm.bias
        context = self.value(pooled)
        gate = torch.sigmoid(self.gate(torch.cat([normed_embeddings, context], dim=-1)))
        return torch.lerp(
            embeddings, self.candidate(context).to(embeddings.dtype), gate.to(embeddings.dtype)
        )

    @torch.no_grad()
    def pooling_weights(self, heatmap: Tensor) -> Tensor:
        """w_n(s): heatmap on the K best positions, 0 elsewhere, over its sum + 1e-6.

        Shapes: heatmap logits [B, N, S] -> [B, N, S].
        """
        positions = heatmap.shape[-1]
        count = rounded_share(self.topk_ratio, positions)
        count = smaller(larger(count, self.min_pixels), positions)
        if self.topk_ratio == 1 or (not is_open(count) and count == positions):
            weights = torch.sigmoid(heatmap)
        else:
            best, where = heatmap.topk(count, dim=-1, sorted=False)
            weights = torch.zeros_like(heatmap).scatter_(-1, where, torch.sigmoid(best))
        return weights / (weights.sum(dim=-1, keepdim=True) + 1e-6)


class CE2F(nn.Module):
    """Class embeddings to features: every position is modulated by the classes it belongs to.

    gamma_n = 1 + tanh(W_gamma CE_n), beta_n = W_beta CE_n, a(s) = softmax over classes of
    h(s) / temperature, F_new(s) = sum_n a_n(s) (gamma_n * F(s) + beta_n),
    F_l = (1 - mix) F + mix F_new.

    Shapes: embeddings [B, N, C], features [B, S, C], heatmap logits [B, N, S] -> [B, S, C].
    """

    def __init__(self, embed_dim: int, mix: float, temperature: float) -> None:
        super().__init__()
        self.mix = mix
        self.temperature = temperature
        self.gamma = nn.Linear(embed_dim, embed_dim)
        self.beta = nn.Linear(embed_dim, embed_dim)

    def forward(self, embeddings: Tensor, features: Tensor, heatmap: Tensor) -> Tensor:
        """Refine the features."""
        assignment = torch.softmax(heatmap / self.temperature, dim=1)
        assignment = assignment.to(features.dtype).transpose(1, 2)
        gamma = (self.mix * torch.tanh(self.gamma(embeddings))).to(features.dtype)
        beta = (self.mix * self.beta(embeddings)).to(features.dtype)
        return _Modulation.apply(features, assignment, gamma, beta)


class _Modulation(torch.autograd.Function):
    """F * (1 + a gamma) + a beta, keeping nothing of the size of F but F itself.

    Shapes: F [B, S, C], a [B, S, N], gamma and beta [B, N, C] -> [B, S, C].
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, assignment: Tensor, gamma: Tensor, beta: Tensor
    ) -> Tensor:
        ctx.save_for_backward(features, assignment, gamma, beta)
        with torch.autocast(features.device.type, enabled=False):
            scale = torch.bmm(assignment, gamma)
            result = scale.mul_(features).add_(features).baddbmm_(assignment, beta)
            # Compiled by torch 2.11, what an operation in place returns would have no gradient.
            return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        features, assignment, gamma, beta = ctx.saved_tensors
        to_scale = gradient * features
        classes = assignment.transpose(1, 2)
        to_assignment = torch.bmm(to_scale, gamma.transpose(1, 2))
        to_assignment.baddbmm_(gradient, beta.transpose(1, 2))
        to_gamma, to_beta = torch.bmm(classes, to_scale), torch.bmm(classes, gradient)
        del to_scale
        to_features = torch.bmm(assignment, gamma).mul_(gradient).add_(gradient)
        return to_features, to_assignment, to_gamma, to_beta


class HBIS(nn.Module):
    """Heatmap-driven Bidirectional Information Synergy: heatmaps, then F2CE, then CE2F.

    Either refinement can be left out, for ablations: without F2CE the embeddings stay as they came,
    without CE2F the features do.

    Shapes: embeddings [B, N, C], features [B, S, C] -> ``HBISOutput``.
    """

    def __init__(
        self,
        embed_dim: int,
        topk_ratio: float = 1.0,
        min_pixels: int = 64,
        mix: float = 0.5,
        temperature: float = 1.0,
        f2ce: bool = True,
        ce2f: bool = True,
    ) -> None:
        super().__init__()
        self.embedding_norm = nn.LayerNorm(embed_dim)
        self.feature_norm = nn.LayerNorm(embed_dim)
        self.heatmap = ClassHeatmap(embed_dim)
        self.f2ce = F2CE(embed_dim, topk_ratio, min_pixels) if f2ce else None
        self.ce2f = CE2F(embed_dim, mix, temperature) if ce2f else None

    def forward(self, embeddings: Tensor, features: Tensor) -> HBISOutput:
        """Refine embeddings and features by each other."""
        norm = self.feature_norm
        rstd = inverse_deviation(features, norm.eps)
        normed = self.embedding_norm(embeddings)
        heatmap = self.heatmap(normed, features, rstd, norm)
        if self.f2ce is not None:
            embeddings = self.f2ce(embeddings, normed, features, rstd, heatmap, norm)
        if self.ce2f is not None:
            features = self.ce2f(embeddings, features, heatmap)
        return HBISOutput(embeddings, features, heatmap)


def _moments(x: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Mean and inverse deviation over channels: [B, S, C] -> [B, S] each."""
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        # A CPU's var_mean is not vectorised and takes twice as long.
        _, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, eps)
        return mean[..., 0], rstd[..., 0]
    variance, mean = torch.var_mean(x, dim=-1, correction=0)
    return mean, torch.rsqrt(variance + eps)


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
