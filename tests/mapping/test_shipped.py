"""The shipped mappings: sound, tested by their own cases, and at home with the sample records."""

import json

import pytest

from onevoice.mapping import lint, measure, run_tests
from onevoice.mapping.compiled import Mapping
from onevoice.messages import PARTY_TYPES, Json
from tests.mapping.shipped import REGION, ROOT, SHIPPED, WRITABLE, Shipped

EXAMPLES = ROOT / "samples" / "examples"


def example(name: str) -> Json:
    return dict(json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8")))


def erp_customer() -> Json:
    customer, address = example("erp.customers"), example("erp.addresses")
    del address["kind"]
    changed = max(customer["updated_at"], address["updated_at"])
    return {**customer, "main_address": address, "changed_at": changed}


RECORDS = {
    "sample_crm/Contact": example("crm.Contact"),
    "sample_crm/Case": example("crm.Case"),
    "sample_erp/customers": erp_customer(),
    "sample_erp/orders": example("erp.orders"),
    "sample_shop/customers": example("shop.customers"),
    "sample_shop/orders": example("shop.orders"),
    "sample_callcentre/call": example("callcentre.call"),
    "sample_callcentre/do_not_call": example("callcentre.do_not_call"),
}


def mapping_of(name: str) -> Mapping:
    return next(one.mapping for one in SHIPPED if str(one) == name)


@pytest.mark.parametrize("one", SHIPPED, ids=str)
def test_mapping_has_no_lint_problem(one: Shipped) -> None:
    others = {to: contract.schema for to, contract in one.others.items()}
    assert [str(problem) for problem in lint(one.file, one.source.schema, one.canonical.schema, others)] == []


@pytest.mark.parametrize("one", SHIPPED, ids=str)
def test_cases_in_the_file_hold(one: Shipped) -> None:
    results = run_tests(one.file, source=one.source, canonical=one.canonical, region=REGION, others=one.others)
    assert results
    assert {result.name: result.problems for result in results if result.problems} == {}


@pytest.mark.parametrize("one", SHIPPED, ids=str)
def test_two_way_coverage_of_writable_streams(one: Shipped) -> None:
    coverage = measure(one.file, one.source.schema)
    assert coverage.forgotten == ()
    assert coverage.two_way >= 0.8 or not one.mapping.writable


@pytest.mark.parametrize("name", RECORDS)
def test_sample_record_maps_both_checks_passed(name: str) -> None:
    one = next(one for one in SHIPPED if str(one) == name)
    one.source.check(RECORDS[name])
    one.canonical.check(one.mapping.to_canonical(RECORDS[name]).canonical)


def test_every_sample_stream_is_mapped() -> None:
    assert {str(one) for one in SHIPPED} >= set(RECORDS)


@pytest.mark.parametrize(
    ("name", "key", "version"),
    [
        ("sample_crm/Contact", "003OV0000000A4b", "2024-11-05T14:21:09.482113Z"),
        ("sample_erp/customers", "K10001", "2024-09-12T16:44:03.120001Z"),
        ("sample_shop/orders", "90001", "2024-12-01T20:06:02.009113Z"),
        ("sample_callcentre/do_not_call", "D-000001", "2024-12-03T09:18:55.000000Z"),
    ],
)
def test_key_and_version_are_text(name: str, key: str, version: str) -> None:
    assert mapping_of(name).key(RECORDS[name]) == key
    assert mapping_of(name).version(RECORDS[name]) == version


def test_customers_are_writable_and_nothing_else() -> None:
    assert {"sample_crm/Contact", "sample_erp/customers", "sample_shop/customers"} <= {str(one) for one in WRITABLE}
    assert {one.mapping.to for one in WRITABLE} <= PARTY_TYPES


def test_one_person_reads_alike_from_three_systems() -> None:
    people = [
        mapping_of(name).to_canonical(RECORDS[name]).canonical
        for name in ("sample_crm/Contact", "sample_erp/customers", "sample_shop/customers")
    ]
    assert {person["emails"][0]["address"] for person in people} == {"william.marshall@example.com"}
    assert {person["phones"][0]["number"] for person in people} == {"+447400123456"}
