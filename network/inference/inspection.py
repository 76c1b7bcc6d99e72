"""What a network sees in single images: prediction, class heatmaps, class embeddings."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.datasets.dataset import SegmentationDataset
from network.datasets.display import displayed
from network.datasets.layout import listed
from network.devices import AUTOCAST_DTYPES
from network.errors import ConfigError
from network.models.output import SegmentationOutput, segment


class Inspection(NamedTuple):
    """One image and what the network makes of it, without test-time augmentation.

    Attributes:
        name: of the sample.
        image: RGB uint8 [H, W, 3], as ``network.datasets.display.displayed`` shows it.
        masks: class indices uint8 [H, W]: ``mask`` and ``eroded``, where there are labels.
        prediction: class indices uint8 [H, W]; None of an image that the network was spared.
        heatmaps: sigmoid of ``out.heatmaps``, float32 [L, N, h, w]; [0] where there are none.
        embeddings: ``out.class_embeddings``, float32 [L, N, C]; [0] where there are none.
    """

    name: str
    image: np.ndarray
    masks: dict[str, np.ndarray]
    prediction: np.ndarray | None
    heatmaps: np.ndarray
    embeddings: np.ndarray

    @property
    def truth(self) -> np.ndarray | None:
        """The full mask, or the eroded one where there is no other."""
        return self.masks.get("mask", self.masks.get("eroded"))


def inspect(
    net: nn.Module,
    dataset: SegmentationDataset,
    normalise: Callable[[Tensor], Tensor],
    device: torch.device,
    precision: str,
    longest: int = sys.maxsize,
) -> Iterator[Inspection]:
    """Run a network in evaluation mode over samples, one after another, each image whole.

    Args:
        net: on the device.
        dataset: the samples, whole and as they are.
        normalise: stored values [B, bands, H, W] -> float32, for the network.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
        longest: side in pixels of the images that the network sees; of larger ones nothing is
            found.
    """
    dtype = AUTOCAST_DTYPES[precision]
    classes = dataset.layout.spec.num_classes
    for index in range(len(dataset)):
        item = dataset[index]
        found = _NOTHING
        if max(item["image"].shape[-2:]) <= longest:
            with (
                torch.inference_mode(),
                torch.autocast(device.type, dtype, enabled=dtype is not None),
            ):
                found = _found(segment(net, normalise(item["image"][None].to(device)), classes))
        yield Inspection(
            item["name"],
            _shown(item, dataset.layout.spec),
            {kind: item[kind].numpy() for kind in ("mask", "eroded") if kind in item},
            **found,
        )


def _shown(item: dict, spec: DatasetSpec) -> np.ndarray:
    values = item["image"].permute(1, 2, 0).contiguous().numpy()
    return displayed(values, spec, item["valid"].numpy() if "valid" in item else None)


def _found(out: SegmentationOutput) -> dict[str, np.ndarray]:
    return {
        "prediction": out.logits[0].argmax(dim=0).to(torch.uint8).cpu().numpy(),
        "heatmaps": _stacked([heatmap.float().sigmoid() for heatmap in out.heatmaps]),
        "embeddings": _stacked([each.float() for each in out.class_embeddings]),
    }


def _stacked(layers: Sequence[Tensor]) -> np.ndarray:
    return torch.cat(layers).cpu().numpy() if layers else _EMPTY


_EMPTY = np.empty(0, np.float32)
_NOTHING = {"prediction": None, "heatmaps": _EMPTY, "embeddings": _EMPTY}


def spread(dataset: SegmentationDataset, most: int) -> list[str]:
    """Names of at most so many items, evenly over the dataset."""
    chosen = np.linspace(0, len(dataset) - 1, min(most, len(dataset)))
    return [dataset.item(round(index)).name for index in chosen]


def select(dataset: SegmentationDataset, names: Sequence[str]) -> SegmentationDataset:
    """The named items of a dataset, in the order of the names.

    Raises:
        ConfigError: it has none of such a name.
    """
    items = {item.name: item for item in map(dataset.item, range(len(dataset)))}
    unknown = [name for name in names if name not in items]
    if unknown:
        raise ConfigError(f"no image {listed(unknown)} among {listed(list(items), 5)}")
    chosen = copy.copy(dataset)
    chosen.samples = [dataset.samples[items[name].sample] for name in names]
    chosen.items = [items[name]._replace(sample=place) for place, name in enumerate(names)]
    return chosen
