"""Two HBIS layers against the same layers as their equations are usually typed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.measuring import Row, compare, megabytes
from benchmarks.plain import plain_hbis
from network.models.hbis import HBIS

BATCH, CLASSES, CHANNELS, SIDE, LAYERS = 2, 7, 256, 128, 2


def run() -> list[Row]:
    """Forward and backward, and inference, float32."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    layers = nn.ModuleList(HBIS(CHANNELS) for _ in range(LAYERS)).to(device)
    embeddings = torch.randn(CLASSES, CHANNELS, device=device, requires_grad=True)
    features = torch.randn(BATCH, CHANNELS, SIDE, SIDE, device=device)
    features = features.to(memory_format=torch.channels_last).requires_grad_()
    found = compare(
        {
            "ours": lambda: _backward(_ours(layers, embeddings, features)),
            "plain": lambda: _backward(_plain(layers, embeddings, features)),
            "ours, inference": lambda: _inference(_ours, layers, embeddings, features),
            "plain, inference": lambda: _inference(_plain, layers, embeddings, features),
        }
    )
    rows = [Row(name, measured.seconds, "s") for name, measured in found.items()]
    rows += [Row(f"{name}, added memory", megabytes(m.added), "MB") for name, m in found.items()]
    memory = megabytes(found["ours"].added) / megabytes(found["plain"].added)
    return [
        *rows,
        Row("plain / ours", found["plain"].seconds / found["ours"].seconds, "x", "at least 4"),
        Row("added memory, ours / plain", memory, "x", "at most 0.25"),
        Row(
            "plain / ours, inference",
            found["plain, inference"].seconds / found["ours, inference"].seconds,
            "x",
        ),
    ]


def _ours(layers: nn.ModuleList, embeddings: Tensor, features: Tensor) -> list[Tensor]:
    ce, f = embeddings.expand(BATCH, -1, -1), features.flatten(2).transpose(1, 2)
    found = []
    for layer in layers:
        ce, f, heatmap = layer(ce, f)
        found += [ce, heatmap]
    return [*found, f]


def _plain(layers: nn.ModuleList, embeddings: Tensor, features: Tensor) -> list[Tensor]:
    ce, f = embeddings.expand(BATCH, -1, -1), features
    found = []
    for layer in layers:
        ce, f, heatmap = plain_hbis(layer, ce, f)
        found += [ce, heatmap]
    return [*found, f]


def _backward(outputs: list[Tensor]) -> None:
    torch.autograd.backward([out.sum() for out in outputs])


def _inference(
    variant: object, layers: nn.ModuleList, embeddings: Tensor, features: Tensor
) -> None:
    with torch.inference_mode():
        variant(layers, embeddings, features)
