"""Laws of every shipped mapping on records made from the schemas: what is let in maps, what is permitted reads back.

The round trip of the values themselves is held by `onevoice.testing.round_trips`.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from onevoice.mapping import flatten
from onevoice.mapping.conversion import source_types
from onevoice.mapping.paths import put_source
from onevoice.mapping.phone import to_e164
from onevoice.mapping.step import field_schema
from onevoice.messages import Json, Lane, Permission
from tests.mapping.shipped import SHIPPED, WRITABLE, Shipped

PREFIXES = ("44", "49", "33", "1", "39", "48", "41", "353")
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).map(str.strip).filter(bool)
digits = st.text("0123456789", min_size=7, max_size=11)
numbers = st.tuples(st.sampled_from(PREFIXES), digits).map("+".join).map(lambda n: "+" + n.replace("+", ""))
e164 = numbers.filter(lambda number: to_e164(number, "GB") == number)
emails = st.from_regex(r"[a-z0-9._+'-]{1,20}@([a-z0-9]{1,10}\.){1,2}[a-z]{2,6}", fullmatch=True)
days = st.dates().map(lambda day: day.isoformat())
times = st.datetimes().map(lambda moment: moment.isoformat(timespec="microseconds") + "Z")
countries = st.sampled_from(["GB", "DE", "FR", "US", "XX"])
junk = st.sampled_from([None, "", "  ", "not-a-phone", "x@", "00"])


def source_records(one: Shipped) -> st.SearchStrategy[Json]:
    """Return source records as a system may hold them: dirty contact data, blanks, missing fields."""
    conversions: dict[str, str] = {rule.source: rule.convert for rule in one.file.rules if rule.source}
    return _source_object(one.source.schema, conversions, "")


def _source_object(schema: Json, conversions: dict[str, str], prefix: str) -> st.SearchStrategy[Json]:
    fields = {
        name: _source_value(child, conversions, f"{prefix}{name}") for name, child in schema["properties"].items()
    }
    required = set(schema.get("required", []))
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in required},
        optional={name: value for name, value in fields.items() if name not in required},
    )


def _source_value(schema: Json, conversions: dict[str, str], path: str) -> st.SearchStrategy[Any]:
    declared = schema.get("type", [])
    optional = st.none() if "null" in declared else st.nothing()
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "properties" in schema:
        return optional | _source_object(schema, conversions, f"{path}.")
    types = source_types(schema)
    if types == {"boolean"}:
        return optional | st.booleans()
    if types == {"integer"}:
        return optional | st.integers(min_value=0, max_value=10**9)
    texts = {
        "phone": junk | e164 | digits,
        "point": e164,
        "email": junk | emails | emails.map(str.upper),
        "country": countries | st.sampled_from(["gb", " "]),
        "language": st.sampled_from(["en", "EN", "de-CH", "pt_BR"]),
        "decimal": st.decimals(0, 10**6, places=2).map(str),
    }
    by_format = {"date": days, "date-time": times}
    plain = st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else words.map(lambda t: t[:19])
    return optional | texts.get(conversions.get(path, ""), by_format.get(schema.get("format", ""), plain))


@pytest.mark.parametrize("one", SHIPPED, ids=str)
@LAW
@given(data=st.data())
def test_what_the_source_contract_lets_in_maps_to_a_canonical_record(one: Shipped, data: st.DataObject) -> None:
    record = data.draw(source_records(one))
    one.source.check(record)
    if one.file.stream == "call":  # an amount needs its currency; half of it is quarantined
        assume(bool(record.get("cost")) == bool(record.get("currency")))
    mapped = one.mapping.to_canonical(record)
    one.canonical.check(mapped.canonical)
    assert set(flatten(mapped.canonical)) <= set(mapped.origins)


@pytest.mark.parametrize("one", WRITABLE, ids=str)
@LAW
@given(data=st.data())
def test_permissions_are_written_so_that_they_read_back(one: Shipped, data: st.DataObject) -> None:
    record = data.draw(source_records(one))
    for flag in one.file.flags:
        act = (flag.channel, flag.purpose)
        for permission in Permission:
            fields = one.mapping.to_source({}, {act: permission}, Lane.SUPPRESSION)
            if permission is Permission.UNKNOWN:
                assert fields == {}
                continue
            written = record
            for path, value in fields.items():
                written = put_source(written, path, value)
            said = {(one.channel, one.purpose): one.observed for one in one.mapping.observe(written)}
            assert (said[act] == "withdrawn") is (permission is Permission.DENIED)


def test_source_fields_of_every_rule_exist() -> None:
    for one in SHIPPED:
        for rule in one.file.rules:
            assert rule.source is None or field_schema(one.source.schema, rule.source) is not None
