"""The parser of all scripts: no word of a command line goes astray."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from network.errors import ConfigError
from network.files.model_folder import is_checkpoint

_NUMBER = re.compile(r"-(\.?\d|inf|nan)")


class _Rule(NamedTuple):
    needs: str
    without: str
    unique: bool
    more: Callable[[str], bool] | None


class ScriptParser(argparse.ArgumentParser):
    """argparse's parser, which loses and mistakes nothing.

    Settings (``lr=1e-4``), paths and options may stand in any order: a list of values takes no
    setting in, unless there is a file of that name, one of numbers ends where the numbers end, and
    one of checkpoints where they end.
    Options are written in full. Refused are empty words, an option with a value that is given
    twice, and what the rules of ``add_argument`` say.

    Args:
        description: of the script.
        options: of argparse.
    """

    def __init__(self, description: str | None, **options) -> None:
        self._rules: dict[str, _Rule] = {}
        super().__init__(description=description, allow_abbrev=False, **options)
        self._negative_number_matcher = _NUMBER  # argparse's own does not know -1e3

    def add_argument(
        self,
        *names: str,
        needs: str = "",
        without: str = "",
        unique: bool = False,
        more: Callable[[str], bool] | None = None,
        **options,
    ) -> argparse.Action:
        """As argparse does it, with rules.

        Args:
            names: as argparse takes them.
            needs: option without which this one has no effect, as ``--polygons`` or ``--mode val``.
            without: option beside which it has none.
            unique: no two of its values may be the same, or paths of one file.
            more: whether a word behind the first value is one of its values.
            options: as argparse takes them.
        """
        action = super().add_argument(*names, **options)
        self._rules[action.dest] = _Rule(needs, without, unique, more)
        return action

    def add_config(
        self,
        config: str = "config file of the training",
        overrides: str = "settings to change",
        several: bool = False,
        needed: bool = True,
    ) -> None:
        """Arguments for ``network.cli.configs.load_experiment``; after other positional ones.

        Args:
            config, overrides: their help.
            several: one config or more, for ``load_experiments``.
            needed: False for ``open_network``, which can do without one.
        """
        many = {"nargs": "+", "metavar": "CONFIG", "unique": True} if several else {}
        self.add_argument("-c", "--config", required=needed, help=config, **many)
        self.add_argument("overrides", nargs="*", metavar="name=value", help=overrides)

    def add_checkpoints(self, text: str, **rules: str) -> None:
        """``--ckpt`` for one checkpoint or several; a list of them, or None.

        Args:
            text: its help.
            rules: of ``add_argument``.
        """
        self.add_argument(
            "--ckpt",
            nargs="+",
            metavar="CHECKPOINT",
            unique=True,
            more=is_checkpoint,
            help=text,
            **rules,
        )

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse a command line.

        Raises:
            ConfigError: options that have no effect, are given twice, or given nothing.
        """
        line = _Line(self, sys.argv[1:] if args is None else args)
        end = ["--", *line.paths] if line.paths else []
        parsed = super().parse_args([*line.options, *end], namespace)
        if self.takes_settings:
            parsed.overrides += line.settings
        self._check(parsed, line.given)
        return parsed

    @property
    def takes_settings(self) -> bool:
        """Whether ``name=value`` means a setting."""
        return "overrides" in self._rules

    def option(self, word: str) -> argparse.Action | None:
        """The option that a word begins with."""
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        return self._option_string_actions.get(name)

    def rule(self, action: argparse.Action) -> _Rule | None:
        """What ``add_argument`` was told of an option."""
        return self._rules.get(action.dest)

    def _check(self, parsed: argparse.Namespace, given: list[argparse.Action]) -> None:
        for action, count in Counter(given).items():
            if count > 1 and action.nargs != 0:
                raise ConfigError(f"{_name(action)} is given {count} times; give it once")
        for action in self._actions:
            rule = self._rules.get(action.dest)
            if rule and rule.unique:
                _refuse_repeated(_name(action), getattr(parsed, action.dest) or ())
            if rule is None or action not in given:
                continue
            if rule.needs and not self._is_set(parsed, rule.needs):
                raise ConfigError(
                    f"{_name(action)} has no effect without {rule.needs}; add that, or leave "
                    f"{_name(action)} out"
                )
            if rule.without and self._is_set(parsed, rule.without):
                raise ConfigError(
                    f"{_name(action)} has no effect with {rule.without}; leave one of them out"
                )

    def _is_set(self, parsed: argparse.Namespace, option: str) -> bool:
        name, *value = option.split()
        action = self.option(name)
        found = getattr(parsed, action.dest)
        return found == value[0] if value else found != action.default


class _Line:
    """The words of a command line by what they are.

    Attributes:
        options: with their values.
        paths: and what else stands for itself.
        settings: ``name=value``.
        given: the action of every option.
    """

    def __init__(self, parser: ScriptParser, words: Sequence[str]) -> None:
        self.parser = parser
        self.options: list[str] = []
        self.paths: list[str] = []
        self.settings: list[str] = []
        self.given: list[argparse.Action] = []
        self.words = deque(map(str, words))
        if "" in self.words:
            before = " ".join(itertools.takewhile(bool, self.words))
            raise ConfigError(
                f"nothing stands in the quotes after '{before}'; is a variable of the shell unset?"
            )
        while self.words:
            word = self.words.popleft()
            if word == "--":
                self.paths += self.words
                break
            if self._is_option(word):
                self._take_option(word)
            elif self._is_setting(word):
                self.settings.append(word)
            else:
                self.paths.append(word)

    def _take_option(self, word: str) -> None:
        self.options.append(word)
        action = self.parser.option(word)
        if action is None:  # argparse says so
            return
        self.given.append(action)
        if word in action.option_strings:
            self._take_values(action)

    def _take_values(self, action: argparse.Action) -> None:
        single = action.nargs is None
        most = {None: 1, "+": len(self.words)}.get(action.nargs, action.nargs)
        taken = 0
        while taken < most and self.words and not self._is_option(self.words[0]):
            if not single and self._is_setting(self.words[0]):
                self.settings.append(self.words.popleft())
            elif action.nargs == "+" and taken and not self._goes_on(action, self.words[0]):
                return
            else:
                self.options.append(self.words.popleft())
                taken += 1

    def _goes_on(self, action: argparse.Action, word: str) -> bool:
        rule = self.parser.rule(action)
        return _converts(action, word) and (rule is None or rule.more is None or rule.more(word))

    def _is_option(self, word: str) -> bool:
        return word[:1] == "-" and word != "-" and " " not in word and not _NUMBER.match(word)

    def _is_setting(self, word: str) -> bool:
        return self.parser.takes_settings and "=" in word and not os.path.lexists(word)


def _converts(action: argparse.Action, word: str) -> bool:
    try:
        (action.type or str)(word)
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        return False
    return True


def _name(action: argparse.Action) -> str:
    return action.option_strings[-1] if action.option_strings else str(action.metavar)


def _refuse_repeated(name: str, values: Sequence[Any]) -> None:
    for value, count in Counter(os.path.realpath(str(v)) for v in values).items():
        if count > 1:
            same = [str(v) for v in values if os.path.realpath(str(v)) == value]
            raise ConfigError(
                f"{name}: {' and '.join(dict.fromkeys(same))} named {count} times; once is enough"
            )
