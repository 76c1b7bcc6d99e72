"""Class embeddings of many images in two dimensions."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from network.datasets.catalog import DatasetSpec
from network.figures.style import (
    WIDTH,
    add_class_legend,
    class_colors,
    legend_height,
    new_figure,
    styled,
)
from network.losses.fisher import fisher

PROJECTIONS = {"pca": "PCA", "tsne": "t-SNE"}
_PERPLEXITY = 30


def project(embeddings: np.ndarray, method: str, seed: int = 0) -> np.ndarray:
    """Embeddings of one layer in two dimensions.

    Shapes: float32 [images, N, C] -> float32 [images, N, 2].

    Args:
        embeddings: at least three vectors in all.
        method: a key of ``PROJECTIONS``.
        seed: of t-SNE.
    """
    points = embeddings.reshape(-1, embeddings.shape[-1]).astype(np.float64)
    if method == "pca":
        flat = PCA(2, random_state=seed).fit_transform(points)
    else:
        perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
        flat = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(points)
    return flat.astype(np.float32).reshape(*embeddings.shape[:-1], 2)


def fisher_ratio(embeddings: np.ndarray) -> float:
    """S_w / S_b of one layer's embeddings [images, N, C], as the Fisher loss counts it."""
    return fisher(torch.from_numpy(embeddings).double()).item()


@styled
def embedding_figure(
    projected: dict[str, np.ndarray], ratios: list[float], spec: DatasetSpec
) -> Figure:
    """A row for each projection, a column for each layer, a point for each image and class.

    Args:
        projected: float32 [L, images, N, 2] by the keys of ``PROJECTIONS``.
        ratios: Fisher ratio of every layer.
        spec: of the dataset.
    """
    columns = len(ratios)
    panel = min(WIDTH / columns, 3.2)
    figure = new_figure(
        panel * len(projected) + 0.4 + legend_height(spec), max(panel * columns, WIDTH * 0.6)
    )
    rows = figure.subplots(len(projected), columns, squeeze=False)
    for axes, (method, layers) in zip(rows, projected.items(), strict=True):
        axes[0].set_ylabel(PROJECTIONS[method])
        for axis, points in zip(axes, layers, strict=True):
            for index, color in enumerate(class_colors(spec).values()):
                axis.scatter(*points[:, index].T, s=14, color=color, edgecolors="0.35", lw=0.4)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(True)
            axis.spines[:].set_color("0.8")
    for layer, (axis, ratio) in enumerate(zip(rows[0], ratios, strict=True), 1):
        axis.set_title(f"class embeddings {layer}\nFisher ratio $S_w / S_b$ = {ratio:.3g}")
    add_class_legend(figure, spec)
    return figure
