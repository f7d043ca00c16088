"""The checks by their numbers, and what runs them over one connector."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from onevoice.testing.contract import paper, reading, writing
from onevoice.testing.contract.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the contract.

    Attributes:
        run: yields what is wrong, in words that hold no value; nothing: the connector keeps it.
        writes: it changes the system; not for one that is in use.
    """

    title: str
    run: Callable[[Subject], Iterator[str]]
    writes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found wrong; `problems` is empty where the connector keeps it."""

    check: str
    problems: tuple[str, ...]


CHECKS: Mapping[str, Check] = {
    "K1": Check(title="manifest, mappings and schemas are complete and sound", run=paper.complete),
    "K2": Check(title="wrong settings are named, secrets shown nowhere", run=paper.settings_named),
    "K3": Check(title="check tells ok, refused and unreachable apart", run=reading.classified),
    "K5": Check(title="records are sound and fit their schema", run=reading.sound),
    "K6": Check(title="every field is mapped or ignored, every record maps", run=reading.mapped),
    "K7": Check(title="a killed read goes on without loss", run=reading.resumed),
    "K8": Check(title="paging ends and repeats nothing", run=reading.ended),
    "K10": Check(title="one result a change, one effect a write", run=writing.once, writes=True),
    "K12": Check(title="what is written reads back as written", run=writing.no_echo, writes=True),
    "K14": Check(title="no value that is read stands in a log", run=reading.silent),
}


def examine(subject: Subject, checks: Collection[str] = CHECKS.keys()) -> list[Finding]:
    """Run checks over a connector; one that ends in an error has that as its finding."""
    return [_examined(name, subject) for name in checks]


def _examined(name: str, subject: Subject) -> Finding:
    problems: list[str] = []
    try:
        problems += dict.fromkeys(CHECKS[name].run(subject))
    except Exception as error:  # noqa: BLE001 - its text may hold values
        problems.append(f"ends in {type(error).__name__}")
    return Finding(check=name, problems=tuple(problems))
