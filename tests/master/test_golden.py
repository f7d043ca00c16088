import random
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from onevoice.master import Claim, Golden, Pin, explain, golden, golden_values
from tests.master.claiming import claim, day, pin, ref, shipped_policy


def test_an_address_corrected_in_one_system_becomes_golden() -> None:
    claims = [
        claim("emails[main].address", "old@example.com", "crm", 1),
        claim("emails[main].address", "new@example.com", "shop", 5),
        claim("emails[main].address", "old@example.com", "erp", 3),
    ]
    found = golden(claims, shipped_policy())
    assert found.values == {"emails[main].address": "new@example.com"}
    decision = found.decisions["emails[main].address"]
    assert decision.winner.ref == ref("shop")
    assert decision.rule == "shop said it last"
    assert [loser.ref.system for loser in decision.losers] == ["erp", "crm"]


def test_the_name_comes_whole_from_the_most_trusted_system() -> None:
    claims = [
        claim("name.given", "WILLIAM", "erp", 9),
        claim("name.family", "MARSHALL", "erp", 9),
        claim("name.middle", "GEORGE", "erp", 9),
        claim("name.given", "William", "crm", 1),
        claim("name.family", "Marshall", "crm", 1),
    ]
    found = golden(claims, shipped_policy())
    assert found.values == {"name.family": "Marshall", "name.given": "William"}
    assert found.decisions["name.given"].rule == "name stays whole: crm is trusted before erp"
    assert [left.value for left in found.left_out["name.middle"]] == ["GEORGE"]


def test_an_address_never_mixes_two_records() -> None:
    claims = [
        claim("addresses[main].street", "14 Mill Lane", "crm", 1),
        claim("addresses[main].city", "Manchester", "crm", 1),
        claim("addresses[main].region", "Lancashire", "crm", 1),
        claim("addresses[main].street", "2 High Street", "shop", 2),
        claim("addresses[main].city", "Leeds", "shop", 2),
        claim("addresses[billing].city", "York", "erp", 1),
    ]
    assert golden_values(claims, shipped_policy()) == {
        "addresses[billing].city": "York",
        "addresses[main].city": "Leeds",
        "addresses[main].street": "2 High Street",
    }


def test_a_whole_that_the_hub_filled_in_part_is_as_old_as_its_own_part() -> None:
    claims = [
        claim("addresses[main].street", "14 Mill Lane", "erp", 1),  # the hub has since written the shop's street there
        claim("addresses[main].city", "Leeds", "erp", 9),  # some other field of the record changed on day 9
        claim("addresses[main].street", "2 High Street", "shop", 5),
        claim("addresses[main].city", "Leeds", "shop", 5),
    ]
    assert golden_values(claims, shipped_policy())["addresses[main].street"] == "2 High Street"


def test_a_system_that_is_not_listed_comes_last_in_trust() -> None:
    claims = [claim("birth_date", "1974-03-18", "kiosk", 9), claim("birth_date", "1974-03-19", "shop", 1)]
    assert golden_values(claims, shipped_policy()) == {"birth_date": "1974-03-19"}


def test_what_is_equal_in_all_else_is_decided_by_the_records_key() -> None:
    claims = [claim("birth_date", value, "crm", 1, key) for value, key in (("1974-03-19", "B"), ("1974-03-18", "A"))]
    found = golden(claims, shipped_policy())
    assert found.values == {"birth_date": "1974-03-18"}
    assert found.decisions["birth_date"].rule == "equal in trust and time, so the first by system, stream and key"


def test_every_claim_is_explained() -> None:
    claims = [
        claim("name.given", "WILLIAM", "erp", 9),
        claim("name.middle", "GEORGE", "erp", 9),
        claim("name.given", "William", "crm", 1),
    ]
    given_name, middle_name = explain(golden(claims, shipped_policy()))
    assert (given_name.path, given_name.value, given_name.system, given_name.key) == (
        "name.given",
        "William",
        "crm",
        "1",
    )
    assert (given_name.time, given_name.mapping_version) == (day(1), "v1")
    assert [loser.value for loser in given_name.losers] == ["WILLIAM"]
    assert (middle_name.path, middle_name.value, middle_name.system) == ("name.middle", None, None)
    assert [loser.value for loser in middle_name.losers] == ["GEORGE"]


def test_no_claims_give_an_empty_record() -> None:
    found = golden([], shipped_policy())
    assert (found.values, found.decisions, found.left_out) == ({}, {}, {})
    assert golden_values([], shipped_policy()) == {}


_CLAIMS = st.lists(
    st.builds(
        claim,
        st.sampled_from(
            ["name.given", "name.family", "name", "birth_date", "addresses[main].street", "addresses[main].city",
             "addresses[work].city", "emails[main].address", "phones[mobile].number", "language", "loyal"]
        ),
        st.sampled_from(["a", "b", True, 3, "Unknown", ["a"]]),
        st.sampled_from(["crm", "erp", "shop", "kiosk"]),
        st.sampled_from([0, 1, 2, 2000, 4000]),
        st.sampled_from(["1", "2"]),
    ),
    max_size=25,
    unique_by=lambda made: (made.path, made.ref),  # a record says one thing at a path
)  # fmt: skip


_PINS = st.lists(
    st.builds(
        pin,
        st.sampled_from(["name.given", "name.middle", "birth_date"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 2),
        st.sampled_from(["1", "2"]),
    ),
    max_size=4,
    unique_by=lambda made: (made.path, made.time, made.ref, made.value),
)


@settings(max_examples=400, deadline=None)
@given(_CLAIMS, _PINS, st.randoms(use_true_random=False))
def test_the_order_of_claims_does_not_matter_and_the_fast_path_gives_the_same(
    claims: list[Claim], pins: list[Pin], chance: random.Random
) -> None:
    found = golden(claims, shipped_policy(), pins)
    shuffled = list(claims)
    chance.shuffle(shuffled)
    turned = pins[::-1]
    assert golden(shuffled, shipped_policy(), turned) == found
    assert list(golden_values(shuffled, shipped_policy(), turned).items()) == list(found.values.items())


@settings(max_examples=1000, deadline=None)
@given(_CLAIMS, st.integers(-3000, 3000))
@example([claim("language", "fr", "shop", 0), claim("language", "en", "crm", 1825)], -3000)
def test_only_how_much_older_a_claim_is_counts_and_never_the_date(claims: list[Claim], days: int) -> None:
    moved = [claim._replace(time=claim.time + timedelta(days=days)) for claim in claims]
    assert golden_values(moved, shipped_policy()) == golden_values(claims, shipped_policy())


def test_trust_fades_against_the_newest_claim_on_the_attribute() -> None:
    def language(years: int) -> Golden:
        return golden(
            [claim("language", "fr", "shop", 0), claim("language", "en", "crm", 365 * years)], shipped_policy()
        )

    assert language(1).values == {"language": "fr"}
    assert language(1).decisions["language"].rule == "shop is trusted before crm"
    assert language(5).values == {"language": "en"}
    assert language(5).decisions["language"].rule == "crm is newer, and age has taken the trust in shop"


def test_what_stands_for_nothing_comes_after_everything_else() -> None:
    born = golden(
        [claim("birth_date", "1900-01-01", "erp", 9), claim("birth_date", "1974-03-18", "kiosk", 1)], shipped_policy()
    )
    assert born.values == {"birth_date": "1974-03-18"}
    assert born.decisions["birth_date"].rule == "what erp says stands for nothing"
    name = [
        claim("name.given", "Ann", "crm", 9),
        claim("name.family", "Unknown", "crm", 9),
        claim("name.given", "Anne", "shop", 1),
        claim("name.family", "Lee", "shop", 1),
    ]
    assert golden_values(name, shipped_policy()) == {"name.family": "Lee", "name.given": "Anne"}
    assert golden_values(name[:2], shipped_policy()) == {"name.family": "Unknown", "name.given": "Ann"}


def test_a_pinned_value_stands_and_what_it_beat_is_shown() -> None:
    claims = [claim("name.family", "Lee", "crm", 9), claim("name.family", "Hill", "shop", 1)]
    found = golden(claims, shipped_policy(), [pin("name.family", "Lee-Hill", 3), pin("name.family", "Old", 2)])
    assert found.values == {"name.family": "Lee-Hill"}
    [row] = explain(found)
    assert (row.rule, row.system, row.pin) == ("pinned by ann: saw it", None, pin("name.family", "Lee-Hill", 3).id)
    assert [loser.value for loser in row.losers] == ["Lee", "Hill"]


def test_a_pin_stands_where_nobody_says_anything() -> None:
    assert golden([], shipped_policy(), [pin("birth_date", "1974-03-18", 1)]).values == {"birth_date": "1974-03-18"}


@settings(max_examples=1000, deadline=None)
@given(_CLAIMS)
def test_every_claim_wins_loses_or_is_left_out_once(claims: list[Claim]) -> None:
    found = golden(claims, shipped_policy())
    accounted = [decision.winner for decision in found.decisions.values()]
    accounted += [loser for decision in found.decisions.values() for loser in decision.losers]
    accounted += [left for lefts in found.left_out.values() for left in lefts]
    assert sorted(map(repr, accounted)) == sorted(map(repr, claims))
