"""HBIS as its equations are usually typed: batched, nothing folded; to compare with."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from network.models.hbis import HBIS


def plain_hbis(layer: HBIS, ce: Tensor, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One layer on the weights of ``layer``.

    Shapes: CE [B, N, C], F [B, C, h, w] -> CE_l, F_l, heatmap logits [B, N, h, w].
    """
    channels, positions = f.shape[1], f.shape[2] * f.shape[3]
    normed_f = layer.feature_norm(f.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    normed_ce = layer.embedding_norm(ce)
    query = layer.heatmap.query(normed_ce)
    heatmap = torch.einsum("bnc,bchw->bnhw", query, normed_f) / math.sqrt(channels)

    with torch.no_grad():
        probability = torch.sigmoid(heatmap).flatten(2)
        count = round(layer.f2ce.topk_ratio * positions)
        count = min(max(count, layer.f2ce.min_pixels), positions)
        best, where = probability.topk(count, dim=-1)
        weights = torch.zeros_like(probability).scatter_(-1, where, best)
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-6)
    values = F.conv2d(normed_f, layer.f2ce.value.weight[:, :, None, None])
    context = torch.einsum("bns,bcs->bnc", weights, values.flatten(2))
    gate = torch.sigmoid(layer.f2ce.gate(torch.cat([normed_ce, context], dim=-1)))
    ce = gate * layer.f2ce.candidate(context) + (1 - gate) * ce

    gamma = 1 + torch.tanh(layer.ce2f.gamma(ce))
    beta = layer.ce2f.beta(ce)
    assignment = torch.softmax(heatmap / layer.ce2f.temperature, dim=1)
    modulated = gamma[..., None, None] * f[:, None] + beta[..., None, None]
    new_f = (assignment[:, :, None] * modulated).sum(1)
    return ce, (1 - layer.ce2f.mix) * f + layer.ce2f.mix * new_f, heatmap
