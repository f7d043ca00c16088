"""Lint: what is wrong with a mapping, found without running it.

Takes a mapping file and the two schemas; gives problems with file, line, column and what to write instead.
"""

from collections.abc import Hashable, Iterator

from onevoice.mapping.coverage import measure
from onevoice.mapping.fields import canonical_paths, group_schema, source_paths, target_schema
from onevoice.mapping.file import MappingFile
from onevoice.mapping.lint_rules import flag_problems, rule_problems
from onevoice.mapping.paths import Target
from onevoice.mapping.problem import Finding, Problem, place
from onevoice.mapping.rule import Rule, nearest
from onevoice.mapping.step import field_schema
from onevoice.messages import Json

TWO_WAY_LEAST = 0.8


def lint(file: MappingFile, source: Json, canonical: Json) -> list[Problem]:
    """Return the problems of a mapping, in the order of the file; none when it is sound.

    Args:
        file: the mapping.
        source: schema of the stream, references inlined.
        canonical: schema of the canonical type, references inlined.
    """
    found = [
        *_unknown_paths(file, source, canonical),
        *(finding for rule in file.rules for finding in rule_problems(rule, file, source, canonical)),
        *(finding for flag in file.flags for finding in flag_problems(flag, source)),
        *_missing_targets(file, canonical),
        *_written_twice(file),
        *_coverage(file, source),
    ]
    return sorted((place(file, finding) for finding in found), key=lambda problem: (problem.line, problem.column))


def _unknown_paths(file: MappingFile, source: Json, canonical: Json) -> Iterator[Finding]:
    known = canonical_paths(canonical)
    for rule in file.rules:
        if target_schema(canonical, rule.target) is None:
            message = f"{file.to} has no `{rule.target}`{nearest(rule.target, known)}"
            yield Finding(("fields", str(rule.target)), "unknown-canonical-path", message)
    fields = source_paths(source)
    for key, path in _source_names(file):
        if field_schema(source, path) is None:
            message = f"{file.stream} has no field `{path}`{nearest(path, fields)}"
            yield Finding(key, "unknown-source-path", message)


def _source_names(file: MappingFile) -> Iterator[tuple[tuple[Hashable, ...], str]]:
    for key, path in (("key", file.key), ("version", file.version), ("occurred_at", file.occurred_at)):
        if path:
            yield (key,), path
    for rule in file.rules:
        yield from _rule_names(rule)
    for flag in file.flags:
        if flag.source:
            yield ("fields", str(flag), "in", "from"), flag.source
        if flag.sink:
            yield ("fields", str(flag), "out", "to"), flag.sink
    for name in file.ignore:
        yield ("ignore", name), name


def _rule_names(rule: Rule) -> Iterator[tuple[tuple[Hashable, ...], str]]:
    at = ("fields", str(rule.target))
    for index, path in enumerate(rule.reads):
        yield (*at, "from", *((index,) if rule.others else ())), path
    for path in rule.when or ():
        yield (*at, "when", path), path
    if rule.region and rule.region.startswith("$."):
        yield (*at, "region"), rule.region.removeprefix("$.")


def _missing_targets(file: MappingFile, canonical: Json) -> Iterator[Finding]:
    readers = [rule.target for rule in file.rules if rule.direction != "out"]
    heads = {target.head for target in readers}
    for head in canonical.get("required", []):
        if head not in heads:
            yield Finding(("fields",), "missing-target", f"{file.to} requires `{head}`: add a rule for it")
    groups: dict[tuple[str, str | None], list[Target]] = {}
    for target in readers:
        if target.leaf is not None:
            groups.setdefault((target.head, target.slot), []).append(target)
    wholes = {(target.head, target.slot) for target in readers if target.leaf is None}
    for place_, targets in groups.items():
        if place_ in wholes:
            continue
        filled = {target.leaf for target in targets} | {"kind"}
        schema = group_schema(canonical, targets[0]) or {}
        for leaf in schema.get("required", []):
            if leaf not in filled:
                message = f"`{targets[0]}` needs `{leaf}` beside it: add a rule for it"
                yield Finding(("fields", str(targets[0])), "missing-target", message)


def _written_twice(file: MappingFile) -> Iterator[Finding]:
    seen: set[str] = set()
    for rule in file.rules if file.writable else ():
        if rule.source is None or rule.direction == "in" or rule.write == "never":
            continue
        if rule.source in seen:
            message = f"`{rule.source}` is written by two rules: give one of them `direction: in`"
            yield Finding(("fields", str(rule.target)), "written-twice", message)
        seen.add(rule.source)


def _coverage(file: MappingFile, source: Json) -> Iterator[Finding]:
    coverage = measure(file, source)
    for path in coverage.forgotten:
        message = f"`{path}` is neither mapped nor ignored: add a rule, or `ignore: {{{path}: why}}`"
        yield Finding(("fields",), "forgotten-field", message)
    for path in sorted(coverage.mapped & coverage.ignored):
        yield Finding(("ignore", path), "ignored-but-mapped", f"`{path}` has a rule: take it out of `ignore`")
    if file.writable and coverage.two_way < TWO_WAY_LEAST:
        share = f"{coverage.two_way:.0%} of the mapped fields go both ways, a writable stream needs"
        message = f"{share} {TWO_WAY_LEAST:.0%}: make rules invertible, or take `writable: true` away"
        yield Finding(("writable",), "two-way-coverage", message)
