"""Files of other makers: images of kinds that are not taken, damaged tags and identity records."""

import copy
import io
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import rasterio
import torch
from PIL import Image

from network.inference.checkpoint_keys import IDENTITY
from tests.scripts.bad.case import CKPT, CONFIG, GOOD, Case, replace

SIDES = 112, 96
HARMLESS = {
    *("settings empty", "objects empty", "first_weights empty", "dataset text", "dataset empty"),
    *("ignore_index a number", "ignore_index empty", "unscored a list", "unscored empty"),
    *("band_numbers missing", "scale missing", "alpha missing"),
    *("band_numbers empty", "scale empty", "alpha empty"),
    *("band_names missing", "display missing", "ignore_colors missing", "d4 missing"),
    *("band_names empty", "display empty", "ignore_colors empty", "d4 empty", "display a list"),
}
"""Another identity, but one that changes no prediction."""
OF_IMAGES = ("train.py", "test.py", "tools/check_data.py", "tools/heatmaps.py")


def encoded(array: np.ndarray, kind: str, **options) -> bytes:
    """By Pillow."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def tiff(root: Path, array: np.ndarray, **options) -> bytes:
    """By GDAL; array [bands, h, w]."""
    path = root.with_name("made.tif")
    count, height, width = array.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width,
                       dtype=array.dtype, **options) as target:  # fmt: skip
        target.write(array)
    content = path.read_bytes()
    path.unlink()
    return content


def with_tag(content: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF with another value of a tag."""
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    changed = bytearray(content)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", content, place)[0] == tag:
            struct.pack_into("<HI", changed, place + 2, 4, 1)
            struct.pack_into("<I", changed, place + 8, value)
    return bytes(changed)


def kinds(root: Path) -> dict[str, bytes]:
    """Pictures that are not taken for RGB of 8 bits, by name with suffix."""
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (*SIDES, 3), np.uint8)
    bands = rgb.transpose(2, 0, 1)
    png = encoded(rgb, "PNG")
    whole = tiff(root, bands, photometric="RGB")
    cmyk = io.BytesIO()
    Image.new("CMYK", SIDES[::-1], (9, 8, 7, 6)).save(cmyk, "JPEG")
    turned = Image.Exif()
    turned[274] = 6
    return {
        "of CMYK.jpg": cmyk.getvalue(),
        "turned.jpg": encoded(rgb, "JPEG", exif=turned),
        "of 16 bits.tif": tiff(root, bands.astype(np.uint16), photometric="RGB"),
        "of floats.tif": tiff(root, bands.astype(np.float32), photometric="RGB"),
        "of signed bytes.tif": tiff(root, bands.astype(np.int8), photometric="RGB"),
        "of two bands.tif": tiff(root, bands[:2]),
        "of complex numbers.tif": tiff(root, bands.astype(np.complex64)),
        "of Lab.tif": tiff(root, bands, photometric="CIELAB"),
        "without its end.png": png[:-12],
        "with a wrong sum.png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
        "of a huge width.png": png[:16] + struct.pack(">I", 2**30) + png[20:],
        "of no width.png": png[:16] + struct.pack(">I", 0) + png[20:],
        "a GIF.png": encoded(rgb[..., 0], "GIF"),
        "half.webp": encoded(rgb, "WEBP")[:900],
        "a header.bmp": encoded(rgb, "BMP")[:54],
        "of unknown compression.tif": with_tag(whole, 259, 60001),
        "of unknown colors.tif": with_tag(whole, 262, 77),
        "of no rows.tif": with_tag(whole, 257, 0),
        "of no bands.tif": with_tag(whole, 277, 0),
        "of pixels beyond its end.tif": with_tag(whole, 273, 2**31),
        "of an endless directory.tif": whole[:4] + struct.pack("<I", 2**31) + whole[8:],
    }


def stored_images(root: Path, rng: random.Random) -> Iterator[Case]:
    """As training images, as images to predict, and as masks."""
    for number, (name, content) in enumerate(kinds(root).items()):
        suffix = Path(name).suffix
        script = OF_IMAGES[number % 4]

        def spoil(root: Path, suffix: str = suffix, content: bytes = content) -> None:
            (root / "data/own/images/scene_001_val.jpg").unlink()
            (root / f"data/own/images/scene_001_val{suffix}").write_bytes(content)

        yield Case(f"{script} image {name}", "image", script, GOOD[script], "scene_001_val", spoil)
        if name in ("of 16 bits.tif", "of floats.tif", "of signed bytes.tif", "a GIF.png"):
            continue  # predict.py takes them
        odd = f"odd{suffix}"
        yield Case(f"predict.py {name}", "image", "predict.py", (*CONFIG, odd, "-o", "new"),
                   "odd", replace(odd, content))  # fmt: skip
        if number % 2:

            def spoil_mask(root: Path, suffix: str = suffix, content: bytes = content) -> None:
                (root / "data/own/masks/scene_001_val.png").unlink()
                (root / f"data/own/masks/scene_001_val{suffix}").write_bytes(content)

            yield Case(f"{script} mask {name}", "mask", script, GOOD[script], "scene_001_val",
                       spoil_mask)  # fmt: skip


def identities(root: Path, rng: random.Random) -> Iterator[Case]:
    """Checkpoints that say of their network, classes or training what cannot be."""
    stored = torch.load(root / CKPT, weights_only=True)
    identity = stored[IDENTITY]
    changed: dict[str, object] = {
        "a list": [1], "text": "BiCoR", "a number": 3, "empty": {},
        "a tensor": torch.zeros(2), "keyed by numbers": {1: 2},
    }  # fmt: skip
    for key, value in identity.items():
        changed[f"{key} missing"] = {k: v for k, v in identity.items() if k != key}
        for name, other in {"a number": 7, "a list": [3], "text": "other", "empty": type(value)(),
                            "a tensor": torch.ones(1)}.items():  # fmt: skip
            changed[f"{key} {name}"] = copy.deepcopy(identity) | {key: other}
    scripts = ("test.py", "predict.py", "tools/embeddings.py", "tools/heatmaps.py")
    for name in HARMLESS:
        del changed[name]
    for number, (name, content) in enumerate(changed.items()):
        script = scripts[number % 4]
        yield Case(f"{script} identity {name}", "identity", script, GOOD[script], "",
                   saved(stored | {IDENTITY: content}))  # fmt: skip


def saved(content: object) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        (root / CKPT).unlink()
        torch.save(content, root / CKPT)

    return spoil


def environments(root: Path, rng: random.Random) -> Iterator[Case]:
    """Variables of the environment that cannot be."""
    for name, value in (
        ("LOCAL_WORLD_SIZE", "two"), ("CUDA_VISIBLE_DEVICES", "x"), ("TMPDIR", "/no/such/folder"),
        ("SLURM_LOCALID", "x"), ("HOME", "/no/such/folder"), ("BICOR_BF16_TIME_SHARE", "x"),
        ("MPLBACKEND", "none"), ("COLUMNS", "x"),
    ):  # fmt: skip
        for script in ("train.py", "tools/curves.py", "predict.py"):
            command = (*GOOD[script], *(("--ckpt", "none.ckpt") if script == "predict.py" else ()))
            command = (*CONFIG, "lr=x") if script == "train.py" else command
            if script == "tools/curves.py":
                command = ("no/such/run", *command[1:])
            yield Case(f"{script} with {name}={value}", "environment", script, command, "",
                       environment={name: value})  # fmt: skip
