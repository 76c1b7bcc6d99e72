"""Predicting with test-time augmentation, scoring, and saving masks while predicting."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
import torch.nn.functional as F
import ttach
from torch import Tensor, nn
from tqdm import tqdm

from network.checkpoints import BEST, file_hash, find_checkpoint, load_network, run_folder
from network.datasets.catalog import PLAIN, Augmentation, DatasetSpec
from network.datasets.colors import decode_colors
from network.datasets.files import write_image, write_json
from network.datasets.segmentation import DatasetLayout
from network.devices import AUTOCAST_DTYPES, choose_device, choose_precision
from network.errors import ConfigError
from network.experiment import Experiment
from network.metrics import Confusion, Scores
from network.models.bicor import MIN_SIZE
from network.provenance import provenance

TTA_NAMES = ("none", "lr", "d4")
RESULTS = "results.json"


class Predictor:
    """Class probabilities of normalised images, averaged over the passes of an augmentation.

    Args:
        net: network in evaluation mode.
        augmentation: the passes.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
    """

    def __init__(
        self,
        net: nn.Module,
        augmentation: Augmentation = PLAIN,
        device: torch.device | str = "cpu",
        precision: str = "32-true",
    ) -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device, memory_format=torch.channels_last).eval()
        self.passes = _passes(augmentation)
        self.min_size = math.ceil(MIN_SIZE / min(1.0, *augmentation.scales))
        self.dtype = AUTOCAST_DTYPES[precision]

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Predict; images too small for the network are padded with their border.

        Shapes: float [B, bands, H, W] -> float32 probabilities [B, N, H, W].
        """
        height, width = image.shape[-2:]
        below, beside = max(0, self.min_size - height), max(0, self.min_size - width)
        image = F.pad(image, (0, beside, 0, below), mode="replicate")
        total = None
        for augment in self.passes:
            probabilities = self._probabilities(augment.augment_image(image))
            probabilities = augment.deaugment_mask(probabilities)
            if probabilities.shape[-2:] != image.shape[-2:]:
                probabilities = _resize(probabilities, image.shape[-2:])
            total = probabilities if total is None else total.add_(probabilities)
        return total[..., :height, :width] / len(self.passes)

    def _probabilities(self, image: Tensor) -> Tensor:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            logits = self.net(image).logits
        return logits.float().softmax(dim=1)


class MaskWriter:
    """Writes masks in background threads, at most a few waiting, so memory stays bounded.

    Class indices go to ``folder/masks/NAME.png``, colors to ``folder/masks_rgb/NAME.png``.
    """

    def __init__(self, folder: Path, spec: DatasetSpec, rgb: bool, threads: int = 2) -> None:
        self.folder = folder
        self.spec = spec
        self.rgb = rgb
        self.most_waiting = 4 * threads
        self.pool = ThreadPoolExecutor(threads)
        self.waiting: deque[Future] = deque()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            while self.waiting:
                self.waiting.popleft().result()

    def write(self, name: str, mask: np.ndarray) -> None:
        """Queue a mask, uint8 [H, W]; waits while too many are queued.

        Raises:
            DataError: an earlier mask could not be written.
        """
        if len(self.waiting) >= self.most_waiting:
            self.waiting.popleft().result()
        self.waiting.append(self.pool.submit(self._write, name, mask))

    def _write(self, name: str, mask: np.ndarray) -> None:
        write_image(self.folder / "masks" / f"{name}.png", mask)
        if self.rgb:
            colors = decode_colors(mask, self.spec)
            write_image(self.folder / "masks_rgb" / f"{name}.png", colors)


def score(
    predict: Predictor, batches: Iterable[dict], spec: DatasetSpec, writer: MaskWriter
) -> tuple[Tensor, int]:
    """Predict, save and count batches with normalised ``image``, ``mask`` and ``name``.

    Returns:
        confusion matrix int64 [N, N] and the number of images.
    """
    confusion = Confusion(spec).to(predict.device)
    images = 0
    for batch in batches:
        predicted = predict(batch["image"]).argmax(dim=1)
        confusion.update(predicted, batch["mask"])
        for name, mask in zip(batch["name"], predicted.to(torch.uint8).cpu().numpy(), strict=True):
            writer.write(name, mask)
        images += len(batch["name"])
    return confusion.compute().cpu(), images


def test(
    experiment: Experiment,
    output: str | Path,
    tta: str = "none",
    rgb: bool = False,
    checkpoint: str | Path | None = None,
    split: str = "test",
) -> Scores:
    """Score a trained network on a split, save its masks and ``results.json``, print the table.

    Args:
        experiment: the config that it was trained with.
        output: folder for masks and results.
        tta: ``none``, ``lr`` or ``d4``.
        rgb: also save masks in colors.
        checkpoint: path; without it, the run's best.
        split: ``test`` or ``val``.
    """
    if tta not in TTA_NAMES:
        raise ConfigError(f"-t {tta}: one of {', '.join(TTA_NAMES)}")
    device = choose_device(experiment.accelerator)
    precision = choose_precision(experiment.precision, device)
    layout = experiment.build_dataset()
    spec = layout.spec
    if checkpoint is None:
        checkpoint = find_checkpoint(
            run_folder(spec.name, experiment.name),
            BEST,
            "train first (python train.py -c CONFIG), or name one by --ckpt",
        )
    net, stored = load_network(experiment, spec, checkpoint)
    data = experiment.build_data(layout)
    data.setup("test" if split == "test" else "validate")
    dataset, loader = (
        (data.test, data.test_dataloader())
        if split == "test"
        else (data.val, data.val_dataloader())
    )
    experiment.check(layout, dataset.samples)

    validated = len({s.name for s in dataset.samples} & _names(layout, "val"))
    if validated and split == "test":
        print(f"note: {validated} of these images also chose the best checkpoint (split val)")
    output = Path(output)
    predict = Predictor(net, spec.augmentation(tta), device, precision)
    batches = tqdm(
        (data.on_after_batch_transfer(_to_device(batch, device)) for batch in loader),
        total=len(loader),
        desc="testing",
        unit="batch",
    )
    with MaskWriter(output, spec, rgb) as writer:
        confusion, images = score(predict, batches, spec, writer)
    scores = Scores.of(confusion, spec)
    print(scores.table(spec, f"{spec.name}, {split}, TTA {tta}"))
    results = {
        "dataset": spec.name,
        "split": split,
        "images": images,
        "images_of_the_validation": validated,
        "pixels": scores.pixels,
        "mIoU": scores.miou,
        "mF1": scores.mf1,
        "OA": scores.oa,
        "mIoU_all": scores.miou_all,
        "mF1_all": scores.mf1_all,
        "IoU": dict(zip(spec.classes, scores.iou.tolist(), strict=True)),
        "F1": dict(zip(spec.classes, scores.f1.tolist(), strict=True)),
        "scored_classes": [spec.classes[index] for index in spec.scored],
        "confusion": {"rows": "truth", "columns": "prediction", "counts": confusion.tolist()},
        "tta": {"name": tta, "passes": len(predict.passes)} | asdict(spec.augmentation(tta)),
        "checkpoint": {
            "path": str(checkpoint),
            "sha256": file_hash(checkpoint),
            "epoch": stored["epoch"] + 1 if "epoch" in stored else None,
        },
        "precision": precision,
    }
    write_json(output / RESULTS, results | provenance(experiment, device))
    print(f"masks and {RESULTS} in {output}")
    return scores


def _passes(augmentation: Augmentation) -> list[ttach.base.Transformer]:
    transforms = [
        *([ttach.HorizontalFlip()] if augmentation.hflip else []),
        *([ttach.VerticalFlip()] if augmentation.vflip else []),
        *([ttach.Rotate90(angles=[0, 90])] if augmentation.rotate90 else []),
        *(
            [ttach.Scale(list(augmentation.scales), interpolation=augmentation.interpolation)]
            if augmentation.scales != (1.0,)
            else []
        ),
    ]
    return list(ttach.Compose(transforms))


def _names(layout: DatasetLayout, split: str) -> set[str]:
    return {sample.name for sample in layout.samples(split)}


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _to_device(batch: dict, device: torch.device) -> dict:
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
