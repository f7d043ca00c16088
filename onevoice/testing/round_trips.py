"""The round trip as a law, tried on records made from the schemas of a mapping; needs hypothesis.

Takes a writable mapping with its contracts; gives a line for each law that a generated record breaks. The laws are
those of well-behaved lenses (Foster et al., Combinators for Bidirectional Tree Transformations, 2005): what is written
reads back, and writing what was read changes nothing. A line names paths, never a value; the same mapping gets the same
records.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from onevoice.errors import RecordError
from onevoice.mapping import Mapping, MappingFile, compile_mapping, flatten, unflatten
from onevoice.mapping.conversion import source_types
from onevoice.mapping.fields import target_schema
from onevoice.mapping.paths import put_source
from onevoice.mapping.phone import to_e164
from onevoice.mapping.rule import Rule
from onevoice.mapping.table import written_values
from onevoice.mapping.times import EPOCHS
from onevoice.messages import Json, Lane, Mapped

EXAMPLES = 60

_LAW = settings(
    max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=19).map(str.strip).filter(bool)
_NUMBERS = st.from_regex(r"\+(44|49|33|1|39|48|41|353)[0-9]{7,11}", fullmatch=True).filter(
    lambda text: to_e164(text, "GB") == text
)
_EMAILS = st.from_regex(r"[a-z0-9_+-]{1,20}@([a-z0-9]{1,10}\.){1,2}[a-z]{2,6}", fullmatch=True)
_DAYS = st.dates().map(lambda day: day.isoformat())
_TIMES = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
_DIRTY = st.sampled_from([None, "", "  ", "not-a-phone", "x@", "00"])
_CANONICAL: dict[str, st.SearchStrategy[Any]] = {
    "phone": _NUMBERS,
    "email": _EMAILS,
    "date": _DAYS,
    "datetime": _TIMES,
    "country": st.sampled_from(["GB", "DE", "FR", "US", "XX"]),
    "currency": st.sampled_from(["EUR", "GBP", "USD"]),
    "language": st.from_regex("[a-z]{2,3}", fullmatch=True),
    "decimal": st.decimals(0, 10**6, places=2).map(str),
    "bool": st.booleans(),
}
_SOURCE: dict[str, st.SearchStrategy[Any]] = {
    **_CANONICAL,
    "phone": _DIRTY | _NUMBERS | st.text("0123456789", min_size=7, max_size=11),
    "point": _NUMBERS,
    "email": _DIRTY | _EMAILS | _EMAILS.map(str.upper),
    "language": st.sampled_from(["en", "EN", "de-CH", "pt_BR"]),
}


class _Broken(Exception):  # noqa: N818 - never leaves the module
    """A law does not hold on one record; carries the paths at fault."""


def broken_laws(file: MappingFile, source: Json, canonical: Json, region: str) -> list[str]:
    """Return one line for each law of a writable mapping that does not hold on some generated record.

    Args:
        file: the mapping.
        source: schema of the stream, references inlined.
        canonical: schema of the canonical type, references inlined.
        region: default region of telephone numbers.

    Raises:
        ConfigurationError: the mapping does not compile.
    """
    mapping = compile_mapping(file, source=source, canonical=canonical, region=region)
    records, wanted = source_records(file, source), _canonical_records(file, canonical)
    laws: dict[str, Callable[[], None]] = {
        "what is written does not read back": _LAW(given(records, wanted)(_written_reads_back(mapping))),
        "writing what was read changes the record": _LAW(given(records)(_writing_back_changes_nothing(mapping))),
    }
    return [f"{text}: {paths}" for text, law in laws.items() if (paths := _tried(law))]


def _tried(law: Callable[[], None]) -> str:
    try:
        law()
    except _Broken as broken:
        return str(broken)
    except Unsatisfiable:
        return "no record could be made that the mapping reads; give it tests in the file"
    return ""


def _written_reads_back(mapping: Mapping) -> Callable[[Json, Json], None]:
    def law(record: Json, canonical: Json) -> None:
        _read(mapping, record)
        fields = mapping.to_source(canonical, {}, Lane.RECORD, data=record)
        mapped = _read_written(mapping, _put(record, fields))
        back = flatten(mapped.canonical)
        wrong = [
            path
            for path, value in flatten(canonical).items()
            if set(mapped.origins[path]) & fields.keys() and back.get(path) != value
        ]
        if wrong:
            raise _Broken(", ".join(wrong))

    return law


def _writing_back_changes_nothing(mapping: Mapping) -> Callable[[Json], None]:
    def law(record: Json) -> None:
        canonical = _read(mapping, record).canonical
        fields = mapping.to_source(canonical, {}, Lane.RECORD, data=record)
        again = _read_written(mapping, _put(record, fields)).canonical
        before, after = flatten(canonical), flatten(again)
        wrong = [path for path in {**before, **after} if before.get(path) != after.get(path)]
        wrong += sorted(mapping.difference(record, fields))
        if wrong:
            raise _Broken(", ".join(wrong))

    return law


def _read(mapping: Mapping, record: Json) -> Mapped:
    try:
        return mapping.to_canonical(record)
    except RecordError:
        reject()


def _read_written(mapping: Mapping, record: Json) -> Mapped:
    try:
        return mapping.to_canonical(record)
    except RecordError as error:
        raise _Broken(", ".join(error.pointers)) from None


def _put(record: Json, fields: Json) -> Json:
    for path, value in fields.items():
        record = put_source(record, path, value)
    return record


def _canonical_records(file: MappingFile, canonical: Json) -> st.SearchStrategy[Json]:
    leaves: dict[str, st.SearchStrategy[Any]] = {}
    for rule in file.rules:
        if rule.direction != "both" or rule.write == "never":
            continue
        schema = target_schema(canonical, rule.target) or {}
        if rule.target.leaf is None and "properties" in schema and rule.convert != "reference":
            names = [name for name in schema["properties"] if name != "kind"]
            leaves |= {f"{rule.target}.{name}": _value(rule, schema["properties"][name]) for name in names}
        else:
            leaves[str(rule.target)] = _value(rule, schema)
    return st.fixed_dictionaries({}, optional=leaves).map(unflatten)


def _value(rule: Rule, schema: Json) -> st.SearchStrategy[Any]:
    if rule.values is not None:
        return st.sampled_from(list((written_values(rule) or {"": ""}).keys()))
    if rule.convert == "reference":
        return st.builds(lambda key: {"stream": rule.stream, "key": str(key)}, st.integers(1, 10**9))
    if rule.convert in _CANONICAL:
        return _CANONICAL[rule.convert]
    return _plain(schema)


def source_records(file: MappingFile, source: Json) -> st.SearchStrategy[Json]:
    """Return records as a system may hold them under its schema: dirty contact data, blanks, missing fields."""
    return _object(source, {path: rule for rule in file.rules for path in rule.reads}, "")


def _object(schema: Json, rules: dict[str, Rule], prefix: str) -> st.SearchStrategy[Json]:
    fields = {name: _field(child, rules, f"{prefix}{name}") for name, child in schema["properties"].items()}
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in required},
        optional={name: value for name, value in fields.items() if name not in required},
    )


def _field(schema: Json, rules: dict[str, Rule], path: str) -> st.SearchStrategy[Any]:
    absent = st.none() if "null" in schema.get("type", []) else st.nothing()
    if "properties" in schema:
        return absent | _object(schema, rules, f"{path}.")
    rule = rules.get(path)
    if rule is not None and rule.values is not None and "enum" not in schema:
        return absent | st.sampled_from(list(rule.values))
    if rule is not None and rule.formats:
        return absent | _formatted(rule.formats[0])
    text = source_types(schema) <= {"string"} and "enum" not in schema
    made = _contact_data(rule, schema) if rule is not None and text else None
    return absent | (made if made is not None else _plain(schema))


def _contact_data(rule: Rule, schema: Json) -> st.SearchStrategy[Any] | None:
    if rule.convert == "point" and rule.kind == "email":
        return _EMAILS
    if "pattern" in schema or "format" in schema:  # it says what is clean and lets nothing else in
        return _CANONICAL.get(rule.convert)
    made = _SOURCE.get(rule.convert)
    return made if made is None or "null" in schema.get("type", []) else made.filter(lambda text: text is not None)


def _formatted(form: str) -> st.SearchStrategy[Any]:
    if form in EPOCHS:
        return st.integers(0, timedelta(days=36500) // EPOCHS[form])
    return st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - the zone is the rule's
        lambda moment: moment.replace(tzinfo=UTC).strftime(form)
    )


def _plain(schema: Json) -> st.SearchStrategy[Any]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    types = source_types(schema)
    if types == {"boolean"}:
        return st.booleans()
    if types == {"integer"}:
        return st.integers(min_value=0, max_value=10**9)
    if types == {"number"}:
        return st.integers(0, 10**6)
    if types and "string" not in types:
        return st.nothing() if types == {"object"} else st.just([])
    by_format = {"date": _DAYS, "date-time": _TIMES, "email": _EMAILS, "uuid": st.uuids().map(str)}
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    words = _WORDS.map(lambda text: text[: schema.get("maxLength", 19)].strip()).filter(bool)
    return by_format.get(schema.get("format", ""), words)
