"""One picture in many stored forms, and what is right for each."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image, ImageCms
from rasterio.errors import NotGeoreferencedWarning
from rasterio.shutil import copy as copy_raster
from rasterio.transform import from_origin

HEIGHT, WIDTH = 60, 76
_rows, _cols = np.indices((HEIGHT, WIDTH))
PICTURE = np.dstack([_rows * 4, _cols * 3, (_rows + _cols) % 251]).astype(np.uint8)
GRAY = PICTURE[..., 2]
GRAYS = np.repeat(GRAY[..., None], 3, axis=2)
INFRARED = np.clip(PICTURE[..., 1].astype(int) - 40, 0, 255).astype(np.uint8)
FEW = Image.fromarray(PICTURE).quantize(16)
"""The picture in 16 colors, as a palette image."""
TWO = Image.fromarray(GRAY).point(lambda value: 255 * (value > 99)).convert("1")
PLACE = {"crs": "EPSG:32633", "transform": from_origin(400000, 5800000, 0.1, 0.1)}
AS_IT_IS = "decoded"
"""Right for a lossy form: near to the picture, the same in every stage."""


@dataclass
class Form:
    """How a file is written, and what is right: its pixels, or words of a refusal.

    ``scaled``: prediction maps the values to bytes instead, as its manual says.
    """

    name: str
    suffix: str
    write: object
    right: object
    scaled: bool = False


def bands(*arrays):
    return np.stack([band for array in arrays for band in np.atleast_3d(array).transpose(2, 0, 1)])


def tif(values, **options):
    def write(path):
        profile = {"driver": "GTiff", "height": HEIGHT, "width": WIDTH, **options}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", count=len(values), dtype=values.dtype, **profile
            ) as target:
                target.write(values)

    return write


def pillow(image, **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    kind = options.pop("format", None)
    return lambda path: image.save(path, format=kind, **options)


def exif(orientation):
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def cut(write):
    def write_half(path):
        write(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 2 // 3])

    return write_half


def with_tag(write, tag, value):
    """A little-endian TIFF whose tag of 16 bits has another value."""

    def write_changed(path):
        write(path)
        content = bytearray(path.read_bytes())
        (position,) = struct.unpack_from("<I", content, 4)
        (count,) = struct.unpack_from("<H", content, position)
        for entry in range(position + 2, position + 2 + 12 * count, 12):
            if struct.unpack_from("<H", content, entry)[0] == tag:
                struct.pack_into("<H", content, entry + 8, value)
                path.write_bytes(content)
                return
        raise AssertionError(f"no tag {tag}")

    return write_changed


def exif_at_the_end(path):
    """A PNG whose EXIF data follow its pixels."""
    pillow(PICTURE)(path)
    content = path.read_bytes()
    data = exif(6)
    data = data[6:] if data.startswith(b"Exif") else data
    chunk = b"eXIf" + data
    import zlib

    chunk = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:-12] + chunk + content[-12:])


def cloud_optimised(path):
    aside = path.with_name("aside.tif")
    tif(bands(PICTURE), **PLACE)(aside)
    copy_raster(aside, path, driver="COG", compress="deflate", blocksize=32)
    aside.unlink()


def masked(path):
    tif(bands(PICTURE), **PLACE)(path)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as target:
        target.write_mask(_rows > 9)


def transparent():
    return np.dstack([PICTURE, (_rows > 9).astype(np.uint8) * 255])


def with_a_hole(values):
    values = values.astype(np.float32)
    values[:, 5] = np.nan
    return values


def without(values, nothing):
    """Pixels that hold no data have ImageNet's mean, rounded."""
    return np.where(nothing[..., None], np.array([124, 116, 104], np.uint8), values)


DEEP = bands(PICTURE).astype(np.uint16) * 16
RGB = bands(PICTURE)
FLAGGED = bands(PICTURE, INFRARED)
LAB = ImageCms.profileToProfile(
    Image.fromarray(PICTURE),
    ImageCms.createProfile("sRGB"),
    ImageCms.createProfile("LAB"),
    outputMode="LAB",
)
TURNED = "its orientation tag is"
BITS_16 = "has more than 8 bits a band"
CUT = "replace it or take it out"
CODEC = "which is not supported here"

FORMS = [
    Form("PNG", ".png", pillow(PICTURE), PICTURE),
    Form("PNG color profile", ".png", pillow(PICTURE, icc_profile=ImageCms.ImageCmsProfile(
        ImageCms.createProfile("sRGB")).tobytes()), PICTURE),
    Form("PNG alpha", ".png", pillow(transparent()), PICTURE),
    Form("PNG one color transparent", ".png", pillow(PICTURE, transparency=(0, 0, 0)),
         without(PICTURE, (PICTURE == 0).all(axis=2))),
    Form("PNG palette", ".png", pillow(FEW), np.asarray(FEW.convert("RGB"))),
    Form("PNG palette, 4 bits", ".png", pillow(FEW, bits=4), np.asarray(FEW.convert("RGB"))),
    Form("PNG palette, transparency", ".png", pillow(FEW, transparency=3),
         without(np.asarray(FEW.convert("RGB")), np.asarray(FEW) == 3)),
    Form("PNG gray", ".png", pillow(GRAY), GRAYS),
    Form("PNG gray and alpha", ".png", pillow(np.dstack([GRAY, INFRARED])), GRAYS),
    Form("PNG 1 bit", ".png", pillow(TWO), "has 1 bits a band"),
    Form("PNG gray, 2 bits", ".png", tif(bands(GRAY // 64), driver="PNG", nbits=2),
         "has 2 bits a band"),
    Form("PNG gray, 4 bits", ".png", tif(bands(GRAY // 16), driver="PNG", nbits=4),
         "has 4 bits a band"),
    Form("PNG gray, 16 bits", ".png", tif(DEEP[:1], driver="PNG"), BITS_16, True),
    Form("PNG RGB, 16 bits", ".png", tif(DEEP, driver="PNG"), BITS_16, True),
    Form("PNG orientation 1", ".png", pillow(PICTURE, exif=exif(1)), PICTURE),
    Form("PNG orientation 3", ".png", pillow(PICTURE, exif=exif(3)), TURNED),
    Form("PNG orientation 6, at the end", ".png", exif_at_the_end, TURNED),
    Form("PNG truncated", ".png", cut(pillow(PICTURE)), CUT),
    Form("PNG named .tif", ".tif", pillow(PICTURE, format="PNG"), PICTURE),
    Form("JPEG 4:4:4", ".jpg", pillow(PICTURE, quality=95, subsampling=0), AS_IT_IS),
    Form("JPEG 4:2:0", ".jpg", pillow(PICTURE, quality=90, subsampling=2), AS_IT_IS),
    Form("JPEG progressive", ".jpeg", pillow(PICTURE, quality=90, progressive=True), AS_IT_IS),
    Form("JPEG stored as RGB", ".jpg", pillow(PICTURE, quality=95, keep_rgb=True), AS_IT_IS),
    Form("JPEG gray", ".jpg", pillow(GRAY, quality=95), AS_IT_IS),
    Form("JPEG CMYK", ".jpg", pillow(Image.fromarray(PICTURE).convert("CMYK")), "as CMYK"),
    Form("JPEG orientation 1", ".jpg", pillow(PICTURE, exif=exif(1), quality=95), AS_IT_IS),
    Form("JPEG orientation 8", ".jpg", pillow(PICTURE, exif=exif(8)), TURNED),
    Form("JPEG truncated", ".jpg", cut(pillow(PICTURE)), CUT),
    Form("JPEG named .png", ".png", pillow(PICTURE, format="JPEG", quality=95), AS_IT_IS),
    Form("WEBP lossless", ".webp", pillow(PICTURE, lossless=True), PICTURE),
    Form("WEBP lossy", ".webp", pillow(PICTURE, quality=95), AS_IT_IS),
    Form("WEBP alpha", ".webp", pillow(transparent(), lossless=True, exact=True), PICTURE),
    Form("WEBP orientation 3", ".webp", pillow(PICTURE, lossless=True, exif=exif(3)), TURNED),
    Form("WEBP truncated", ".webp", cut(pillow(PICTURE, lossless=True)), CUT),
    Form("BMP", ".bmp", pillow(PICTURE), PICTURE),
    Form("BMP 32 bits", ".bmp", pillow(transparent()), PICTURE),
    Form("BMP palette", ".bmp", pillow(FEW), np.asarray(FEW.convert("RGB"))),
    Form("BMP gray", ".bmp", pillow(GRAY), GRAYS),
    Form("BMP 1 bit", ".bmp", pillow(TWO), np.asarray(TWO.convert("RGB"))),
    Form("BMP truncated", ".bmp", cut(pillow(PICTURE)), CUT),
    Form("TIFF", ".tif", pillow(PICTURE), PICTURE),
    Form("TIFF strips", ".tif", tif(RGB, blockysize=8, interleave="pixel"), PICTURE),
    Form("TIFF tiles", ".tif", tif(RGB, tiled=True, blockxsize=16, blockysize=16), PICTURE),
    Form("TIFF bands apart", ".tif", tif(RGB, interleave="band"), PICTURE),
    Form("TIFF one strip, bands apart", ".tif",
         tif(RGB, interleave="band", blockysize=HEIGHT), PICTURE),
    Form("TIFF georeferenced", ".tif", tif(RGB, **PLACE), PICTURE),
    Form("TIFF big-endian", ".tif", tif(RGB, endianness="big"), PICTURE),
    Form("BigTIFF", ".tif", tif(RGB, bigtiff="yes"), PICTURE),
    Form("BigTIFF big-endian", ".tif", tif(RGB, bigtiff="yes", endianness="big"), PICTURE),
    *(Form(f"TIFF {name}", ".tif", tif(RGB, compress=name), PICTURE)
      for name in ("lzw", "deflate", "packbits", "lzma", "zstd", "lerc", "lerc_zstd")),
    Form("TIFF lzw, differences", ".tif", tif(RGB, compress="lzw", predictor=2), PICTURE),
    Form("TIFF WebP lossless", ".tif", tif(RGB, compress="webp", webp_lossless=True), PICTURE),
    Form("TIFF WebP", ".tif", tif(RGB, compress="webp"), AS_IT_IS),
    Form("TIFF JPEG, YCbCr", ".tif",
         tif(RGB, compress="jpeg", photometric="ycbcr", jpeg_quality=95), AS_IT_IS),
    Form("TIFF JPEG, RGB", ".tif", tif(RGB, compress="jpeg", jpeg_quality=95), AS_IT_IS),
    Form("TIFF LERC with error", ".tif", tif(RGB, compress="lerc", max_z_error=2), AS_IT_IS),
    Form("TIFF not RGB by its tag", ".tif", tif(RGB, photometric="minisblack"), PICTURE),
    Form("TIFF infrared flagged alpha", ".tif", tif(FLAGGED), PICTURE),
    Form("TIFF infrared flagged alpha, deflate", ".tif", tif(FLAGGED, compress="deflate"),
         PICTURE),
    Form("TIFF infrared", ".tif", tif(FLAGGED, alpha="unspecified", photometric="rgb"), PICTURE),
    Form("TIFF infrared, not RGB by its tag", ".tif", tif(FLAGGED, photometric="minisblack"),
         PICTURE),
    Form("TIFF alpha", ".tif", tif(bands(transparent())), PICTURE),
    Form("TIFF alpha, premultiplied", ".tif", tif(bands(transparent()), alpha="premultiplied"),
         PICTURE),
    Form("TIFF five bands", ".tif", tif(bands(PICTURE, INFRARED, GRAY), photometric="rgb"),
         PICTURE),
    Form("TIFF six bands, apart", ".tif",
         tif(bands(PICTURE, PICTURE), interleave="band", compress="lzw"), PICTURE),
    Form("TIFF two bands", ".tif", tif(bands(GRAY, INFRARED)), "has 2 bands, but a picture"),
    Form("TIFF gray", ".tif", tif(bands(GRAY)), GRAYS),
    Form("TIFF gray and alpha", ".tif", pillow(np.dstack([GRAY, INFRARED])), GRAYS),
    Form("TIFF white is 0", ".tif", with_tag(tif(bands(GRAY)), 262, 0), "as inverted gray"),
    Form("TIFF palette", ".tif", pillow(FEW), np.asarray(FEW.convert("RGB"))),
    Form("TIFF palette, LZW", ".tif", pillow(FEW, compression="tiff_lzw"),
         np.asarray(FEW.convert("RGB"))),
    Form("TIFF 1 bit", ".tif", pillow(TWO), "has 1 bits a band"),
    Form("TIFF 1 bit, fax", ".tif", pillow(TWO, compression="group4"), "a band"),
    Form("TIFF RGB, 4 bits", ".tif", tif(RGB // 16, nbits=4), "has 4 bits a band"),
    Form("TIFF CMYK", ".tif", pillow(Image.fromarray(PICTURE).convert("CMYK")), "as CMYK"),
    Form("TIFF YCbCr", ".tif", pillow(Image.fromarray(PICTURE).convert("YCbCr")), "as YCbCr"),
    Form("TIFF Lab", ".tif", pillow(LAB), "as CIE Lab"),
    Form("TIFF orientation 1", ".tif", pillow(PICTURE, tiffinfo={274: 1}), PICTURE),
    Form("TIFF orientation 3", ".tif", pillow(PICTURE, tiffinfo={274: 3}), TURNED),
    Form("TIFF orientation 6, LZW", ".tif",
         pillow(PICTURE, compression="tiff_lzw", tiffinfo={274: 6}), TURNED),
    Form("TIFF 16 bits", ".tif", tif(DEEP), BITS_16, True),
    Form("TIFF 12 bits", ".tif", tif(DEEP, nbits=12), BITS_16, True),
    Form("TIFF signed bytes", ".tif", tif((RGB // 2).astype(np.int8)), "signed bytes", True),
    Form("TIFF 32-bit floats", ".tif", tif(RGB.astype(np.float32)), BITS_16, True),
    Form("TIFF floats with NaN", ".tif", tif(with_a_hole(RGB)), BITS_16, True),
    Form("TIFF nodata 0", ".tif", tif(RGB, nodata=0), without(PICTURE, (PICTURE == 0).all(axis=2))),
    Form("TIFF with a mask", ".tif", masked, without(PICTURE, _rows <= 9)),
    Form("TIFF cloud-optimised", ".tif", cloud_optimised, PICTURE),
    Form("TIFF of two pages", ".tif",
         pillow(PICTURE, save_all=True, append_images=[Image.fromarray(GRAYS)]), PICTURE),
    Form("TIFF JPEG XL", ".tif", with_tag(tif(RGB, compress="deflate"), 259, 50002),
         f"JPEG XL, {CODEC}"),
    Form("TIFF unknown compression", ".tif", with_tag(tif(RGB, compress="deflate"), 259, 60000),
         f"number 60000, {CODEC}"),
    Form("TIFF truncated", ".tif", cut(pillow(PICTURE)), CUT),
    Form("TIFF deflate truncated", ".tif", cut(tif(RGB, compress="deflate")), CUT),
    Form("no image", ".png", lambda path: Path(path).write_bytes(b"no image"), CUT),
    Form("empty", ".jpg", lambda path: Path(path).write_bytes(b""), CUT),
]  # fmt: skip
