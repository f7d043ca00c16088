"""Reads a file of `rules/` section by section, so that every mistake is named by its key.

Takes a file's content, gives checked values. The one rule: a message says which key of which file is wrong and what to
write there; nothing is guessed or filled in.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
import yaml

from onevoice.errors import ConfigurationError


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises:
        ConfigurationError: there is no such file, it is not YAML, or it holds something else than a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be read; put it there or correct the path") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path.name}: not valid YAML{where}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name}: write `key: value` lines")
    return content


def content_version(content: Mapping[str, Any]) -> str:
    """Return a short hash of a file's content; comments and the order of keys do not count."""
    packed = orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(packed).hexdigest()[:16]


@dataclass(slots=True, kw_only=True)
class Section:
    """One mapping of the file. It remembers which keys were asked for, so that a misspelt one is found."""

    file: str
    key: str
    content: Mapping[str, Any]
    _asked: set[str] = field(default_factory=set)

    def section(self, name: str) -> "Section":
        """Return the section below `name`."""
        content = self._value(name)
        self.demand(isinstance(content, dict), name, "a section of `key: value` lines")
        return Section(file=self.file, key=self._path(name), content=content)

    def sections(self, name: str) -> "list[Section]":
        """Return a list of sections."""
        value = self._value(name)
        sound = isinstance(value, list) and all(isinstance(one, dict) for one in value)
        self.demand(sound, name, "a list of sections")
        return [Section(file=self.file, key=f"{self._path(name)}[{i}]", content=one) for i, one in enumerate(value)]

    def has(self, name: str) -> bool:
        """Return whether a key that may be left out is there."""
        self._asked.add(name)
        return name in self.content

    def text(self, name: str) -> str:
        """Return a text that is not blank."""
        value = self._value(name)
        self.demand(isinstance(value, str) and bool(value.strip()), name, "a text")
        return str(value)

    def day(self, name: str) -> date:
        """Return a day."""
        value = self._value(name)
        sound = isinstance(value, date) and not isinstance(value, datetime)
        self.demand(sound, name, "a day without quotes, such as 2026-12-31")
        return date(value.year, value.month, value.day)

    def number(self, name: str) -> float:
        """Return a number."""
        value = self._value(name)
        self.demand(isinstance(value, int | float) and not isinstance(value, bool), name, "a number")
        return float(value)

    def count(self, name: str) -> int:
        """Return a whole number of at least 1."""
        value = self._value(name)
        sound = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        self.demand(sound, name, "a whole number above 0")
        return int(value)

    def texts(self, name: str) -> frozenset[str]:
        """Return a list of texts, or the words of one text, as a set."""
        value = self._value(name)
        if isinstance(value, str):
            return frozenset(value.split())
        self.demand(_is_texts(value), name, "a list of texts; quote numbers and dates")
        return frozenset(value)

    def text_list(self, name: str) -> tuple[str, ...]:
        """Return a list of texts in its order."""
        value = self._value(name)
        self.demand(_is_texts(value), name, "a list of texts")
        return tuple(value)

    def truth(self, name: str) -> bool:
        """Return true or false."""
        value = self._value(name)
        self.demand(isinstance(value, bool), name, "true or false")
        return bool(value)

    def text_map(self, name: str) -> Mapping[str, str]:
        """Return a mapping from text to text."""
        value = self._value(name)
        sound = isinstance(value, dict) and _is_texts(list(value)) and _is_texts(list(value.values()))
        self.demand(sound, name, "lines `text: text`")
        return dict(value)

    def counts(self, name: str) -> Mapping[str, int]:
        """Return a mapping from text to a whole number of at least 1."""
        value = self._value(name)
        whole = isinstance(value, dict) and all(isinstance(n, int) and n >= 1 for n in value.values())
        self.demand(whole and _is_texts(list(value)), name, "lines `text: whole number above 0`")
        return dict(value)

    def demand(self, sound: bool, name: str, wanted: str) -> None:
        """Refuse the value of `name` unless it is sound.

        Raises:
            ConfigurationError: it is not.
        """
        if not sound:
            raise ConfigurationError(f"{self.file}: {self._path(name)}: write {wanted}")

    def demand_nothing_else(self) -> None:
        """Refuse keys that nobody asked for.

        Raises:
            ConfigurationError: there is one.
        """
        for name in self.content:
            if name not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise ConfigurationError(f"{self.file}: {self._path(str(name))}: unknown key; known are {known}")

    def _value(self, name: str) -> Any:
        self._asked.add(name)
        if name not in self.content:
            raise ConfigurationError(f"{self.file}: {self._path(name)}: missing; add it")
        return self.content[name]

    def _path(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
