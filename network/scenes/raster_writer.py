"""GeoTIFFs that are written a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from network.datasets.catalog import DatasetSpec
from network.errors import OutputError
from network.scenes.georeference import carry_on
from network.scenes.rasters import NODATA, Raster

_BLOCK = 512


class RasterWriter:
    """A tiled, compressed GeoTIFF beside a source: its size and its place on the ground.

    Args:
        path: of the file.
        source: the image that was predicted.
        count: bands.
        dtype: of the values.
        nodata: value of pixels without data.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        source: Raster,
        count: int = 1,
        dtype: str = "uint8",
        nodata: float | None = NODATA,
    ) -> None:
        self.path = path
        with self._written():
            self.target = rasterio.open(
                path,
                "w",
                driver="GTiff",
                height=source.height,
                width=source.width,
                count=count,
                dtype=dtype,
                nodata=nodata,
                crs=source.source.crs,
                transform=source.source.transform,
                tiled=True,
                blockxsize=_BLOCK,
                blockysize=_BLOCK,
                compress="deflate",
                predictor=3 if dtype == "float32" else 1,
                bigtiff="if_safer",
            )
            carry_on(source.source, self.target)

    def __enter__(self) -> RasterWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            with self._written():
                self.target.close()
        else:
            with suppress(RasterioError):
                self.target.close()

    def name_classes(self, spec: DatasetSpec) -> None:
        """Store the palette as the color map, and the names of the classes as tags."""
        colors = {index: (*color, 255) for index, color in enumerate(spec.palette)}
        self.target.write_colormap(1, colors | {NODATA: (0, 0, 0, 0)})
        names = {f"CLASS_{index}": name for index, name in enumerate(spec.classes)}
        self.target.update_tags(1, **names)

    def name_bands(self, names: Sequence[str]) -> None:
        """Store what each band holds."""
        self.target.descriptions = tuple(names)

    def write(self, values: np.ndarray, rows: slice, cols: slice) -> None:
        """Write a part: values [h, w] or [bands, h, w].

        Raises:
            OutputError: it cannot be written.
        """
        window = Window(cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start)
        with self._written():
            self.target.write(values[None] if values.ndim == 2 else values, window=window)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except RasterioError as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise OutputError(f"cannot write {self.path}: {reason}") from error
