import pytest

from onevoice.identity import block_keys, contact_points, identity_hash, people_at
from tests.identity.people import person, seen, shipped_model


def test_one_person_written_differently_has_one_hash() -> None:
    one = person("José", "O'Brien", email="Jose@Example.com", phone="+44 7400 123456", street="14 Mill Ln")
    other = person("JOSE", "OBrien", email="jose@example.com", phone="+447400123456", street="14 MILL LANE")
    assert identity_hash(seen(one)) == identity_hash(seen(other))


def test_the_order_of_contact_points_does_not_change_the_hash() -> None:
    rows = [{"kind": "main", "address": "a@example.com"}, {"kind": "work", "address": "b@example.com"}]
    assert identity_hash(seen({"emails": rows})) == identity_hash(seen({"emails": rows[::-1]}))


@pytest.mark.parametrize(
    "other",
    [
        person("Will", "Marshall", born="1974-03-18"),
        person("Bill", "Marshal", born="1974-03-18"),
        person("Bill", "Marshall", born="1974-03-19"),
        person("Bill", "Marshall", born="1974-03-18", suffix="Jr"),
        person("Bill", "Marshall", born="1974-03-18", street="1 Mill Lane"),
    ],
)
def test_whatever_matching_looks_at_changes_the_hash(other: dict[str, object]) -> None:
    assert identity_hash(seen(person("Bill", "Marshall", born="1974-03-18"))) != identity_hash(seen(other))


def test_placeholders_are_no_values() -> None:
    profile = seen(person("Unknown", "N/A", born="1900-01-01", email="noreply@example.com", phone="+440000000000"))
    assert (profile.given, profile.family, profile.birth) == ("", "", "")
    assert profile.emails == profile.phones == ()
    assert block_keys(profile) == ()


def test_contact_points_include_placeholders_because_an_opt_out_binds_there_too() -> None:
    points = contact_points(person(email="NoReply@example.com", phone="+440000000000"))
    assert points == ("email:noreply@example.com", "phone:+440000000000")


def test_block_keys_begin_with_the_contact_points() -> None:
    canonical = person(
        "Bill", "Marshall", born="1974-03-18", email="b@example.com", phone="+447400123456", street="14 Mill Lane"
    )
    keys = block_keys(seen(canonical))
    assert keys[:2] == contact_points(canonical)
    assert {"nb:mar|1974-03-18", "nb:wil|1974-03-18", "na:marshall|william"} <= set(keys)


def test_a_common_name_has_finer_keys_too_as_its_own_may_be_crowded() -> None:
    common = block_keys(seen(person("John", "Smith", street="14 Mill Lane")))
    assert {"na:john|smith", "np:john|smith|m145tp"} <= set(common)
    rare = block_keys(seen(person("Zelda", "Marchbanks", street="14 Mill Lane")))
    assert not [key for key in rare if key.startswith("np:")]


def test_names_that_changed_places_meet_short_forms_too() -> None:
    assert set(block_keys(seen(person("Bill", "Marshall")))) & set(block_keys(seen(person("Marshall", "Bill"))))


def test_slips_after_the_beginning_of_a_name_meet_by_the_date_of_birth() -> None:
    one = block_keys(seen(person("Kirra", "Gaskin", born="1990-11-11")))
    assert set(one) & set(block_keys(seen(person("Kirr", "Gasnik", born="1990-11-11"))))


def test_a_suffix_in_the_family_name_is_no_part_of_it() -> None:
    profile = seen(person("John", "Marshall Jr"))
    assert (profile.family, profile.suffix) == ("marshall", "jr")


def test_blanks_make_no_block_key() -> None:
    assert block_keys(seen({})) == ()
    assert block_keys(seen(person("Bill", ""))) == ()


def test_an_organisation_is_known_by_its_name_without_the_legal_form() -> None:
    one = seen(
        {"name": "Marshall & Sons Ltd", "register_number": "HRB 12-345", "domains": ["www.marshall.example"]},
        "organisation",
    )
    assert (one.organisation, one.register, one.domains) == ("marshall sons", "hrb12345", ("marshall.example",))
    assert set(block_keys(one)) == {"reg:hrb12345", "dom:marshall.example"}


def test_a_public_mail_service_is_no_organisations_domain() -> None:
    mailbox = [{"kind": "main", "address": "marshall@gmail.com"}]
    assert seen({"name": "Marshall", "emails": mailbox}, "organisation").domains == ()


def test_one_person_in_several_systems_is_one_holder() -> None:
    records = [
        person("William", "Marshall", born="1974-03-08"),
        person("Bill", "Marshall"),
        person("W.", "Marshall"),
        person("Wiliam", "Marshall", born="1974-08-03"),
    ]
    assert people_at("email:", [seen(record) for record in records], shipped_model()) == 1


def test_relatives_are_as_many_holders_as_they_are() -> None:
    records = [
        person("John", "Marshall", born="1950-01-02"),
        person("John", "Marshall", born="1980-05-06"),
        person("Mary", "Marshall"),
        person("Marie", "Marshall"),
    ]
    profiles = [seen(record) for record in records]
    assert people_at("email:", profiles, shipped_model()) == people_at("email:", profiles[::-1], shipped_model()) == 4


def test_nameless_records_are_one_holder() -> None:
    assert people_at("email:", [seen({}), seen({})], shipped_model()) == 1


def test_counting_a_switchboards_many_holders_stops_early() -> None:
    names = ["Adam", "Boris", "Cecil", "Dora", "Emma", "Fiona", "Gustav", "Hugo", "Ivan", "Karl"] * 100
    crowd = [seen(person(f"{name}{letter}")) for name, letter in zip(names, "bcdfghklmn" * 100, strict=True)]
    assert people_at("email:", crowd, shipped_model()) > shipped_model().household_limit


def home(*known: tuple[str, str | None]) -> int:
    people = [seen(person(given, "Lee", born=born, street="1 High Road")) for given, born in known]
    assert people_at("ad:", people, shipped_model()) == people_at("ad:", people[::-1], shipped_model())
    return people_at("ad:", people, shipped_model())


def test_a_home_is_a_familys_once_two_people_are_known_there() -> None:
    assert home(("Ann", "1980-02-03")) == 1
    assert home(("Ann", "1980-02-03"), ("Annie", None), ("A", None), ("", "1980-02-03")) == 1
    assert home(("Ann", "1980-02-03"), ("Bob", "1978-05-06")) == 2
    assert home(("Ann", None), ("Bob", None)) == 2
    # Of one birth, or of one name: as likely one person, whose records are wrong.
    assert home(("Ann", "1980-02-03"), ("Bob", "1980-02-03")) == 1
    assert home(("Ann", "1980-02-03"), ("Ann", "1950-05-06")) == 1
    assert home(("Ann", "1980-02-03"), ("Bob", "1980-02-03"), ("Cy", "1950-05-06")) == 2
