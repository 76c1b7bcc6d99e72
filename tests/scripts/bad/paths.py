"""Inputs and outputs at places where nothing can be read from, or must not be written to."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import files_of, run_here
from tests.scripts.bad.case import CKPT, GOOD, Case, put

LONG = "x" * 300
MORE_INPUTS = {
    "test.py": ("--ckpt", CKPT),
    "train.py": ("--resume", CKPT),
    "predict.py": ("--ckpt", CKPT),
    "tools/heatmaps.py": ("--ckpt", CKPT),
    "tools/embeddings.py": ("--ckpt", CKPT),
    "tools/report.py": ("-c", "bicor.py", "--ckpt", CKPT),
}


def fifo(root: Path) -> None:
    os.mkfifo(root / "fifo")


def dangling(root: Path) -> None:
    (root / "dangling").symlink_to("nowhere")


def loop(root: Path) -> None:
    (root / "loop").symlink_to("loop")


def as_it_is(root: Path) -> None:
    pass


ODD_INPUTS: dict[str, Callable[[Path], object]] = {
    "no/such\nplace": as_it_is,
    "fifo": fifo,
    "dangling": dangling,
    "loop": loop,
    "/dev/null": as_it_is,
    "empty file": lambda root: put(root / "empty file", b""),
    "émpty folder": lambda root: (root / "émpty folder").mkdir(),
    LONG: as_it_is,
    "": as_it_is,
    "bicor.py/below": as_it_is,
}
ODD_OUTPUTS: dict[str, Callable[[Path], object]] = {
    "fifo": fifo,
    "loop": loop,
    "": as_it_is,
    "bicor.py": as_it_is,
    "bicor.py/below": as_it_is,
    "/proc/new": as_it_is,
    LONG: as_it_is,
    f"new/{LONG}": as_it_is,
}
OTHERS = {"tools/heatmaps.py": 1, "tools/embeddings.py": 1, "tools/curves.py": 1}
"""Of figures, which take long, one output is in the way; of other scripts three."""


def paths(root: Path) -> Iterator[Case]:
    for script, command in GOOD.items():
        longer = (*command, *MORE_INPUTS.get(script, ()))
        for place, word in enumerate(longer):
            if word.startswith("-") or not (root / word).exists():
                continue
            for odd, spoil in ODD_INPUTS.items():
                yield _case("path", script, longer, place, odd, spoil)


def outputs(root: Path) -> Iterator[Case]:
    for script, command in GOOD.items():
        for place, word in enumerate(command):
            stem = script == "tools/curves.py"  # files of that name with suffixes are free
            if word.startswith("new"):
                for odd, spoil in ODD_OUTPUTS.items():
                    if not stem or odd not in ("fifo", "bicor.py"):
                        yield _case("output", script, command, place, odd, spoil)
        for output in written(root, script):
            for name, place_other in (("file", other_file), ("folder", other_folder),
                                      ("link to an image", link)):  # fmt: skip
                yield Case(f"{script}, {output}: a {name}", "output", script, _quick(script),
                           "new", functools.partial(place_other, output))  # fmt: skip
    yield from aimed()


def aimed() -> Iterator[Case]:
    """Outputs in the place of inputs."""
    split = GOOD["tools/vaihingen_patch_split.py"]
    potsdam = GOOD["tools/potsdam_patch_split.py"]
    for script, arguments in (
        ("test.py", ("-c", "bicor.py", "-o", "data/own")),
        ("predict.py", ("-c", "bicor.py", "data/own/images", "-o", "data/own/images")),
        ("predict.py", ("-c", "bicor.py", "data/own/images/scene_000.jpg", "-o", "data/own/masks")),
        ("predict.py", ("-c", "bicor.py", "data/own/masks/scene_000.png", "-o", "data/own/masks")),
        ("tools/loveda_mask_convert.py", ("--mask-dir", "raw", "--output-mask-dir", "raw")),
        ("tools/loveda_mask_convert.py", ("--mask-dir", "raw", "--output-mask-dir", "raw/../raw")),
        ("tools/vaihingen_patch_split.py", ("new/i", "tiles/images")),
        ("tools/vaihingen_patch_split.py", ("new/m", "tiles/masks")),
        ("tools/potsdam_patch_split.py", ("new/i", "potsdam/images")),
        ("tools/potsdam_patch_split.py", ("new/m", "potsdam/masks")),
        (
            "tools/make_demo_data.py",
            ("--layout", "loveda", "--output", "data/LoveDA", "--images", "1"),
        ),
        ("tools/report.py", ("out", "-o", "out/results.json")),
        ("tools/convert_checkpoint.py", (CKPT, CKPT, "-c", "bicor.py")),
    ):
        if "patch_split" in script:
            old, new = arguments
            base = potsdam if "potsdam" in script else split
            arguments = tuple(new if word == old else word for word in base)
        yield Case(f"aimed: {script} {' '.join(arguments)}", "output", script, arguments)


@functools.cache
def written(root: Path, script: str) -> list[Path]:
    """Some of what a script writes, relative to the folder in which it runs."""
    if "new" not in "".join(GOOD[script]):
        return []
    scratch = root.with_name(f"written_{Path(script).stem}")
    shutil.copytree(root, scratch)
    before = files_of(scratch)
    run_here(scratch, script, *_quick(script))
    new = [path for path in files_of(scratch).keys() - before.keys() if path.name[0] != "."]
    shutil.rmtree(scratch)
    new.sort(key=lambda path: (len(path.parts), str(path)))
    most = OTHERS.get(script, 3)
    return new[:: max(1, len(new) // most)][:most]


def _quick(script: str) -> tuple[str, ...]:
    """The command of a script, of figures the least."""
    few = ("--images", "scene_001_val", "--layers", "1", "--classes", "Car")
    return (*GOOD[script], *(few if script == "tools/heatmaps.py" else ()))


def other_file(output: Path, root: Path) -> None:
    (root / output).parent.mkdir(parents=True, exist_ok=True)
    (root / output).write_text("somebody's work")


def other_folder(output: Path, root: Path) -> None:
    (root / output).mkdir(parents=True)
    (root / output / "work.txt").write_text("somebody's work")


def link(output: Path, root: Path) -> None:
    (root / output).parent.mkdir(parents=True, exist_ok=True)
    (root / output).symlink_to(root / "data/own/images/scene_000.jpg")


def _case(
    kind: str, script: str, command: tuple, place: int, odd: str, spoil: Callable[[Path], object]
) -> Case:
    before = command[place - 1] if place and command[place - 1].startswith("-") else f"word {place}"
    changed = (*command[:place], odd, *command[place + 1 :])
    checks_source_first = script == "tools/convert_checkpoint.py" and kind == "output"
    word = "" if checks_source_first else os.path.basename(odd).partition("\n")[0][:20]
    return Case(f"{kind} {script} {before} {odd[:20]!r}", kind, script, changed, word, spoil)
