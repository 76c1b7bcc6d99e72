"""What a file of ``torch.save`` holds, found without torch, its tensors or any code in it."""

from __future__ import annotations

import math
import pickle
import pickletools
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from network.errors import CheckpointError, first_line

_LONGEST = 1 << 28
"""Bytes of plain values that are read; checkpoints have some millions at most."""
_BEFORE_ZIP = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_ITEM_BYTES = {
    "Double": 8, "Float": 4, "Half": 2, "BFloat16": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1,
    "Byte": 1, "Bool": 1, "ComplexFloat": 8, "ComplexDouble": 16,
}  # fmt: skip
_NAMES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip


class TensorOutline(NamedTuple):
    """A tensor without its values.

    Attributes:
        shape: of it.
        dtype: as ``float32``; empty where it is another than the common ones.
        place: of its values in the file; that of another tensor with which it shares them.
        item_bytes: of a value.
    """

    shape: tuple[int, ...]
    dtype: str
    place: str
    item_bytes: int

    @property
    def bytes(self) -> int:
        """Of all its values."""
        return math.prod(self.shape) * self.item_bytes


class _Storage(NamedTuple):
    kind: str
    place: str


class _Inert:
    """Stands for what only code could make of the file; takes everything and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> _Inert:
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    append = extend = add = __call__


def outline(path: str | Path) -> Any:
    """The content of a file of ``torch.save``, tensors as ``TensorOutline``.

    Raises:
        CheckpointError: missing, damaged, of another kind, or holding code, whose names are said.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint {path}")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(_other_kind(path))
    try:
        with zipfile.ZipFile(path) as archive:
            names = {entry.filename for entry in archive.infolist()}
            (values,) = (name for name in names if name.rpartition("/")[2] == "data.pkl")
            if archive.getinfo(values).file_size > _LONGEST:
                raise ValueError("its plain values are too many")
            root = values.removesuffix("data.pkl")
            with archive.open(values) as file:
                reader = _Outliner(file)
                content = reader.load()
            lacking = [place for place in reader.places if f"{root}data/{place}" not in names]
            if lacking:
                raise ValueError(f"{len(lacking)} of its tensors are missing")
    except Exception as error:  # pickle raises many kinds for what is none
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it is a damaged one, or no file of torch.save "
            f"({first_line(error)})"
        ) from error
    if reader.code:
        raise CheckpointError(_holds_code(path, reader.code))
    return content


class _Outliner(pickle.Unpickler):
    """Reads plain values; what would be imported or called stands still."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="utf-8")
        self.code: list[str] = []
        self.places: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _REBUILT:
            return _REBUILT[module, name]
        kind = name.removesuffix("Storage")
        if module == "torch" and kind in _ITEM_BYTES:
            return kind
        if module in ("torch", "torch.storage") and name in ("UntypedStorage", *_NAMES.values()):
            return name
        self.code.append(f"{module}.{name}")
        return _Inert

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, place, *_ = pid
        self.places.append(str(place))
        return _Storage(str(kind), str(place))


def _tensor(storage: _Storage, offset: int, size: tuple, *_: Any) -> TensorOutline:
    dtype, item = _NAMES.get(storage.kind, ""), _ITEM_BYTES.get(storage.kind, 1)
    return TensorOutline(tuple(size), dtype, storage.place, item)


def _parameter(tensor: TensorOutline, *_: Any) -> TensorOutline:
    return tensor


_REBUILT = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *parts: ":".join(map(str, parts)),
    ("builtins", "set"): set,
    ("builtins", "bytearray"): lambda *_: b"",
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
}


def _holds_code(path: Path, names: list[str]) -> str:
    return (
        f"{path} holds more than tensors and plain values: reading it as a pickle would import or "
        f"call {', '.join(dict.fromkeys(names))}. Nothing of it was executed, and no script here "
        "takes it"
    )


def _other_kind(path: Path) -> str:
    """What a file is that is no archive of ``torch.save``."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    if not start:
        return f"{path} is empty"
    if start[:2] in (b"PK",):
        return f"{path} cannot be read as a checkpoint: it is damaged, as by a copy that broke off"
    if start.startswith(_BEFORE_ZIP):
        return f"{path} is a file as torch wrote it before version 1.6: load and save it again"
    names = list(_globals(start)) if start[:1] in (b"\x80", b"c", b"(", b"]", b"}") else []
    if names:
        return _holds_code(path, names)
    return (
        f"{path} is no checkpoint: no file as torch writes it since version 1.6 (it begins with "
        f"{start[:8]!r})"
    )


def _globals(content: bytes) -> Iterator[str]:
    """Names that a pickle imports, by its opcodes, up to where it ends or makes no sense."""
    texts: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif opcode.name == "STACK_GLOBAL" and len(texts) > 1:
                yield ".".join(texts[-2:])
            elif isinstance(argument, str):
                texts.append(argument)
    except Exception:  # what follows is no pickle
        return
