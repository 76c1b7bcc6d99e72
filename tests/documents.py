"""README.md and docs/*.md taken apart, and what a command in them asks for."""

import argparse
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from torch.distributed.run import get_args_parser

from benchmarks.run import BENCHMARKS
from network.experiment import Experiment
from network.experiment.ranges import LOGGERS
from network.studies import Study
from network.studies.task import tasks_of
from tests.conftest import REPOSITORY, run_here

README = REPOSITORY / "README.md"
DOCUMENTS = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: the document's heading above it, its language, its lines."""

    section: str
    language: str
    text: str


def read(document):
    return document.read_text(encoding="utf-8")


def blocks(document, language=None, section=None):
    """The fenced blocks of a document, all or those of a language, of a section."""
    text = read(document)
    found = []
    for match in _FENCE.finditer(text):
        headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", text[: match.start()]), re.MULTILINE)
        found.append(Block(headings[-1], match[1], match[2]))
    return [
        block
        for block in found
        if language in (None, block.language) and section in (None, block.section)
    ]


def prose(document):
    """A document without its fenced blocks."""
    return _FENCE.sub("", read(document))


def code_spans(document):
    """What stands in backticks within the prose."""
    text = prose(document)
    assert text.count("`") % 2 == 0, f"{document}: a backtick without its pair"
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


def commands(block):
    """The commands of a block, comments left out."""
    lines = block.text.splitlines()
    return [line for line in lines if shlex.split(line, comments=True)]


class Call(NamedTuple):
    """A script of the repository with its arguments, and what its parser makes of them."""

    script: str
    arguments: list[str]
    parsed: argparse.Namespace


def checked(command, folder):
    """Refuse a command that cannot work.

    Returns:
        the call of a script that can be run here as it is; None for what is only looked at.

    Raises:
        AssertionError: an unknown command, script, file, target, flag, or setting.
    """
    words = shlex.split(command, comments=True)
    match words:
        case ["python", script, *arguments]:
            call = _script(script, arguments, folder)
            several = any(word.startswith("devices=") for word in arguments)
            several |= len(configs_of(call.parsed)) > 1  # no override suits all their networks
            long = script == "study.py" or script.startswith("benchmarks/")
            return None if several or long else call
        case ["torchrun", *arguments]:
            args = _strict(get_args_parser(), command).parse_args(arguments)
            _script(args.training_script, args.training_script_args, folder)
        case ["srun", "python", script, *arguments]:
            _script(script, arguments, folder)
        case ["make", *arguments]:
            targets = re.findall(r"^(\w+):", read(REPOSITORY / "Makefile"), re.MULTILINE)
            unknown = {word for word in arguments if "=" not in word} - {*targets}
            assert not unknown, f"{command}: no target {', '.join(unknown)}"
        case ["pip", "install", *arguments]:
            _packages(arguments)
        case ["python3", "-m", "venv", ".venv"] | ["source", ".venv/bin/activate"]:
            pass
        case _:
            raise AssertionError(f"neither run nor checked: {command}")
    return None


def configs_of(args):
    """The configs that a script's arguments name."""
    config = getattr(args, "config", None) or []
    return [config] if isinstance(config, str) else config


def parser_of(script, folder):
    """The parser of a script and the name of the method that it parses by."""

    class Reached(Exception):
        pass

    def stopping(name):
        def stop(parser, *_):
            raise Reached(parser, name)

        return stop

    assert (REPOSITORY / script).is_file(), f"no script {script}"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("parse_args", "parse_intermixed_args"):
            patch.setattr(argparse.ArgumentParser, name, stopping(name))
        try:
            run_here(folder, script)
        except Reached as reached:
            return reached.args
    raise AssertionError(f"{script} takes no command line")


def scripts():
    """Every script of the repository, by its path."""
    found = [
        *REPOSITORY.glob("*.py"),
        *REPOSITORY.glob("tools/*.py"),
        REPOSITORY / "benchmarks/run.py",
    ]
    return [str(path.relative_to(REPOSITORY)) for path in sorted(found)]


def _script(script, arguments, folder):
    parser, method = parser_of(script, folder)
    command = shlex.join([script, *arguments])
    args = getattr(_strict(parser, command), method)(arguments)
    if script == "benchmarks/run.py":
        assert {*args.names} <= {*BENCHMARKS}, command
    for config in configs_of(args):
        Experiment.load(Path(folder) / config, getattr(args, "overrides", ()))
    if script == "study.py":
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            tasks_of(Study.load(args.study), Path("out"), args.only, args.seed)
    return Call(script, arguments, args)


def _strict(parser, command):
    """The parser, with its complaints as failures of the test."""

    def refuse(message):
        raise AssertionError(f"{command}: {message}")

    parser.error = refuse
    return parser


def _packages(arguments):
    words = iter(arguments)
    for word in words:
        if word in ("-r", "-c"):
            assert (REPOSITORY / next(words)).is_file(), f"pip install {word}: no such file"
        else:
            assert word in LOGGERS, f"pip install {word}: what for?"
