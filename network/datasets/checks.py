"""Looking a dataset over before anything is trained, tested or written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from network.datasets.layout import DatasetLayout, Sample, size_fault
from network.errors import DataError
from network.files.images import check_picture, image_size, read_rgb


def check_sizes(samples: Sequence[Sample], least: int = 1) -> None:
    """Compare the sizes of images and masks by their headers.

    Args:
        samples: to look at.
        least: height and width that an image must have.

    Raises:
        DataError: unreadable files, or sizes that differ; every such file is named.
    """
    _check_all(samples, lambda sample: check_size(sample, least), "sizes")


def check_contents(layout: DatasetLayout, samples: Sequence[Sample], least: int = 1) -> None:
    """Decode every image and every mask.

    Args:
        layout: of the samples.
        samples: to look at.
        least: height and width that an image must have.

    Raises:
        DataError: unreadable files, sizes that differ, colors that are not listed; every such
            file is named.
    """

    def check(sample: Sample) -> None:
        check_size(sample, least)
        read_rgb(sample.image)
        for mask in sample.masks.values():
            layout.read_mask(mask)

    _check_all(samples, check, "images and masks")


def check_size(sample: Sample, least: int = 1) -> None:
    """Compare the sizes of an image and its masks by their headers.

    Raises:
        DataError: unreadable files, sizes that differ, an image that is too small or is stored in
            a way that is not read.
    """
    image = check_picture(sample.image)
    for path in sample.masks.values():
        mask = image_size(path)
        if image != mask:
            raise size_fault(sample.image, path, image, mask)
    if min(image) < least:
        raise DataError(
            f"{sample.image} is {image[1]}x{image[0]} pixels; at least {least}x{least} are needed"
        )


def _check_all(samples: Sequence[Sample], check: Callable[[Sample], None], what: str) -> None:
    def fault(sample: Sample) -> DataError | None:
        try:
            check(sample)
        except DataError as error:
            return error
        return None

    with ThreadPoolExecutor() as pool:
        results = pool.map(fault, samples)
        bar = tqdm(results, total=len(samples), desc=f"checking {what}", leave=False, delay=1)
        faults = [error for error in bar if error]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        lines = "\n  ".join(str(error) for error in faults[:20])
        more = f"\n  and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise DataError(f"{len(faults)} faults in the dataset:\n  {lines}{more}")
