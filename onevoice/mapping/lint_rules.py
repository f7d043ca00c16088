"""Lint of one rule: do its types fit both ends, is its table whole, can it be run backwards?

Takes a rule and the two schemas; gives findings.
"""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from onevoice.mapping.conversion import source_types
from onevoice.mapping.coverage import is_invertible
from onevoice.mapping.fields import target_schema
from onevoice.mapping.file import MappingFile
from onevoice.mapping.function import declared_types, load_function
from onevoice.mapping.problem import Finding
from onevoice.mapping.rule import FlagRule, Rule, nearest
from onevoice.mapping.step import field_schema
from onevoice.mapping.table import written_values
from onevoice.mapping.times import EPOCHS
from onevoice.messages import Channel, Json

_TAKES = {
    "text": {"string", "integer"},
    "reference": {"string", "integer"},
    "decimal": {"string", "integer", "number"},
    "bool": {"boolean", "string"},
}
_GIVES = {"reference": "object", "bool": "boolean", "name": "object", "address": "object"}
_FORMATS = {"date": "date", "datetime": "date-time", "email": "email"}
_AS = {given: name for name, given in _FORMATS.items()}


def rule_problems(rule: Rule, file: MappingFile, source: Json, canonical: Json) -> Iterator[Finding]:
    """Return what is wrong with a field rule whose paths exist; paths that do not are reported elsewhere."""
    target = target_schema(canonical, rule.target)
    if target is None:
        return
    at = ("fields", str(rule.target))
    if rule.source is None:
        if rule.compute is None and not _fits(rule.constant, target):
            yield Finding((*at, "value"), "type-clash", f"the constant does not fit `{rule.target}`")
        return
    field = field_schema(source, rule.source)
    if field is None:
        return
    if rule.python is not None:
        yield from _function_problems(rule, rule.python, file, source, target)
        return
    if rule.split is not None or rule.convert in ("name", "address"):
        yield from _part_problems(rule, target)
    if rule.values is not None:
        yield from _table_problems(rule, field, target, two_way=file.writable)
    else:
        yield from _type_problems(rule, field, target)
    if rule.direction == "both" and rule.write != "never" and rule.values is None and not is_invertible(rule, source):
        message = f"`{rule.target}` cannot be written back to `{rule.source}`: say `direction: in`"
        yield Finding(at, "not-invertible", message)


def flag_problems(flag: FlagRule, source: Json) -> Iterator[Finding]:
    """Return what is wrong with a flag rule."""
    at = ("fields", str(flag))
    if flag.channel not in set(Channel):
        yield Finding(at, "unknown-channel", f"`{flag.channel}` is no channel: one of {', '.join(Channel)}")
    if flag.source:
        field = field_schema(source, flag.source) or {}
        yield from _outside(flag.observed, field, flag.has_otherwise, (*at, "in"), "otherwise: no act")
    for said, value in flag.written.items():
        key = (*at, "out", "values", said)
        if flag.sink and not _fits(value, field_schema(source, flag.sink) or {}):
            yield Finding(key, "type-clash", f"the value written for `{said}` does not fit `{flag.sink}`")
        if flag.sink == flag.source:
            yield from _flag_round_trip(flag, said, value, key)


def _flag_round_trip(flag: FlagRule, said: str, value: Any, key: tuple[str, ...]) -> Iterator[Finding]:
    read = flag.observed.get(value)
    if said == "denied" and read != "withdrawn":
        yield Finding(key, "flag-round-trip", "what is written for `denied` must be observed as withdrawn")
    if said == "allowed" and read == "withdrawn":
        yield Finding(key, "flag-round-trip", "what is written for `allowed` must not be observed as withdrawn")


def _part_problems(rule: Rule, target: Json) -> Iterator[Finding]:
    known = [part for part in target.get("properties", {}) if part != "kind"]
    if not known:
        message = f"the rule gives an object, but `{rule.target}` is {_words(source_types(target)) or 'none'}"
        yield Finding(("fields", str(rule.target)), "type-clash", message)
    for at, part in enumerate(rule.split.into if rule.split and known else ()):
        if part not in known:
            message = f"`{rule.target}` has no `{part}`{nearest(part, known)}"
            yield Finding(("fields", str(rule.target), "split", "into", at), "unknown-canonical-path", message)


def _function_problems(rule: Rule, name: str, file: MappingFile, source: Json, target: Json) -> Iterator[Finding]:
    at = ("fields", str(rule.target), "python")
    try:
        takes, gives = declared_types(load_function(file.functions_folder, name))
    except ValueError as error:
        yield Finding(at, "type-clash", str(error))
        return
    if len(takes) != len(rule.reads):
        yield Finding(at, "type-clash", f"`{name}` takes {len(takes)} values, but `from` lists {len(rule.reads)}")
        return
    for path, accepted in zip(rule.reads, takes, strict=True):
        types = source_types(field_schema(source, path) or {})
        if not types <= accepted:
            message = f"`{name}` takes {_words(accepted)} for `{path}`, which is {_words(types)}"
            yield Finding(at, "type-clash", message)
    wanted = source_types(target)
    if wanted and not gives <= wanted:
        yield Finding(at, "type-clash", f"`{name}` gives {_words(gives)}, but `{rule.target}` is {_words(wanted)}")


def _type_problems(rule: Rule, field: Json, target: Json) -> Iterator[Finding]:
    at = ("fields", str(rule.target))
    types, wanted = source_types(field), source_types(target)
    if rule.split is not None:
        if types and types != {"string"}:
            yield Finding((*at, "split"), "type-clash", f"`split` reads text, but `{rule.source}` is {_words(types)}")
        return
    takes = _TAKES.get(rule.convert, {"string"}) if rule.convert else types
    if rule.formats and rule.formats[0] in EPOCHS:
        takes = {"integer"}
    if types and not types <= takes:
        message = f"`as: {rule.convert}` reads {_words(takes)}, but `{rule.source}` is {_words(types)}"
        yield Finding((*at, "as"), "type-clash", message)
        return
    gives = {_GIVES.get(rule.convert, "string")} if rule.convert else types
    if wanted and gives and not gives <= wanted | ({"integer"} if "number" in wanted else set()):
        message = f"the rule gives {_words(gives)}, but `{rule.target}` is {_words(wanted)}"
        yield Finding((*at, "as"), "type-clash", message)
        return
    form = target.get("format")
    if form in _AS and _FORMATS.get(rule.convert) != form:
        yield Finding(at, "type-clash", f"`{rule.target}` is {form}: say `as: {_AS[form]}`")


def _table_problems(rule: Rule, field: Json, target: Json, *, two_way: bool) -> Iterator[Finding]:
    at = ("fields", str(rule.target))
    values = rule.values or {}
    for raw, value in values.items():
        if not _fits(raw, field):
            yield Finding((*at, "values", raw), "type-clash", f"`{rule.source}` never holds this value")
        if not _fits(value, target):
            yield Finding((*at, "values", raw), "type-clash", f"the value does not fit `{rule.target}`")
    if rule.has_otherwise and rule.outside is not None and not _fits(rule.outside, target):
        yield Finding((*at, "otherwise"), "type-clash", f"the value does not fit `{rule.target}`")
    yield from _outside(values, field, rule.has_otherwise, at, "otherwise: drop` or `otherwise: {value: ...}")
    if rule.direction == "in":
        return
    back = written_values(rule)
    if back is None:
        message = "several source values read the same: name the written one in `back`, or say `direction: in`"
        yield Finding((*at, "values"), "many-to-one", message)
        return
    for value, raw in back.items():
        if values.get(raw) != value:
            yield Finding((*at, "back"), "many-to-one", "what `back` writes must read back as the same value")
    missing = [value for value in target.get("enum", []) if value not in back]
    if two_way and rule.write != "never" and missing and not rule.has_otherwise:
        message = f"the table writes no value for {_words(missing)}: add it, or say `otherwise: drop`"
        yield Finding((*at, "values"), "outside-table", message)


def _outside(table: Any, field: Json, has_otherwise: bool, at: tuple[str, ...], remedy: str) -> Iterator[Finding]:
    if has_otherwise:
        return
    declared = [True, False] if source_types(field) == {"boolean"} else field.get("enum")
    if declared is None:
        message = f"`values` lists some values of a free field: say `{remedy}`"
        yield Finding((*at, "values"), "outside-table", message)
        return
    missing = [value for value in declared if value is not None and value not in table]
    if missing:
        yield Finding((*at, "values"), "outside-table", f"the table lacks {_words(missing)}: add it, or say `{remedy}`")


def _fits(value: Any, schema: Json) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def _words(items: Any) -> str:
    return " or ".join(sorted(str(item) for item in items))
