"""Converting LoveDA's published masks to class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from network.datasets.catalog import LOVEDA
from network.datasets.colors import decode_colors
from network.datasets.labels import ignore_unknown
from network.datasets.loveda import LoveDARaw
from network.errors import DataError
from network.files.images import list_images, png_comment, write_image
from network.files.outputs import Written
from network.files.parallel import in_processes
from network.files.staging import staged

CONVERTED = "LoveDA class indices: 0..6, 7 is ignored"
"""Comment in converted masks, by which they are known."""


@dataclass(frozen=True)
class LabelConversion:
    """Published masks to class indices, and to colors for looking at.

    Args:
        mask_folder: where masks of indices go.
        color_folder: where masks in colors go.
    """

    mask_folder: Path
    color_folder: Path

    def convert(self, path: Path) -> float:
        """Convert one mask.

        Returns:
            share of the pixels whose values are no labels; they are ignored.

        Raises:
            DataError: unreadable, more than 1% of values that are no labels, or converted already.
        """
        if png_comment(path) == CONVERTED:
            raise DataError(
                f"{path} is converted already; --mask-dir must hold the masks as published "
                "(0 is no data, 1..7 are the classes)"
            )
        mask, raw = LoveDARaw().decode_mask(path)
        unknown = ignore_unknown(path, mask, raw, LOVEDA.ignore_index)
        write_image(self.mask_folder / f"{path.stem}.png", mask, comment=CONVERTED)
        write_image(self.color_folder / f"{path.stem}.png", decode_colors(mask, LOVEDA))
        return unknown


def convert_labels(mask_folder: Path, output: Path, processes: int) -> Sequence[Path]:
    """Convert a folder of masks, all or none; running it again gives the same files.

    Returns:
        the folders of the masks of indices and of those in colors.

    Raises:
        MissingDataError: no masks.
        ConfigError: masks would be written among those that are read.
        DataError: see ``LabelConversion.convert``; or a folder of converted masks.
        OutputError: folders that cannot be written, or files in them that no run wrote.
    """
    paths = list_images(mask_folder)
    if "_convert" in mask_folder.resolve().name:
        raise DataError(
            f"--mask-dir {mask_folder}: these masks are converted already; read the masks as "
            "published (masks_png)"
        )
    folders = (output, output.with_name(f"{output.name}_rgb"))

    written = Written(output)

    def known(path: Path) -> bool:
        index = output / path.name
        earlier = index.is_file() and not written.of(index)
        return earlier and png_comment(index) == CONVERTED

    with staged(folders, sources=[mask_folder], known=known) as aside:
        convert = LabelConversion(*aside).convert
        shares = in_processes(convert, paths, processes, "converting", "mask")
        for path, unknown in zip(paths, shares, strict=True):
            if unknown:
                tqdm.write(f"{path}: {unknown:.3%} in values that are no labels, ignored")
    return folders
