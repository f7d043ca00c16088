"""Lint: what is wrong with a mapping, found without running it.

Takes a mapping file and the two schemas; gives problems with file, line, column and what to write instead.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping
from types import MappingProxyType

from onevoice.mapping.coverage import measure
from onevoice.mapping.fields import canonical_paths, group_schema, source_paths, target_schema
from onevoice.mapping.file import MappingFile
from onevoice.mapping.lint_rules import flag_problems, rule_problems
from onevoice.mapping.paths import Target
from onevoice.mapping.problem import Finding, Problem, place
from onevoice.mapping.rule import Rule, nearest
from onevoice.mapping.slot import schema_of_slot
from onevoice.mapping.step import field_schema
from onevoice.messages import Json

_NONE: Mapping[str, Json] = MappingProxyType({})
TWO_WAY_LEAST = 0.8


def lint(file: MappingFile, source: Json, canonical: Json, others: Mapping[str, Json] = _NONE) -> list[Problem]:
    """Return the problems of a mapping, in the order of the file; none when it is sound.

    Args:
        file: the mapping.
        source: schema of the stream, references inlined.
        canonical: schema of the canonical type, references inlined.
        others: the schemas of the types that the file names under `also`.
    """
    found = [*_part_problems(file, source, canonical, file.also), *_written_twice(file), *_coverage(file, source)]
    for name, slot in file.also.items():
        if slot.each and "properties" not in (field_schema(source, f"{slot.each}[]") or {}):
            message = f"{file.stream} has no list of objects `{slot.each}`{nearest(slot.each, source_paths(source))}"
            found.append(Finding(("also", name, "each"), "unknown-source-path", message))
            continue
        within = _part_problems(slot, schema_of_slot(slot, source), others[slot.to], file.also)
        found += [Finding(("also", name, *finding.key), finding.rule, finding.message) for finding in within]
    return sorted((place(file, finding) for finding in found), key=lambda problem: (problem.line, problem.column))


def _part_problems(file: MappingFile, source: Json, canonical: Json, slots: Collection[str]) -> Iterator[Finding]:
    yield from _unknown_paths(file, source, canonical)
    for rule in file.rules:
        yield from rule_problems(rule, file, source, canonical)
        if rule.slot and rule.stream == file.stream and rule.slot not in slots:
            message = f"the record gives no `{rule.slot}`{nearest(rule.slot, slots)}: add it under `also`"
            yield Finding(("fields", str(rule.target), "slot"), "unknown-slot", message)
    for flag in file.flags:
        yield from flag_problems(flag, source)
    yield from _missing_targets(file, source, canonical)


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
    yield from _head_names(file)
    for rule in file.rules:
        yield from _rule_names(rule)
    for flag in file.flags:
        if flag.source:
            yield ("fields", str(flag), "in", "from"), flag.source
        if flag.sink:
            yield ("fields", str(flag), "out", "to"), flag.sink


def _head_names(file: MappingFile) -> Iterator[tuple[tuple[Hashable, ...], str]]:
    heads = {"by": file.by}
    if not file.slot:
        heads = {"key": file.key, "version": file.version, "occurred_at": file.occurred_at}
        yield from ((("ignore", name), name) for name in file.ignore)
    yield from (((key,), path) for key, path in heads.items() if path)
    yield from ((("when", path), path) for path in file.when or ())


def _rule_names(rule: Rule) -> Iterator[tuple[tuple[Hashable, ...], str]]:
    at = ("fields", str(rule.target))
    for index, path in enumerate(rule.reads):
        yield (*at, "from", *((index,) if rule.others else ())), path
    for path in rule.when or ():
        yield (*at, "when", path), path
    if rule.region and rule.region.startswith("$."):
        yield (*at, "region"), rule.region.removeprefix("$.")


def _missing_targets(file: MappingFile, source: Json, canonical: Json) -> Iterator[Finding]:
    readers = [rule.target for rule in file.rules if rule.direction != "out"]
    heads = {target.head for target in readers}
    for head in canonical.get("required", []):
        if head not in heads:
            yield Finding(("fields",), "missing-target", f"{file.to} requires `{head}`: add a rule for it")
        elif (rule := _may_lack(file, head, source)) is not None:
            message = f"{file.to} requires `{head}`, and `{rule.source}` may be null: such a record waits in quarantine"
            yield Finding(("fields", str(rule.target)), "missing-target", message)
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


def _may_lack(file: MappingFile, head: str, source: Json) -> Rule | None:
    """Return the one rule that fills a required field, where the field that it reads may be null."""
    filling = [rule for rule in file.rules if rule.target.head == head and rule.direction != "out"]
    if len(filling) != 1 or filling[0].source is None or filling[0].others or filling[0].python:
        return None
    [rule] = filling
    said = field_schema(source, rule.source or "") or {}
    guarded = (file.when or {}).get(rule.source or "") == "present"
    return rule if "null" in (said.get("type") or ()) and not guarded else None


def _written_twice(file: MappingFile) -> Iterator[Finding]:
    seen: set[str] = set()
    for at, part in (((), file), *((("also", name), slot) for name, slot in file.also.items())):
        for rule in part.rules if part.writable else ():
            if rule.source is None or rule.direction == "in" or rule.write == "never":
                continue
            for path in sorted(seen.intersection(rule.reads)):
                message = f"`{path}` is written by two rules: give one of them `direction: in`"
                yield Finding((*at, "fields", str(rule.target)), "written-twice", message)
            seen.update(rule.reads)


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
