"""``cache="disk"``: decoded copies of images and masks, of which only what is looked at is read."""

from __future__ import annotations

import shutil
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from network.datasets.checks import check_size, for_each
from network.datasets.decoding import image_decoding, mask_decoding
from network.datasets.layout import DISK, DatasetLayout, Sample, size_fault
from network.datasets.reading import read_filled, without_data
from network.errors import ConfigError, DataError, OutputError
from network.files.array_store import ArrayStore, relative
from network.files.band_images import StoredImage, check_image, reads_windows, sidecars
from network.files.locking import locked
from network.files.parallel import default_processes
from network.files.staging import beside

FOLDER = ".prepared"
"""In the folder of the dataset; hidden, and so no data for any layout."""

MOST_OPEN = 128
"""Images and masks that a process keeps open; each takes a file handle, of which 1024 are usual."""

VALUES, VALID, MASK = "values", "valid", "mask"
_ADVICE = (
    "make room or make the folder writable, or set dataset.cache=False (True keeps decoded images "
    "in memory)"
)


class _Part(NamedTuple):
    """What is kept under one key: an image, or a mask with the image that it belongs to."""

    store: ArrayStore
    key: str
    sources: list[Path]


class DiskCache:
    """Copies of images and masks as a dataset decodes them, in ``root/.prepared``.

    An image is kept as its bands in their own type, filled where it holds no data, and where it
    holds data; a mask as class indices. Images that are read by windows as they are, uncompressed
    TIFFs, are not copied. Copies are for one way to decode (bands, labels, ...), of which there may
    be several, each with a folder of its own.

    Args:
        layout: of the samples.

    Raises:
        ConfigError: it has no folder.
    """

    def __init__(self, layout: DatasetLayout) -> None:
        if layout.root is None:
            raise ConfigError(
                f"dataset.cache={DISK!r}: {type(layout).__name__} does not say where its copies "
                "go; let it have an attribute root, or set dataset.cache=False"
            )
        self.layout = layout
        self.root = Path(layout.root)
        self._open: OrderedDict[tuple[Path, ...], Any] = OrderedDict()
        self.folder = self.root / FOLDER
        self.images, self.masks = (
            ArrayStore(self.folder / f"{kind}-{decoding}", self.root)
            for kind, decoding in (
                ("images", image_decoding(layout.spec)),
                ("masks", mask_decoding(layout)),
            )
        )

    def __getstate__(self) -> dict[str, Any]:
        """Without open files, of which a pickle would hold the pixels."""
        return vars(self) | {"_open": OrderedDict()}

    def image(self, path: Path) -> StoredImage:
        """An image that was prepared, as ``read_filled`` gives it, mapped into memory."""

        def read() -> StoredImage:
            key = self._image(path).key
            if key not in self.images.entries:
                return read_filled(path, self.layout.spec)
            return StoredImage(self.images.get(key, VALUES), self.images.get(key, VALID))

        return self._mapped((path,), read)

    def mask(self, image: Path, path: Path) -> np.ndarray:
        """The class indices of a mask that was prepared, ignored where its image has no data."""
        return self._mapped(
            (image, path), lambda: self.masks.get(self._mask(image, path).key, MASK)
        )

    def _mapped(self, paths: tuple[Path, ...], read: Callable[[], Any]) -> Any:
        """What was mapped, still open where it was read lately, so that its pages are at hand."""
        if paths not in self._open:
            self._open[paths] = read()
        self._open.move_to_end(paths)
        found = self._open[paths]
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)
        return found

    def prepare(self, samples: Sequence[Sample]) -> None:
        """Make the copies that are missing or out of date, all or none; say so, and how large.

        Raises:
            DataError: files that cannot be decoded; each is named.
            OutputError: no room for the copies, or they cannot be written.
        """
        samples = [*{tuple(sample.files): sample for sample in samples}.values()]
        if not self._missing(samples):
            return
        try:
            self.folder.mkdir(exist_ok=True)
            with locked(self.folder / ".lock", self._say_waiting):
                self.images.refresh()
                self.masks.refresh()
                missing = self._missing(samples)
                if missing:
                    self._make(missing)
        except OutputError as error:
            raise OutputError(f"dataset.cache={DISK!r}: {error}; {_ADVICE}") from error
        except OSError as error:
            raise OutputError(
                f"dataset.cache={DISK!r}: cannot write {self.folder}: {error.strerror}; {_ADVICE}"
            ) from error

    def _make(self, missing: dict[Sample, list[_Part]]) -> None:
        sizes = for_each([*missing], lambda s: self._bytes(s, missing[s]), "looking at sizes")
        needed, free = sum(sizes), shutil.disk_usage(self.folder).free
        parts = [part.store for each in missing.values() for part in each]
        print(
            f"cache={DISK!r}: decoding {parts.count(self.images)} images and "
            f"{parts.count(self.masks)} masks to {self.folder}, {_size(needed)} ({_size(free)} are "
            "free there); once, until files change",
            flush=True,
        )
        if needed > free:
            raise OutputError(
                f"the copies need {_size(needed)} in {self.folder}, where {_size(free)} are free"
            )
        used = {".lock", self.images.folder.name, self.masks.folder.name}
        others = [path.name for path in self.folder.iterdir() if path.name not in used]
        if others:
            print(f"note: {self.folder} also holds copies for other settings, which may be removed")
        with beside([self.folder / "new"]) as (aside,):

            def write(sample: Sample) -> list[tuple[_Part, dict[str, Any]]]:
                return self._write(aside, sample, missing[sample])

            written = for_each([*missing], write, "decoding", default_processes())
            for store in (self.images, self.masks):
                entries = {
                    part.key: entry
                    for each in written
                    for part, entry in each
                    if part.store is store
                }
                if entries:
                    store.add(aside, entries)

    def _write(
        self, aside: Path, sample: Sample, parts: list[_Part]
    ) -> list[tuple[_Part, dict[str, Any]]]:
        states = [part.store.states(part.sources) for part in parts]
        image = read_filled(sample.image, self.layout.spec)
        found = []
        for part, state in zip(parts, states, strict=True):
            if part.store is self.images:
                arrays = {VALUES: image.values}
                arrays |= {} if image.valid is None else {VALID: image.valid}
            else:
                path = part.sources[0]
                mask = self.layout.read_mask(path)
                if mask.shape != image.values.shape[:2]:
                    raise size_fault(sample.image, path, image.values.shape[:2], mask.shape)
                arrays = {MASK: without_data(self.layout, mask, image.valid, sample.image, path)}
            found.append((part, part.store.write(aside, part.key, state, arrays)))
        return found

    def _missing(self, samples: Sequence[Sample]) -> dict[Sample, list[_Part]]:
        """What has no copy that is up to date, by sample."""
        found = {}
        for sample in samples:
            parts = [self._image(sample.image)]
            parts += [self._mask(sample.image, path) for path in sample.masks.values()]
            lacking = [part for part in parts if not part.store.holds(part.key, part.sources)]
            if lacking and lacking[0].store is self.images and self._is_mapped(sample.image):
                self.images.entries.pop(lacking[0].key, None)
                lacking = lacking[1:]
            if lacking:
                found[sample] = lacking
        return found

    def _is_mapped(self, image: Path) -> bool:
        try:
            return reads_windows(image, self.layout.spec.selection)
        except DataError:  # named with all others when sizes are looked at
            return False

    def _bytes(self, sample: Sample, parts: list[_Part]) -> int:
        check_size(self.layout.spec, sample)
        form = check_image(sample.image, self.layout.spec.selection)
        deep = self.layout.spec.num_bands * form.dtype.itemsize
        pixels = form.height * form.width
        return sum(pixels * (deep if part.store is self.images else 1) for part in parts)

    def _image(self, path: Path) -> _Part:
        return _Part(self.images, relative(path, self.root), [path, *sidecars(path)])

    def _mask(self, image: Path, path: Path) -> _Part:
        key = f"{relative(path, self.root)}|{relative(image, self.root)}"
        sources = [path, *sidecars(path), image, *sidecars(image)]
        return _Part(self.masks, key, sources)

    def _say_waiting(self) -> None:
        print(f"waiting for another process that fills {self.folder}", flush=True)


def _size(count: int) -> str:
    """A number of bytes for a message."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
