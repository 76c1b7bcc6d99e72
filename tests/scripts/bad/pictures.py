"""Images and masks that cannot be."""

import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.scripts.bad.case import GOOD, Case, replace


def pictures(root: Path, rng: random.Random) -> Iterator[Case]:
    image, mask = "data/own/images/scene_001_val.jpg", "data/own/masks/scene_001_val.png"
    tile, tile_mask = (f"tiles/{kind}/top_mosaic_09cm_area1.tif" for kind in ("images", "masks"))
    raw, loveda = "raw/0.png", "data/LoveDA/Val/Rural/masks_png_convert/2522.png"
    small = np.full((20, 20, 3), 255, np.uint8)
    places = {
        image: ("image", ("train.py", "test.py", "tools/check_data.py", "tools/heatmaps.py")),
        mask: ("mask", ("train.py", "test.py", "tools/check_data.py", "tools/embeddings.py")),
        tile: ("image", ("tools/vaihingen_patch_split.py",)),
        tile_mask: ("mask", ("tools/vaihingen_patch_split.py",)),
        raw: ("mask", ("tools/loveda_mask_convert.py",)),
        loveda: ("mask", ("test_loveda.py",)),
        "data/own/images/scene_000.jpg": ("image", ("predict.py",)),
    }
    for place, (kind, scripts) in places.items():
        whole = (root / place).read_bytes()
        suffix = Path(place).suffix
        contents = {
            "empty": b"",
            "text": b"this is no image\n" * 20,
            "bytes": rng.randbytes(900),
            "html": b"<html>404 Not Found</html>",
            **{f"cut at {n} %": whole[: len(whole) * n // 100]
               for n in sorted(rng.sample(range(3, 80), 3))},
        }  # fmt: skip
        if place not in (raw, "data/own/images/scene_000.jpg", tile):
            contents["another size"] = cv2.imencode(suffix, small)[1].tobytes()
        if kind == "mask":
            gray = np.full(cv2.imread(str(root / place)).shape, 77, np.uint8)
            gray = gray[..., 0] if place in (raw, loveda) else gray
            contents["unlisted"] = cv2.imencode(suffix, gray)[1].tobytes()
        for number, (name, content) in enumerate(contents.items()):
            script = scripts[number % len(scripts)]
            yield Case(f"{script} {place} {name}", kind, script, GOOD[script],
                       Path(place).stem, replace(place, content))  # fmt: skip

        def folder(root: Path, place: str = place) -> None:
            (root / place).unlink()
            (root / place).mkdir()

        def gone(root: Path, place: str = place) -> None:
            (root / place).unlink()

        if place not in (image, mask):
            yield Case(f"{place} is a folder", kind, scripts[0], GOOD[scripts[0]], "", folder)
            yield Case(f"{place} is gone", kind, scripts[0], GOOD[scripts[0]], "", gone)
        else:
            yield Case(f"{place} is a folder", kind, scripts[0], GOOD[scripts[0]],
                       Path(place).stem, folder)  # fmt: skip
            yield Case(f"{place} is gone", kind, scripts[1], GOOD[scripts[1]],
                       Path(place).stem, gone)  # fmt: skip
