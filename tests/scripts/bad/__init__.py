"""Generates inputs that no script may accept, the same ones each time."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.scripts.bad.arguments import arguments
from tests.scripts.bad.case import Case
from tests.scripts.bad.checkpoints import checkpoints
from tests.scripts.bad.configs import configs, overrides
from tests.scripts.bad.paths import outputs, paths
from tests.scripts.bad.pictures import pictures
from tests.scripts.bad.records import records
from tests.scripts.bad.stored import environments, identities, stored_images

KINDS = tuple(
    "config override image mask checkpoint identity argument record path output environment".split()
)


def cases(root: Path) -> Iterator[Case]:
    """All cases; ``root`` is the prepared folder, to spoil what is in it."""
    rng = random.Random(7)
    for maker in (configs, overrides, pictures, checkpoints, records, stored_images, identities,
                  environments):  # fmt: skip
        yield from maker(root, rng)
    for maker in (arguments, paths, outputs):
        yield from maker(root)
