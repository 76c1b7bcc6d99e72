"""Options and paths that cannot be."""

import argparse
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY
from tests.scripts.bad.case import CONFIG, GOOD, Case


class Captured(Exception):
    """Carries a script's parser out of it."""


def parser_of(script: str) -> argparse.ArgumentParser:
    def capture(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Captured(self)

    names = ("parse_args", "parse_intermixed_args", "parse_known_args")
    before = {name: getattr(argparse.ArgumentParser, name) for name in names}
    path = list(sys.path)
    try:
        for name in names:
            setattr(argparse.ArgumentParser, name, capture)
        runpy.run_path(str(REPOSITORY / script), run_name="__main__")
    except Captured as found:
        return found.args[0]
    finally:
        sys.path[:] = path
        for name, function in before.items():
            setattr(argparse.ArgumentParser, name, function)
    raise AssertionError(f"{script} reads no arguments")


def arguments(root: Path) -> Iterator[Case]:
    for script, command in GOOD.items():
        yield Case(f"{script} --no-such-flag", "argument", script, (*command, "--no-such-flag"), "")
        if any(a.required for a in parser_of(script)._actions):
            yield Case(f"{script} without arguments", "argument", script, (), "required")
        for action in parser_of(script)._actions:
            if not action.option_strings or action.nargs == 0:
                continue
            flag = action.option_strings[-1]
            values = {"no-such-choice"} if action.choices else set()
            if action.type in (int, float):
                values = {"many", "-3", "nan" if action.type is float else "0.5"}
            if flag in ("--ckpt", "--resume", "--img-dir", "--mask-dir", "--images", "--masks"):
                values = {"none.of.that.name"}
            if flag in ("-o", "--output", "--output-img-dir", "--output-mask-dir"):
                values = {"bicor.py/below", "bicor.py"}
            if flag == "--output-mask-dir" or script == "tools/curves.py":
                values = {"bicor.py/below"}
            if script == "tools/make_demo_data.py" and flag == "--images":
                values = {"many", "-3", "0.5"}
            several = 2 if action.nargs == 2 else 1
            for value in sorted(values):
                changed = (*without(command, action), *needed(script, action))
                changed += (flag, *[value] * several)
                yield Case(f"{script} {flag} {value}", "argument", script, changed, "")


def without(command: tuple[str, ...], action: argparse.Action) -> tuple[str, ...]:
    """A command without an option and its one value."""
    for place, word in enumerate(command):
        if word in action.option_strings:
            return (*command[:place], *command[place + 2 :])
    return command


def needed(script: str, action: argparse.Action) -> tuple[str, ...]:
    """What an option has no effect without."""
    return {"--min-area": ("--polygons",), "--val-scale": ("--mode", "val")}.get(
        action.option_strings[-1], CONFIG if script == "tools/report.py" else ()
    )
