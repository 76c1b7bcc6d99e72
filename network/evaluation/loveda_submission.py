"""The zip that LoveDA's online test takes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from network.datasets.catalog import LOVEDA, LOVEDA_NUMBERS
from network.datasets.layout import Sample, listed
from network.errors import OutputError
from network.evaluation.mask_writer import MASKS
from network.files.images import image_size
from network.files.outputs import refuse_to_replace
from network.files.writing import replacing

COMPLETE, INCOMPLETE = "submission.zip", "submission_incomplete.zip"
OFFICIAL_NAMES = tuple(f"{number}.png" for number in LOVEDA_NUMBERS["test"])
OFFICIAL_SIZE = (1024, 1024)
_TIME = (1980, 1, 1, 0, 0, 0)


def write_submission(
    output: str | Path,
    samples: Sequence[Sample],
    official_names: Sequence[str] = OFFICIAL_NAMES,
    official_size: tuple[int, int] = OFFICIAL_SIZE,
) -> Path:
    """Put predicted masks into a flat zip, check it, and say whether it can be uploaded.

    Earlier zips are removed first. A zip that the server would refuse is called
    ``submission_incomplete.zip``.

    Args:
        output: folder of the test, with its masks.
        samples: the test images.
        official_names: file names that the server expects.
        official_size: height and width that it expects.

    Returns:
        path of the zip.

    Raises:
        OutputError: masks that are damaged, or a zip that cannot be written, or would replace one
            that is no such zip.
    """
    output = Path(output)
    check_submission(output)
    for name in (COMPLETE, INCOMPLETE):
        (output / name).unlink(missing_ok=True)
    names = {_file_name(sample) for sample in samples}
    missing, extra = sorted(set(official_names) - names), sorted(names - set(official_names))
    sizes = {image_size(sample.image) for sample in samples}
    reasons = []
    if missing:
        reasons.append(f"{len(missing)} of the {len(official_names)} test images are missing: "
                       f"{listed(missing)}")  # fmt: skip
    if extra:
        reasons.append(f"no official test images: {listed(extra)}")
    if sizes != {official_size}:
        others = sorted(f"{width}x{height}" for height, width in sizes - {official_size})
        reasons.append(f"test images of {listed(others)} pixels instead of "
                       f"{official_size[1]}x{official_size[0]}")  # fmt: skip
    path = output / (INCOMPLETE if reasons else COMPLETE)
    with replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for sample in samples:
                entry = zipfile.ZipInfo(_file_name(sample), _TIME)
                archive.writestr(entry, (output / MASKS / f"{sample.name}.png").read_bytes())
        faults = submission_faults(temporary, samples)
        if faults:
            raise OutputError(f"{path} was not written: " + "; ".join(faults[:10]))
    if reasons:
        print(f"{path}: the online test would refuse it: {'; '.join(reasons)}")
    else:
        print(f"{path}: {len(samples)} masks, checked, ready for the online test")
    return path


def check_submission(output: str | Path) -> None:
    """Refuse a folder with a zip of the same name that is not from ``write_submission``.

    Raises:
        OutputError: naming it.
    """
    refuse_to_replace([Path(output) / name for name in (COMPLETE, INCOMPLETE)], _is_submission)


def submission_faults(path: str | Path, samples: Sequence[Sample]) -> list[str]:
    """Look a zip over: names, count, and type, size and values of every mask.

    Returns:
        what is wrong with it, nothing for a good one.
    """
    wanted = {_file_name(sample): sample.image for sample in samples}
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        faults = [f"{name} is in it twice" for name in sorted(set(names)) if names.count(name) > 1]
        faults += [f"{name} is missing" for name in sorted(wanted.keys() - set(names))]
        faults += [f"{name} is no test image" for name in sorted(set(names) - wanted.keys())]
        for name in sorted(wanted.keys() & set(names)):
            fault = _mask_fault(archive.read(name), image_size(wanted[name]))
            if fault:
                faults.append(f"{name} {fault}")
    return faults


def _is_submission(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(entry.date_time == _TIME for entry in archive.infolist())
    except (OSError, zipfile.BadZipFile):
        return False


def _file_name(sample: Sample) -> str:
    """DOMAIN/NUMBER -> NUMBER.png, as the flat zip has it."""
    return f"{Path(sample.name).name}.png"


def _mask_fault(data: bytes, size: tuple[int, int]) -> str | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind, mode, mask = image.format, image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        return "is not a readable image"
    if (kind, mode) != ("PNG", "L"):
        return f"is {kind} of mode {mode}, not a single-channel 8-bit PNG"
    if mask.shape != size:
        return f"is {mask.shape[1]}x{mask.shape[0]} pixels, its image {size[1]}x{size[0]}"
    if mask.max() >= LOVEDA.num_classes:
        return f"has the value {mask.max()}; the classes are 0..{LOVEDA.num_classes - 1}"
    return None
