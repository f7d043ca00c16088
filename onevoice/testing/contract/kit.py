"""The checks by their numbers, and what runs them over one connector."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from onevoice.sdk.manifest import Manifest
from onevoice.testing.contract import contacting, hostile, paper, reading, traps, wire, writing
from onevoice.testing.contract.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the contract.

    Attributes:
        run: yields what is wrong, in words that hold no value; nothing: the connector keeps it.
        writes: it changes the system; not for one that is in use.
        reads: it reads to the end; not for a queue that is in use, where reading takes what was read.
    """

    title: str
    run: Callable[[Subject], Iterator[str]]
    writes: bool = False
    reads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found wrong; `problems` is empty where the connector keeps it."""

    check: str
    problems: tuple[str, ...]


CHECKS: Mapping[str, Check] = {
    "K1": Check(title="manifest, mappings and schemas are complete and sound", run=paper.complete),
    "K2": Check(title="wrong settings are named, secrets shown nowhere", run=paper.settings_named),
    "K3": Check(title="check tells ok, refused and unreachable apart", run=reading.classified),
    "K4": Check(title="every recorded exchange is used once, and nothing else", run=wire.used_once),
    "K5": Check(title="records are sound and fit their schema", run=reading.sound, reads=True),
    "K6": Check(title="every field is mapped or ignored, every record maps", run=reading.mapped, reads=True),
    "K7": Check(title="a killed read goes on without loss", run=reading.resumed, reads=True),
    "K8": Check(title="paging ends and repeats nothing", run=reading.ended, reads=True),
    "K9": Check(title="429, 5xx, silence and garbage have their class and wait", run=wire.failing),
    "K10": Check(title="one result a change, one effect a write", run=writing.once, writes=True),
    "K11": Check(title="the gate governs contacting, not record keeping", run=contacting.governed, writes=True),
    "K12": Check(title="what is written reads back as written", run=writing.no_echo, writes=True),
    "K13": Check(title="a hostile system ends in an error by name", run=hostile.endured),
    "K14": Check(title="no value that is read stands in a log", run=reading.silent, reads=True),
    "K15": Check(title="the traps of its kind", run=traps.sidestepped, reads=True),
}


TIERS: Mapping[str, tuple[str, ...]] = {
    "bronze": ("K1", "K2", "K3", "K4", "K5", "K6"),
    "silver": ("K7", "K8", "K9", "K10", "K11", "K12"),
    "gold": ("K13", "K14", "K15"),
}
"""What each tier adds to the one before."""


def promised(manifest: Manifest) -> tuple[str, ...]:
    """Return the checks that a connector says it keeps: those of its tier, less its exemptions."""
    found: list[str] = []
    for tier, checks in TIERS.items():
        found += checks
        if tier == manifest.quality.tier:
            return tuple(check for check in found if check not in manifest.quality.exempt)
    return ()


def harmless(manifest: Manifest) -> list[str]:
    """Return the checks that may run over a system in use: those that it promises, or all, and that change nothing."""
    queue = manifest.kind == "amqp"
    wanted = promised(manifest) or tuple(CHECKS)
    return [one for one in wanted if not CHECKS[one].writes and not (queue and CHECKS[one].reads)]


def examine(subject: Subject, checks: Collection[str] = CHECKS.keys()) -> list[Finding]:
    """Run checks over a connector; one that ends in an error has that as its finding."""
    return [_examined(name, subject) for name in checks]


def _examined(name: str, subject: Subject) -> Finding:
    problems: list[str] = []
    subject.refill()
    try:
        problems += dict.fromkeys(CHECKS[name].run(subject))
    except Exception as error:  # noqa: BLE001 - its text may hold values
        problems.append(f"ends in {type(error).__name__}")
    return Finding(check=name, problems=tuple(problems))
