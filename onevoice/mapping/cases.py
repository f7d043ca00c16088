"""The tests in a mapping file: in becomes canonical exactly, flags too, and back again where the rules are invertible.

Takes a mapping file and its two contracts; gives one result a case. A failure names paths, not values, so that it may
be printed where values may not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from onevoice.errors import RecordError
from onevoice.mapping.compiled import Mapping as RecordMapping
from onevoice.mapping.compiled import compile_mapping
from onevoice.mapping.file import MappingFile
from onevoice.mapping.paths import flatten, put_source
from onevoice.messages import PARTY_TYPES, Json, Lane, Mapped

_MISSING = object()


class Shape(Protocol):
    """A schema that can check a record: what `onevoice.contracts` gives."""

    schema: Json

    @property
    def check(self) -> Callable[[object], None]:
        """Return the check; it raises RecordError."""


_NONE: Mapping[str, Shape] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Part:
    """The record itself or a slot: its mapping, its shape, and whether it is held to the way back."""

    mapping: RecordMapping
    canonical: Shape
    returns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one test.

    Attributes:
        file, line: where the case stands.
        problems: empty when the case holds.
    """

    name: str
    file: Path
    line: int
    problems: tuple[str, ...]


def run_tests(
    file: MappingFile, *, source: Shape, canonical: Shape, region: str, others: Mapping[str, Shape] = _NONE
) -> list[CaseResult]:
    """Run the tests of a mapping file.

    Args:
        file: the mapping; a read-only one is run backwards too, as far as its rules are invertible.
        source: contract of the stream.
        canonical: contract of the canonical type.
        region: default region of telephone numbers.
        others: the contracts of the types that the file names under `also`.

    Raises:
        ConfigurationError: the mapping does not compile.
    """
    parts = [_part(file, source, canonical, region)]
    parts += [_part(slot, source, others[slot.to], region) for slot in file.also.values()]
    return [
        CaseResult(
            name=str(case["name"]),
            file=file.place(("tests", at))[0],
            line=file.place(("tests", at))[1],
            problems=tuple(_run(parts, case, source)),
        )
        for at, case in enumerate(file.tests)
    ]


def _part(file: MappingFile, source: Shape, canonical: Shape, region: str) -> _Part:
    mapping = compile_mapping(_reversible(file), source=source.schema, canonical=canonical.schema, region=region)
    return _Part(mapping, canonical, returns=file.each is None and (not file.slot or file.to in PARTY_TYPES))


def _run(parts: Sequence[_Part], case: Json, source: Shape) -> list[str]:
    main, *slots = parts
    wanted = case.get("also", {})
    try:
        source.check(case["in"])
        problems = _compare(main, case["in"], case["canonical"], case, source)
        given: dict[str, Json] = {}
        for part in slots:
            for ending, read, mapped in part.mapping.records(case["in"]):
                name = ending.removeprefix("#")
                given[name] = mapped.canonical
                if name in wanted:
                    problems += [f"{name}: {line}" for line in _compare(part, read, wanted[name], {}, source)]
    except RecordError as error:
        return [str(error)]
    if "also" in case or given:
        problems += [f"{name}: is not given as the test expects" for name in sorted(given.keys() ^ wanted.keys())]
    return problems


def _compare(part: _Part, read: Json, wanted: Json, case: Json, source: Shape) -> list[str]:
    mapped = part.mapping.to_canonical(read)
    part.canonical.check(mapped.canonical)
    problems = _differing(wanted, mapped.canonical, "is not what the test expects")
    if part.mapping.slot == "" and (mapped.flags or "flags" in case):
        problems += _differing(case.get("flags", {}), _flags(mapped), "is not observed as the test expects")
    if not part.returns:
        return problems
    written = read
    for path, value in part.mapping.to_source(mapped.canonical, {}, Lane.RECORD, data=read).items():
        written = put_source(written, path, value)
    source.check(written)
    again = part.mapping.to_canonical(written).canonical
    return problems + _differing(mapped.canonical, again, "does not come back after writing")


def _differing(expected: Json, found: Json, what: str) -> list[str]:
    left, right = flatten(expected), flatten(found)
    paths = [path for path in {**left, **right} if left.get(path, _MISSING) != right.get(path, _MISSING)]
    return [f"{path} {what}" for path in paths]


def _flags(mapped: Mapped) -> dict[str, Any]:
    return {f"{flag.channel}/{flag.purpose}": flag.observed or "no act" for flag in mapped.flags}


def _reversible(file: MappingFile) -> MappingFile:
    written: set[str] = set()
    rules = []
    for rule in file.rules:
        taken = not written.isdisjoint(rule.reads) and not file.writable
        rules.append(replace(rule, direction="in") if taken and rule.direction == "both" else rule)
        written.update(rule.reads)
    return replace(file, writable=True, rules=rules)
