"""A REST connector that is nothing but a manifest, against a small service that pages, stamps and takes conditions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import yaml

from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError
from onevoice.messages import Change, Creation, WriteOutcome
from onevoice.sdk import Discoverer, RecordWriter, Settings
from onevoice.sdk.discovery import build, discover
from onevoice.sdk.manifest import load_manifest
from samples.club.service import KEY, Club, served

NOW = datetime(2025, 6, 1, tzinfo=UTC)
MANIFEST = """
id: club
title: Club
owner: sales
kind: rest
settings:
  type: object
  additionalProperties: false
  required: [url, key]
  properties:
    url: {type: string, description: the address}
    key: {type: string, x-secret: true, description: the key as a secret}
rest:
  auth: {header: {name: X-Club-Key, secret: key}}
streams:
  members:
    mode: poll
    writable: true
    rest:
      list: v1/members
      records: data.members
      key: number
      version: changed
      since: {parameter: since, ordered: true}
      paging: {by: number}
      one: v1/members/{key}
      record: member
      deleted: {field: resigned}
      update: {wrap: member, condition: etag, idempotency_header: Idempotency-Key}
"""


@pytest.fixture
def club() -> Iterator[Club]:
    with served(Club()) as running:
        for number in range(1, 9):
            running.put(number, name=f"Member {number}", mail=f"m{number}@example.com", home={"city": "Leeds"})
        yield running


def connector(folder: Path, club: Club, key: str = KEY, **declared: Any) -> Any:
    raw = yaml.safe_load(MANIFEST)
    raw["streams"]["members"]["rest"].update(declared)
    if "create" in declared:
        raw["streams"]["members"]["create"] = {"reference": "ref"}
    for name in [name for name, value in declared.items() if value is None]:
        del raw["streams"]["members"]["rest"][name]
    (folder / "club").mkdir(exist_ok=True)
    (folder / "club" / "manifest.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    settings = Settings(system="club1", values={"url": club.url}, secrets={"key": key}, now=lambda: NOW)
    return build(discover(folder)["club"], settings)


def test_it_reads_from_any_page_on_without_loss(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club)
    assert isinstance(made, RecordWriter)
    made.check()
    pages = list(made.read("members", None))
    assert [[record.key for record in page.records] for page in pages] == [["1", "2", "3"], ["4", "5", "6"], ["7", "8"]]
    assert pages[0].records[0].data == club.members[1]
    for at, page in enumerate(pages):
        before = {record.key for earlier in pages[: at + 1] for record in earlier.records}
        after = {record.key for later in made.read("members", page.cursor) for record in later.records}
        assert before | after == {str(number) for number in club.members}
    club.put(2, name="Changed", resigned=True)
    [record] = [r for page in made.read("members", pages[-1].cursor) for r in page.records if r.key == "2"]
    assert (record.deleted, record.data, record.version) == (True, None, club.members[2]["changed"])


def test_a_list_in_no_order_moves_the_cursor_at_its_end_only(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club, since={"parameter": "since"})
    cursors = [page.cursor for page in made.read("members", None)]
    assert cursors == [{}, {}, {"after": [club.members[8]["changed"], "8"]}]


def test_a_list_that_cannot_be_asked_for_changes_is_read_whole_each_time(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club, since=None, version=None, update={"wrap": "member", "condition": "none"})
    pages = list(made.read("members", {}))
    assert sum(len(page.records) for page in pages) == 8
    assert all(page.cursor == {} for page in pages)
    first = pages[0].records[0]
    assert first.data == {**club.members[1], "_version": 0}
    gone = made.readback("members", ["99"])[0]
    assert (gone.deleted, gone.version) == (True, first.version), "only the reading number tells them apart"
    change = Change(key="1", fields={"name": "Ann"}, expected_version=first.version)
    assert made.write("members", [change])[0].outcome is WriteOutcome.APPLIED


def test_a_write_is_conditional_and_says_which_field_was_refused(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club)
    read = made.readback("members", ["1"])[0]
    change = Change(key="1", fields={"home.city": "York"}, expected_version=read.version, idempotency_key="k1")
    [done] = made.write("members", [change])
    assert (done.outcome, done.version) == (WriteOutcome.APPLIED, club.members[1]["changed"])
    assert club.members[1]["home"] == {"city": "York"}
    headers, body = club.sent[-1]
    assert (headers["If-Match"], headers["Idempotency-Key"]) == (f'"{read.version}"', "k1")
    assert body == {"member": {"home": {"city": "York"}}}
    results = made.write(
        "members",
        [change, Change(key="99", fields={"name": "x"}), Change(key="2", fields={"mail": "marked.value"})],
    )
    assert [(r.outcome.value, r.reason) for r in results] == [
        ("conflict", "changed since it was read"),
        ("missing", "HTTP 404"),
        ("refused", "HTTP 422: mail"),
    ]


def test_an_answer_that_is_lost_after_the_work_leads_to_no_second_effect(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club)
    read = made.readback("members", ["1"])[0]
    change = Change(key="1", fields={"name": "Ann"}, expected_version=read.version)
    club.lost = 1
    with pytest.raises(TransientError):
        made.write("members", [change])
    assert [r.outcome for r in made.write("members", [change])] == [WriteOutcome.CONFLICT]
    assert len(club.sent) == 1


def test_a_record_is_made_where_the_manifest_says_and_its_key_is_in_the_answer(tmp_path: Path, server: Any) -> None:
    one = Creation(reference="0197-a", fields={"name": "Ann", "home.city": "York"})
    upserting = connector(tmp_path, server, create={"method": "PUT", "path": "v1/by-ref/{reference}", "wrap": "member"})
    server.say(orjson.dumps({"member": {"number": 9}}), status=201)
    [made] = upserting.create("members", [one])
    assert (made.reference, made.outcome, made.key) == ("0197-a", WriteOutcome.APPLIED, "9")
    asked = server.asked[-1]
    assert asked.path == "/v1/by-ref/0197-a"
    assert orjson.loads(asked.body) == {"member": {"name": "Ann", "home": {"city": "York"}}}


@pytest.mark.parametrize(
    ("status", "outcome"), [(409, None), (503, None), (422, WriteOutcome.REFUSED), (404, WriteOutcome.REFUSED)]
)
def test_what_becomes_of_a_record_that_is_not_made(tmp_path: Path, server: Any, status: int, outcome: Any) -> None:
    making = connector(tmp_path, server, create={"reference": "ref"})
    server.say(orjson.dumps({"errors": {"name": ["Ann is taken"]}}), status=status)
    one = Creation(reference="0197-a", fields={"name": "Ann"})
    if outcome is None:  # the first attempt may be under way still, or nobody knows
        with pytest.raises(TransientError):
            making.create("members", [one])
        return
    [made] = making.create("members", [one])
    assert (made.outcome, made.key, made.reason) == (outcome, None, f"HTTP {status}: name")
    assert orjson.loads(server.asked[-1].body) == {"name": "Ann", "ref": "0197-a"}


def test_what_was_made_is_found_by_its_reference_alone(tmp_path: Path, server: Any) -> None:
    finding = connector(tmp_path, server, create={"reference": "ref", "find": "ref"})
    twice = [{"number": 3, "ref": "0197-c"}, {"number": 4, "ref": "0197-c"}]
    for rows in ([{"number": 9, "ref": "0197-a"}], [{"number": 1, "ref": None}, {"number": 2}], twice):
        server.say(orjson.dumps({"data": {"members": rows}}))
    assert finding.find("members", ["0197-a", "0197-b"]) == {"0197-a": "9"}, "a service may not know the parameter"
    with pytest.raises(RefusedError, match="several records"):
        finding.find("members", ["0197-c"])


def test_a_service_without_entity_tags_is_not_written_over_blindly(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club)
    club.tagged = False
    read = made.readback("members", ["1"])[0]
    with pytest.raises(OperatorError, match="no ETag"):
        made.write("members", [Change(key="1", fields={"name": "Ann"}, expected_version=read.version)])
    assert not club.sent


def test_it_drafts_the_schema_that_its_records_fit(tmp_path: Path, club: Club) -> None:
    made = connector(tmp_path, club)
    assert isinstance(made, Discoverer)
    schema = made.discover("members")
    assert schema["required"] == ["number", "changed"]
    assert schema["properties"]["mail"] == {"type": ["string", "null"], "x-personal": True}
    assert schema["properties"]["home"]["properties"]["city"] == {"type": ["string", "null"], "x-personal": True}
    assert all(jsonschema.Draft202012Validator(schema).is_valid(member) for member in club.members.values())


def test_a_version_that_is_not_of_the_declared_form_sorts_nowhere(tmp_path: Path, club: Club) -> None:
    club.members[3]["changed"] = "2025-05-01T10:00:00Z"
    made = connector(tmp_path, club, version_as="iso")
    club.members[4]["changed"] = "Thu, 01 May 2025 10:00:00 GMT"
    club.members[5]["changed"] = "1746093600"
    read = {r.key: r.version for page in made.read("members", None) for r in page.records}
    assert read["3"] == "2025-05-01T10:00:00.000000Z"
    assert (read["4"], read["5"]) == ("", "")
    for number in club.members:
        club.members[number]["changed"] = str(1746093600 + number)
    with pytest.raises(OperatorError, match="records without number or changed"):
        list(made.read("members", None))


def test_a_wrong_key_asks_for_a_person_and_is_not_shown(tmp_path: Path, club: Club) -> None:
    with pytest.raises(OperatorError, match="HTTP 401") as caught:
        connector(tmp_path, club, key="wr0ng").check()
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kind": "amqp"}, "rest: the kind is amqp"),
        ({"rest": None, "kind": "amqp", "streams": {}}, "entry: is missing"),
        ({"streams": {"members": {"mode": "poll"}}}, "streams.members.rest: is missing"),
        ({"rest": {"auth": {"bearrer": "key"}}}, "rest.auth: "),
        ({"streams": {"members": {"mode": "poll", "rest": {"list": "a", "key": "b", "one": "c"}}}}, "rest.one: "),
    ],
)
def test_what_is_declared_wrongly_is_named(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    raw = {name: value for name, value in {**yaml.safe_load(MANIFEST), **changes}.items() if value is not None}
    (tmp_path / "club").mkdir()
    (tmp_path / "club" / "manifest.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(ConfigurationError, match=r"club/manifest\.yaml: ") as caught:
        load_manifest(tmp_path / "club", "connectors.club")
    assert named in str(caught.value)
