"""A problem that lint found, and its place in the file."""

from collections.abc import Hashable
from dataclasses import dataclass

from onevoice.mapping.file import MappingFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a mapping file.

    Attributes:
        rule: name of the check that found it, e.g. `type-clash`.
        message: what is wrong and what to write instead.
    """

    file: str
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before its place is known: the key path it is about, the check and the message."""

    key: tuple[Hashable, ...]
    rule: str
    message: str


def place(file: MappingFile, finding: Finding) -> Problem:
    """Return the problem with line and column of the nearest key that the file has."""
    path, line, column = file.place(finding.key)
    return Problem(file=str(path), line=line, column=column, rule=finding.rule, message=finding.message)
