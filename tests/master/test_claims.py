from onevoice.master import claims_of
from tests.master.claiming import day, ref


def test_blank_values_claim_nothing_but_false_and_zero_do() -> None:
    flattened = {"a": None, "b": "", "c": [], "d": False, "e": 0, "f": "x"}
    claims = claims_of(ref("crm"), flattened, day(1), {}, "v1")
    assert [found.path for found in claims] == ["d", "e", "f"]


def test_an_echo_keeps_the_time_of_its_own_value() -> None:
    flattened = {"emails[main].address": "old@example.com", "birth_date": "1974-03-18"}
    claims = claims_of(ref("crm"), flattened, day(9), {"emails[main].address": day(2)}, "v1")
    assert {found.path: found.time for found in claims} == {"emails[main].address": day(2), "birth_date": day(9)}
    assert {(found.ref, found.mapping_version) for found in claims} == {(ref("crm"), "v1")}
