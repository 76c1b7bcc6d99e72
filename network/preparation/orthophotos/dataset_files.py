"""What lies beside the patches: settings of the dataset, and how its images were cut."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from network.datasets.bands import MAX_BANDS
from network.datasets.patch_record import Cut
from network.preparation.orthophotos.class_values import IGNORED, ClassTable
from network.preparation.orthophotos.cutting import HELD_OUT
from network.preparation.orthophotos.held_out import Plan
from network.preparation.orthophotos.images import Orthophoto


def cut_records(plans: Sequence[Plan], size: int, stride: int) -> dict[str, Cut]:
    """How each image was cut, once for training and once for what is held out."""
    found = {}
    for plan in plans:
        sides = (plan.image.height, plan.image.width, size)
        if plan.train:
            found[plan.image.name] = Cut(*sides, stride, 1.0, False)
        if plan.val:
            name = f"{plan.image.name}{HELD_OUT}"
            found[name] = Cut(*sides, size, 1.0, False, *plan.origin)
    return found


def settings_text(table: ClassTable, image: Orthophoto) -> str:
    """What the folder holds, as ``FolderDataset`` reads it.

    Bands are named where the images are no pictures of 8 bits; their scale is still to be found.
    """
    settings = {
        "classes": list(table.names),
        "masks": "index",
        "ignore_values": [IGNORED],
        "val": f"*{HELD_OUT}",
    }
    picture = image.dtype == "uint8" and len(image.bands) in (1, 3)
    if not picture and len(image.bands) <= MAX_BANDS:
        settings["bands"] = list(image.bands)
        if image.band_names:
            settings["band_names"] = list(image.band_names)
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, default_flow_style=None)
