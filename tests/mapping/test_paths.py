"""Canonical paths name each leaf once, and records survive the way to leaves and back."""

import pytest

from onevoice.errors import RecordError
from onevoice.mapping import flatten, unflatten
from onevoice.mapping.paths import parse_target, put_source, read_source

PERSON = {
    "name": {"given": "Ann", "family": "Lee"},
    "birth_date": "1974-03-18",
    "emails": [{"kind": "main", "address": "a@b.example"}, {"kind": "work", "address": "c@d.example"}],
}
LEAVES = {
    "name.given": "Ann",
    "name.family": "Lee",
    "birth_date": "1974-03-18",
    "emails[main].address": "a@b.example",
    "emails[work].address": "c@d.example",
}


def test_flatten_names_leaves_and_slots() -> None:
    assert flatten(PERSON) == LEAVES


def test_unflatten_is_the_way_back() -> None:
    assert unflatten(LEAVES) == PERSON


def test_list_of_plain_values_is_one_leaf() -> None:
    record = {"domains": ["a.example", "b.example"]}
    assert flatten(record) == record
    assert unflatten(record) == record


def test_two_entries_of_one_kind_are_refused_without_their_values() -> None:
    entries = [{"kind": "main", "address": "secret@b.example"}] * 2
    with pytest.raises(RecordError) as caught:
        flatten({"emails": entries})
    assert caught.value.pointers == ("/emails/1/kind",)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "Name", "name.", "a.b.c", "emails[].address"])
def test_what_is_no_canonical_path_is_none(text: str) -> None:
    assert parse_target(text) is None


def test_put_source_leaves_the_record_given_as_it_is() -> None:
    record = {"a": {"b": 1, "c": 2}}
    assert put_source(record, "a.b", 3) == {"a": {"b": 3, "c": 2}}
    assert record == {"a": {"b": 1, "c": 2}}
    assert put_source({"a": None}, "a.b", 3) == {"a": {"b": 3}}


@pytest.mark.parametrize(("path", "value"), [("a.b", 1), ("a.x", None), ("x.y", None), ("a.b.c", None)])
def test_read_source_follows_dots_and_ends_in_none(path: str, value: object) -> None:
    assert read_source({"a": {"b": 1}}, path) == value
