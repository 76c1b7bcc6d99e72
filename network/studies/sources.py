"""Hashes of what Python files do, which comments and docstrings do not change."""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path

_LIBRARY = Path(__file__).resolve().parents[1]
TRAINING = ("training", "inference", "experiment", "datasets", "losses", "models", "files")
"""Packages on which a training depends, beside the modules next to them; a test does, too."""
TESTING = ("evaluation", "scenes")
"""Packages on which only a test depends."""

COUNTING = ("complexity", "models")
"""Packages on which it depends what a network costs."""


def training_code() -> str:
    """Hash of the library's code for training, as the files are now."""
    return _hash([*_LIBRARY.glob("*.py"), *_files(TRAINING)])


def testing_code() -> str:
    """Hash of the library's code that is for testing alone, as the files are now."""
    return _hash(_files(TESTING))


def counting_code() -> str:
    """Hash of the library's code for counting what a network costs, as the files are now."""
    return _hash(_files(COUNTING))


def config_code(path: Path, settings: Container[str]) -> str:
    """Hash of what a config defines and imports, without the values of its settings."""
    text = path.read_text(encoding="utf-8")
    assigned = [
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        and all(isinstance(t, ast.Name) and t.id in settings for t in node.targets)
    ]
    return digest([code_of(text, assigned)])


def code_of(text: str, without: Iterable[ast.AST] = ()) -> str:
    """A source without comments, docstrings and empty lines.

    Args:
        text: the source.
        without: statements that are left out as well, by their lines.
    """
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in [*without, *_docstrings(ast.parse(text))]:
        lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())


@cache
def _code_in(path: Path, written: int) -> str:
    """The code in a file as it was written at a time."""
    return code_of(path.read_text(encoding="utf-8"))


def _docstrings(tree: ast.AST) -> Iterable[ast.AST]:
    """Strings that stand alone: docstrings of modules, classes, functions and attributes."""
    return (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _files(packages: Iterable[str]) -> list[Path]:
    return [path for package in packages for path in (_LIBRARY / package).rglob("*.py")]


def _hash(paths: Iterable[Path]) -> str:
    named = ((path.relative_to(_LIBRARY).as_posix(), path) for path in paths)
    return digest(
        part
        for name, path in sorted(named)
        for part in (name, _code_in(path, path.stat().st_mtime_ns))
    )


def digest(parts: Iterable[str]) -> str:
    """SHA-256 of several texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
