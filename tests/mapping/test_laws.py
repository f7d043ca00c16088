"""Laws of every shipped mapping on records made from the schemas: what is let in maps, what is permitted reads back.

The round trip of the values themselves is held by `onevoice.testing.round_trips`.
"""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from onevoice.errors import RecordError
from onevoice.mapping import flatten
from onevoice.mapping.paths import put_source
from onevoice.mapping.step import field_schema
from onevoice.messages import Lane, Permission
from onevoice.testing.round_trips import source_records
from tests.mapping.shipped import SHIPPED, WRITABLE, Shipped

HALF_MONEY = {"/total", "/cost"}
"""An amount without its currency says nothing, and a schema of the source cannot ask for both or neither."""
LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])


@pytest.mark.parametrize("one", SHIPPED, ids=str)
@LAW
@given(data=st.data())
def test_what_the_source_contract_lets_in_maps_but_for_half_of_an_amount(one: Shipped, data: st.DataObject) -> None:
    record = data.draw(source_records(one.file, one.source.schema))
    one.source.check(record)
    try:
        mapped = one.mapping.to_canonical(record)
        one.canonical.check(mapped.canonical)
    except RecordError as error:
        assume(not (error.pointers and set(error.pointers) <= HALF_MONEY))
        raise
    assert set(flatten(mapped.canonical)) <= set(mapped.origins)


@pytest.mark.parametrize("one", WRITABLE, ids=str)
@LAW
@given(data=st.data())
def test_permissions_are_written_so_that_they_read_back(one: Shipped, data: st.DataObject) -> None:
    record = data.draw(source_records(one.file, one.source.schema))
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
