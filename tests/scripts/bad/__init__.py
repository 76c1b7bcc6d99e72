"""Generates inputs that no script may accept, the same ones each time."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.scripts.bad.arguments import arguments
from tests.scripts.bad.case import Case
from tests.scripts.bad.checkpoints import checkpoints
from tests.scripts.bad.configs import configs, overrides
from tests.scripts.bad.pictures import pictures
from tests.scripts.bad.records import records

KINDS = ("config", "override", "image", "mask", "checkpoint", "argument", "record")


def cases(root: Path) -> Iterator[Case]:
    """All cases; ``root`` is the prepared folder, to spoil what is in it."""
    rng = random.Random(7)
    for maker in (configs, overrides, pictures, checkpoints, records):
        yield from maker(root, rng)
    yield from arguments(root)
