"""The tests in a mapping file: in becomes canonical exactly, flags too, and back again where the rules are invertible.

Takes a mapping file and its two contracts; gives one result a case. A failure names paths, not values, so that it may
be printed where values may not.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from onevoice.errors import RecordError
from onevoice.mapping.compiled import Mapping, compile_mapping
from onevoice.mapping.file import MappingFile
from onevoice.mapping.paths import flatten, put_source
from onevoice.messages import Json, Lane, Mapped

_MISSING = object()


class Shape(Protocol):
    """A schema that can check a record: what `onevoice.contracts` gives."""

    schema: Json

    @property
    def check(self) -> Callable[[object], None]:
        """Return the check; it raises RecordError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one test.

    Attributes:
        line: where the case stands in the file.
        problems: empty when the case holds.
    """

    name: str
    line: int
    problems: tuple[str, ...]


def run_tests(file: MappingFile, *, source: Shape, canonical: Shape, region: str) -> list[CaseResult]:
    """Run the tests of a mapping file.

    Args:
        file: the mapping; a read-only one is run backwards too, as far as its rules are invertible.
        source: contract of the stream.
        canonical: contract of the canonical type.
        region: default region of telephone numbers.

    Raises:
        ConfigurationError: the mapping does not compile.
    """
    both_ways = _reversible(file)
    mapping = compile_mapping(both_ways, source=source.schema, canonical=canonical.schema, region=region)
    return [
        CaseResult(
            name=str(case["name"]),
            line=file.marks["tests", at][0],
            problems=tuple(_run(mapping, case, source, canonical)),
        )
        for at, case in enumerate(file.tests)
    ]


def _run(mapping: Mapping, case: Json, source: Shape, canonical: Shape) -> list[str]:
    try:
        source.check(case["in"])
        mapped = mapping.to_canonical(case["in"])
        canonical.check(mapped.canonical)
        problems = _differing(case["canonical"], mapped.canonical, "is not what the test expects")
        if mapped.flags or "flags" in case:
            problems += _differing(case.get("flags", {}), _flags(mapped), "is not observed as the test expects")
        fields = mapping.to_source(mapped.canonical, {}, Lane.RECORD)
        written = case["in"]
        for path, value in fields.items():
            written = put_source(written, path, value)
        source.check(written)
        again = mapping.to_canonical(written).canonical
    except RecordError as error:
        return [str(error)]
    return problems + _differing(mapped.canonical, again, "does not come back after writing")


def _differing(expected: Json, found: Json, what: str) -> list[str]:
    left, right = flatten(expected), flatten(found)
    paths = [path for path in {**left, **right} if left.get(path, _MISSING) != right.get(path, _MISSING)]
    return [f"{path} {what}" for path in paths]


def _flags(mapped: Mapped) -> dict[str, Any]:
    return {f"{flag.channel}/{flag.purpose}": flag.observed or "no act" for flag in mapped.flags}


def _reversible(file: MappingFile) -> MappingFile:
    written: set[str | None] = set()
    rules = []
    for rule in file.rules:
        taken = rule.source in written and not file.writable
        rules.append(replace(rule, direction="in") if taken and rule.direction == "both" else rule)
        written.add(rule.source)
    return replace(file, writable=True, rules=rules)
