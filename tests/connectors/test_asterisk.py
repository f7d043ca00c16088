"""The call centre connector against what a real Asterisk was recorded to say, in and out of order, and cut off."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.asterisk.call import Call
from connectors.asterisk.calls import Calls
from connectors.asterisk.message import action, parse
from onevoice.sdk import ListEntry, OperatorError, SourceRecord, TransientError
from tests.connectors.ami_server import EVENTS, SECRET, USER, AmiServer

CALL = "1795320606.0"
NOW = datetime(2026, 11, 22, 4, 10, 9, tzinfo=UTC)
ANSWERED = {
    "call_id": CALL,
    "number": "+442079460000",
    "direction": "inbound",
    "queue": "support",
    "agent": "Agent Ada",
    "outcome": "answered",
    "started_at": "2026-11-22T04:10:06.000000Z",
    "hold_seconds": 0,
    "talk_seconds": 3,
    "ended_by": "agent",
}
BY_RECEIPT = {"ended_at", "updated_at", "interrupted"}


@pytest.fixture
def pbx() -> Iterator[AmiServer]:
    with AmiServer() as running:
        yield running


def folders(tmp_path: Path) -> str:
    for name in ("inbox", "outbox"):
        (tmp_path / name).mkdir()
    return str(tmp_path)


def settings(pbx: AmiServer, tmp_path: Path, **more: object) -> dict[str, object]:
    given = {"host": "127.0.0.1", "port": pbx.port, "username": USER, "listen_seconds": 0.1}
    return {**given, "folder": str(tmp_path), **more}


@pytest.fixture
def connector(connect: Any, pbx: AmiServer, tmp_path: Path) -> Any:
    folders(tmp_path)
    return connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": SECRET})


def read(connector: Any, cursor: Any = None) -> tuple[list[SourceRecord], Any]:
    records = []
    for page in connector.read("call", cursor):
        records += page.records
        cursor = page.cursor
    return records, cursor


def facts(record: SourceRecord) -> dict[str, Any]:
    assert record.data is not None
    return {name: value for name, value in record.data.items() if name not in BY_RECEIPT}


def at(kind: str) -> int:
    return next(number for number, event in enumerate(EVENTS) if event["Event"] == kind)


def test_a_call_becomes_one_record_when_it_is_answered_and_again_when_it_is_over(
    connector: Any, pbx: AmiServer
) -> None:
    _, cursor = read(connector)
    pbx.play(EVENTS[: at("AgentConnect") + 1])
    [answered], cursor = read(connector, cursor)
    assert facts(answered) == ANSWERED | {"talk_seconds": None, "ended_by": None}
    assert answered.data is not None
    assert answered.data["ended_at"] is None
    pbx.play(EVENTS[at("AgentConnect") + 1 :])
    records, cursor = read(connector, cursor)
    assert {record.key for record in records} == {CALL}
    assert facts(records[-1]) == ANSWERED
    assert records[-1].data is not None
    assert records[-1].data["ended_at"] is not None
    versions = [answered.version, *(record.version for record in records)]
    assert all(one < two for one, two in pairwise(versions))
    assert read(connector, cursor)[0] == []


@given(st.permutations(EVENTS))
def test_the_same_events_give_the_same_call_in_any_order(events: list[dict[str, str]]) -> None:
    call = Call(CALL)
    for event in events:
        if event.get("Linkedid") == CALL:
            call.take(event, NOW)
    assert call.record(()) == ANSWERED | {"ended_at": "2026-11-22T04:10:09.000000Z", "interrupted": False}


def test_events_out_of_order_come_over_the_line_too(connector: Any, pbx: AmiServer) -> None:
    _, cursor = read(connector)
    events = list(EVENTS)
    random.Random(7).shuffle(events)
    pbx.play(events)
    records, _ = read(connector, cursor)
    assert facts(records[-1]) == ANSWERED


@pytest.mark.parametrize("cut", [at("Newchannel") + 1, at("QueueCallerJoin") + 1, at("AgentConnect") + 1, 50])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_call_goes_on_after_the_line_was_cut(
    connect: Any, pbx: AmiServer, tmp_path: Path, cut: int, *, restarted: bool
) -> None:
    folders(tmp_path)
    one = connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": SECRET})
    _, cursor = read(one)
    pbx.play(EVENTS[:cut])
    _, cursor = read(one, cursor)
    pbx.cut()
    with pytest.raises(TransientError, match="cut"):
        read(one, cursor)
    other = connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": SECRET}) if restarted else one
    seen, cursor = read(other, cursor)
    pbx.play(EVENTS[cut:])
    more, _ = read(other, cursor)
    last = (seen + more)[-1]
    assert last.data is not None
    assert last.data["interrupted"] is True
    assert facts(last) == ANSWERED


def test_a_call_that_ended_while_the_line_was_away_is_ended_with_what_was_known(
    connect: Any, pbx: AmiServer, tmp_path: Path
) -> None:
    folders(tmp_path)
    one = connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": SECRET})
    _, cursor = read(one)
    pbx.play(EVENTS[: at("AgentConnect") + 1])
    _, cursor = read(one, cursor)
    pbx.cut()
    pbx.play(EVENTS[at("AgentConnect") + 1 :], heard=False)
    other = connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": SECRET})
    [last], _ = read(other, cursor)
    assert facts(last) == ANSWERED | {"talk_seconds": None, "ended_by": None}
    assert last.data is not None
    assert (last.data["interrupted"], last.data["ended_at"] is not None) == (True, True)


def test_calls_that_are_under_way_at_the_first_login_are_known_by_their_number(connector: Any, pbx: AmiServer) -> None:
    pbx.play(EVENTS[: at("QueueCallerJoin")], heard=False)
    _, cursor = read(connector)
    assert [call["number"] for call in cursor["calls"]] == ["+442079460000"]
    pbx.play(EVENTS[at("QueueCallerJoin") :])
    records, _ = read(connector, cursor)
    assert facts(records[-1]) == ANSWERED


def test_what_was_read_and_not_kept_is_given_again(connector: Any, pbx: AmiServer) -> None:
    _, cursor = read(connector)
    pbx.play(EVENTS)
    first, _ = read(connector, cursor)
    again, _ = read(connector, cursor)
    assert [r.version for r in again] == [first[-1].version]
    assert again[-1] == first[-1]


def test_a_caller_who_gives_up_and_one_whom_nobody_answers() -> None:
    calls = Calls(frozenset({"from-internal"}))
    calls.take(
        [
            {
                "Event": "Newchannel",
                "Uniqueid": "1.1",
                "Linkedid": "1.1",
                "Context": "pstn",
                "CallerIDNum": "07400123456",
            },
            {"Event": "QueueCallerJoin", "Uniqueid": "1.1", "Linkedid": "1.1", "Queue": "sales"},
            {"Event": "QueueCallerAbandon", "Uniqueid": "1.1", "Linkedid": "1.1", "Queue": "sales"},
            {"Event": "Hangup", "Uniqueid": "1.1", "Linkedid": "1.1", "Timestamp": "31.5"},
            {
                "Event": "Newchannel",
                "Uniqueid": "2.1",
                "Linkedid": "2.1",
                "Context": "from-internal",
                "CallerIDNum": "201",
                "Exten": "07400123457",
            },
            {"Event": "Hangup", "Uniqueid": "2.1", "Linkedid": "2.1"},
        ],
        NOW,
    )
    first, second = (record.data for _, record in calls.after(None))
    assert first is not None
    assert second is not None
    assert (first["outcome"], first["number"], first["direction"], first["queue"]) == (
        "abandoned",
        "07400123456",
        "inbound",
        "sales",
    )
    assert first["ended_at"] == "1970-01-01T00:00:31.500000Z"
    assert (second["outcome"], second["number"], second["direction"]) == ("unanswered", "07400123457", "outbound")


def test_the_screen_pops_while_the_telephone_rings(connect: Any, pbx: AmiServer, tmp_path: Path) -> None:
    folders(tmp_path)
    page = "https://desk.example.com/caller?number={number}&queue={queue}"
    one = connect("asterisk", "callcentre", settings(pbx, tmp_path, screen_pop_url=page), {"secret": SECRET})
    _, cursor = read(one)
    pbx.play(EVENTS[: at("AgentCalled") + 1])
    records, cursor = read(one, cursor)
    assert records == []
    [pop] = pbx.asked("UserEvent")
    assert pop["UserEvent"] == "OnevoiceScreenPop"
    assert (pop["Agent"], pop["Interface"], pop["Call"]) == ("Agent Ada", "Local/201@default", CALL)
    assert pop["Url"] == "https://desk.example.com/caller?number=%2B442079460000&queue=support"
    read(one, cursor)
    assert len(pbx.asked("UserEvent")) == 1


def test_the_secret_is_never_sent_and_a_wrong_one_asks_for_a_person(
    connect: Any, connector: Any, pbx: AmiServer, tmp_path: Path
) -> None:
    connector.check()
    assert SECRET not in str(pbx.actions)
    wrong = connect("asterisk", "callcentre", settings(pbx, tmp_path), {"secret": "wr0ng"})
    with pytest.raises(OperatorError, match="username and secret") as caught:
        wrong.check()
    assert "wr0ng" not in str(caught.value)


def test_another_server_is_not_taken_for_asterisk(connector: Any, pbx: AmiServer) -> None:
    pbx.greeting = "220 mail.example.com ESMTP"
    with pytest.raises(OperatorError, match="no Asterisk Manager"):
        connector.check()


def test_the_do_not_call_file_is_handed_over_and_proven_by_its_receipt(connector: Any, tmp_path: Path) -> None:
    entry = ListEntry(channel="phone", point="+442079460000", purpose="any", reason="withdrawal", since=NOW)
    connector.write_list("do_not_call", [entry])
    content = (tmp_path / "inbox" / "do_not_call.csv").read_bytes()
    assert content == (
        b"channel,point,purpose,reason,since\r\nphone,+442079460000,any,withdrawal,2026-11-22T04:10:09.000000Z\r\n"
    )
    assert connector.readback_list("do_not_call") is None
    (tmp_path / "outbox" / "do_not_call-loaded.csv").write_bytes(content)
    (tmp_path / "outbox" / "do_not_call-loaded.json").write_text('{"rows": 1}')
    assert connector.readback_list("do_not_call") == {("phone", "+442079460000", "any")}


def test_no_value_can_begin_an_action_of_its_own() -> None:
    with pytest.raises(ValueError, match="end of line"):
        action("UserEvent", "1", {"Url": "x\r\n\r\nAction: Command"})
    assert parse(b"Event: A\r\nCallerIDName: a: b\r\nbroken") == {"Event": "A", "CallerIDName": "a: b"}
