from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.identity import Model, score, weigh
from tests.identity.people import judge, person, seen, shipped_model

HOME = {"street": "14 Mill Lane", "phone": "+441614960123", "email": "marshalls@example.com"}


def test_a_short_form_with_the_same_mailbox_is_linked() -> None:
    found = judge(
        person("William", "Marshall", born="1974-03-18", email="w@example.com"),
        person("Bill", "Marshall", email="w@example.com"),
    )
    assert found.outcome == "link"
    assert [(seen.comparison, seen.level) for seen in found.evidence] == [
        ("given", "nickname"),
        ("family", "exact"),
        ("email", "personal"),
    ]


def test_the_score_is_the_sum_of_the_evidence() -> None:
    found = judge(
        person("William", "Marshall", born="1974-03-18", **HOME), person("Wiliam", "Jones", born="1974-03-18", **HOME)
    )
    assert found.score == pytest.approx(sum(seen.weight for seen in found.evidence))


@pytest.mark.parametrize("other", ["Mary", "Ella", "Will", "Maria"])
def test_a_family_that_shares_everything_stays_apart(other: str) -> None:
    found = judge(person("Emma", "Marshall", **HOME), person(other, "Marshall", **HOME), email=2, phone=2)
    assert found.outcome == "apart"


@pytest.mark.parametrize(("one", "other"), [("Emma", "Ella"), ("Tim", "Tom"), ("Maria", "Marie"), ("Eric", "Erica")])
def test_twins_stay_apart(one: str, other: str) -> None:
    found = judge(
        person(one, "Marshall", born="2001-05-06", **HOME),
        person(other, "Marshall", born="2001-05-06", **HOME),
        email=2,
        phone=2,
    )
    assert found.outcome == "apart"


@pytest.mark.parametrize(("people", "outcome"), [(1, "link"), (2, "apart")])
def test_another_given_name_of_one_birth_is_a_twin_where_a_family_is_known_to_live(people: int, outcome: str) -> None:
    found = judge(
        person("James", "Bastin", born="1958-06-28", street="36 Frater Crescent"),
        person("Isabella", "Bastin", born="1958-06-28", street="36 Frater Cresent"),
        home=people,
    )
    assert found.outcome == outcome


def test_father_and_son_stay_two_where_nobody_else_is_known_at_their_home() -> None:
    home = {"street": "14 Mill Lane"}
    found = judge(
        person("John", "Marshall", born="1950-03-02", **home), person("John", "Marshall", born="1980-03-02", **home)
    )
    assert ("home", "alone") in [(line.comparison, line.level) for line in found.evidence]
    assert found.outcome == "apart"
    found = judge(
        person("John", "Marshall", suffix="Sr", born="1950-03-02", **home), person("John", "Marshall", **home)
    )
    assert found.outcome != "link"


def test_two_of_one_name_born_a_few_years_apart_are_no_father_and_son() -> None:
    home = {"street": "14 Mill Lane"}
    found = judge(
        person("Zelda", "Marchbanks", born="1970-03-02", **home),
        person("Zelda", "Marchbanks", born="1975-11-21", **home),
    )
    assert found.outcome == "link"


def test_father_and_son_of_one_name_with_their_birth_dates_stay_apart() -> None:
    found = judge(
        person("John", "Marshall", born="1950-03-02", **HOME),
        person("John", "Marshall", born="1980-03-02", **HOME),
        email=2,
        phone=2,
    )
    assert found.outcome == "apart"


def test_father_and_son_with_their_suffixes_stay_apart() -> None:
    found = judge(person("John", "Marshall", suffix="Sr", **HOME), person("John", "Marshall", suffix="Junior", **HOME))
    assert found.outcome == "apart"


def test_strangers_with_one_name_are_never_linked() -> None:
    one = person("John", "Marshall", middle="George")
    found = judge(one, person("John", "Marshall", middle="George"))
    assert found.outcome == "apart"


def test_strangers_with_one_name_in_one_town_are_never_linked() -> None:
    one = person("John", "Smith", street="1 Mill Lane", email="a@example.com")
    assert judge(one, person("John", "Smith", street="88 High Street", email="b@example.com")).outcome == "apart"


def test_a_married_name_with_own_mailbox_and_mobile_is_linked() -> None:
    own = {"email": "anna@example.com", "phone": "+447400123456"}
    assert judge(person("Anna", "Marshall", **own), person("Anna", "Jones", **own)).outcome == "link"


def test_day_and_month_swapped_is_no_other_date() -> None:
    own = {"email": "anna@example.com"}
    found = judge(
        person("Anna", "Marshall", born="1974-03-08", **own), person("Anna", "Marshall", born="1974-08-03", **own)
    )
    assert found.outcome == "link"


def test_swapped_given_and_family_name_are_seen() -> None:
    own = {"born": "1974-03-18", "email": "anna@example.com"}
    found = judge(person("Anna", "Marshall", **own), person("Marshall", "Anna", **own))
    assert {(seen.comparison, seen.level) for seen in found.evidence} >= {("given", "swapped"), ("family", "swapped")}
    assert found.outcome == "link"


def test_the_more_people_hold_a_number_the_less_it_says() -> None:
    one, other = person("Anna", "Marshall", phone="+441614960123"), person("Anna", "Jones", phone="+441614960123")
    scores = [judge(one, other, phone=people).score for people in (1, 2, 50)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_a_functions_mailbox_says_next_to_nothing() -> None:
    one = person("Anna", "Marshall", email="sales@firm.example")
    assert judge(one, person("Anna", "Jones", email="sales@firm.example")).outcome == "apart"


def test_blank_never_equals_blank() -> None:
    assert judge(person(), person()).evidence == ()


def test_a_person_and_an_organisation_are_never_compared() -> None:
    with pytest.raises(ValueError, match="never compared"):
        score(seen(person("Anna", "Marshall")), seen({"name": "Anna Marshall"}, "organisation"), shipped_model(), {})


def test_organisations_are_linked_by_name_and_register_number() -> None:
    one = {"name": "Marshall Ltd", "register_number": "12345"}
    assert judge(one, {"name": "MARSHALL LIMITED", "register_number": "12345"}, "organisation").outcome == "link"
    assert judge(one, {"name": "Marshall Ltd"}, "organisation").outcome == "apart"
    assert judge(one, {"name": "Marshall Ltd", "register_number": "99871"}, "organisation").outcome == "apart"


_NAMES = st.sampled_from(["", "William", "Bill", "W.", "Wiliam", "Emma", "Ella", "Marshall", "Marshal-Jones", "Jones"])
_BIRTHS = st.sampled_from([None, "1974-03-08", "1974-08-03", "1974-03-09", "2001-03-08"])
_PEOPLE = st.builds(
    person,
    _NAMES,
    _NAMES,
    born=_BIRTHS,
    email=st.sampled_from([None, "a@example.com", "sales@example.com"]),
    phone=st.sampled_from([None, "+441614960123", "+447400123456"]),
    street=st.sampled_from([None, "14 Mill Lane", "14 Mil Lane", "15 Mill Lane"]),
    postal_code=st.sampled_from([None, "M14 5TP"]),
    middle=st.sampled_from([None, "William", "G"]),
    suffix=st.sampled_from([None, "Jr", "Sr"]),
)


@settings(max_examples=300, deadline=None)
@given(_PEOPLE, _PEOPLE, st.integers(1, 10))
def test_the_order_of_the_two_records_does_not_matter(
    one: dict[str, object], other: dict[str, object], people: int
) -> None:
    holders = {"email:a@example.com": people, "phone:+441614960123": people}
    a, b = seen(one), seen(other)
    assert score(a, b, shipped_model(), holders) == score(b, a, shipped_model(), holders)


@settings(max_examples=300, deadline=None)
@given(_PEOPLE, _PEOPLE, st.integers(1, 10))
def test_weighing_is_scoring_without_the_pairs_that_are_apart(
    one: dict[str, object], other: dict[str, object], people: int
) -> None:
    holders = {"email:a@example.com": people, "phone:+441614960123": people}
    a, b = seen(one), seen(other)
    whole = score(a, b, shipped_model(), holders)
    assert weigh(a, b, shipped_model(), holders) == (None if whole.outcome == "apart" else whole)


def test_an_initial_in_one_home_is_for_a_person_to_decide() -> None:
    one = person("J.", "Marshall", street=HOME["street"], phone=HOME["phone"], email="jane@example.com")
    found = judge(one, person("John", "Marshall", **HOME))
    assert ("given", "initial") in {(seen.comparison, seen.level) for seen in found.evidence}
    assert found.outcome == "review"


def test_an_initial_may_stand_for_a_short_form() -> None:
    own = {"email": "bill@example.com", "phone": "+447400123456"}
    assert judge(person("B.", "Marshall", **own), person("William", "Marshall", **own)).outcome == "link"


def trusting(**more: object) -> Model:
    return replace(shipped_model(), trusted=frozenset({"national_id"}), **more)  # type: ignore[arg-type]


def test_a_trusted_id_links_whatever_the_score_unless_too_much_speaks_against_it() -> None:
    one = {**person("Anna", "Marshall", born="1974-03-18"), "national_id": "QQ 12 34 56 C"}
    married = {**person("Anna", "Jones"), "national_id": "QQ123456C"}
    other = {**person("Peter", "Jones", born="1999-12-01"), "national_id": "QQ123456C"}
    model = trusting()
    assert score(seen(one), seen(married), model, {}).outcome == "trusted"
    assert score(seen(one), seen(other), model, {}).outcome == "review"
    assert score(seen(one), seen(person("Anna", "Jones")), model, {}).outcome == "apart"
    weighed = weigh(seen(one), seen(married), model, {})
    assert weighed == score(seen(one), seen(married), model, {})


def test_twins_who_live_apart_stay_two_people() -> None:
    one, other = person("Zelda", "Marchbanks", born="2001-05-06"), person("Otto", "Marchbanks", born="2001-05-06")
    assert judge(one, other).outcome == "apart"


def test_one_suffix_alone_is_for_a_person_to_decide_also_where_the_name_is_rare() -> None:
    found = judge(person("Zelda", "Marchbanks", suffix="Jr"), person("Zelda", "Marchbanks"))
    assert found.outcome != "link"


def test_a_street_is_known_by_its_words_in_any_order_and_without_a_house_number() -> None:
    found = judge(
        person("Zelda", "Marchbanks", street="36 Frater Crescent Mill Building"),
        person("Zelda", "Marchbanks", street="36 Mill Building Frater Crescent"),
    )
    assert ("address", "similar") in {(line.comparison, line.level) for line in found.evidence}
    found = judge(
        person("Zelda", "Marchbanks", street="14 Mill Lane"), person("Zelda", "Marchbanks", street="Mill Lane")
    )
    assert ("address", "similar") in {(line.comparison, line.level) for line in found.evidence}
