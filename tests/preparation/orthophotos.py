"""Small orthophotos and labels, and what the splitter made of them."""

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.transform import from_origin

from tests.conftest import run_here

SCRIPT = "tools/split_orthophoto.py"
UTM, DEGREES = "EPSG:32632", "EPSG:4326"
PLACE = from_origin(600_000, 5_300_000, 0.5, 0.5)


def write_image(path, values, crs=UTM, transform=PLACE, **options):
    """A GeoTIFF of values [bands, H, W]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    place = {"crs": crs} | ({} if transform is None else {"transform": transform})
    with rasterio.open(path, "w", driver="GTiff", **shape, **place, **options) as file:
        file.write(values)
    return path


def noise(bands, height, width, dtype="uint16", seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 250 if dtype == "uint8" else 60000, (bands, height, width), dtype)


def write_polygons(path, outlines, values=None, crs=UTM, driver="GPKG", layer=None, **options):
    """Outlines on the ground with the text field ``kind``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {} if values is None else {"kind": np.array([*values], options.pop("dtype", object))}
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(outlines, object)),
        [*fields.values()],
        [*fields],
        driver=driver,
        layer=layer,
        geometry_type=options.pop("geometry_type", "Unknown"),
        crs=crs,
        **options,
    )
    return path


def on_ground(outline, transform=PLACE):
    """An outline in pixels (x, y) on the ground."""
    return shapely.transform(outline, lambda xy: np.array([transform * tuple(each) for each in xy]))


def box(left, top, right, bottom, transform=PLACE):
    return on_ground(shapely.box(left, top, right, bottom), transform)


def split(root, *arguments):
    """Run the splitter; what it said."""
    result = run_here(root, SCRIPT, *arguments)
    assert result.status == 0, result.error
    return result.out


def patches(folder):
    """Values, mask and transform of each patch by its stem."""
    found = {}
    for path in sorted((folder / "images").glob("*.tif")):
        with rasterio.open(path) as file:
            values, transform = file.read(), file.transform
        with rasterio.open(folder / f"masks/{path.stem}.png") as file:
            found[path.stem] = values, file.read(1), transform
    return found


def footprint(transform, height, width):
    """What an image shows of the ground."""
    return on_ground(shapely.box(0, 0, width, height), transform)


def reassembled(folder, height, width, transform=PLACE, fill=0):
    """The source put together again by the place of the patches: values, masks and how often."""
    values = masks = None
    times = np.zeros((height, width), int)
    for image, mask, place in patches(folder).values():
        left, top = (round(each, 6) for each in ~transform * (place.c, place.f))
        assert left == int(left) and top == int(top)
        rows, cols = (
            slice(int(top), int(top) + mask.shape[0]),
            slice(int(left), int(left) + mask.shape[1]),
        )
        if values is None:
            values = np.full((len(image), height, width), fill, image.dtype)
            masks = np.full((height, width), 255, np.uint8)
        inside = np.s_[: height - int(top), : width - int(left)]
        values[:, rows, cols] = image[(slice(None), *inside)]
        fresh = times[rows, cols] == 0
        masks[rows, cols] = np.where(fresh, mask[inside], masks[rows, cols])
        times[rows, cols] += 1
    return values, masks, times


def crs(code):
    return CRS.from_user_input(code)
