from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onevoice.bus import (
    MESSAGE_LIMIT,
    EnvelopeIdentity,
    envelope_identity,
    envelope_json,
    parse_envelope,
    parse_work,
    work_messages,
)
from onevoice.errors import RecordError
from onevoice.messages import Envelope, Lane, Work

_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
_name = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
_key_part = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=20,
)
_envelopes = st.builds(
    Envelope,
    id=_name,
    system=_key_part,
    stream=st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True),
    key=_name,
    time=st.datetimes(
        min_value=datetime(1, 1, 3),  # noqa: DTZ001 - the strategy adds the zone
        max_value=datetime(9999, 12, 29),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=11, minutes=30))]),
    ),
    sequence=_name,
    reading=st.integers(0, 2**31 - 1),
    data=st.dictionaries(_text, _json, max_size=5),
    urgent=st.booleans(),
    correlation_id=st.none() | _name,
    causation_id=st.none() | _name,
    traceparent=st.none() | _name,
)


@settings(max_examples=200, deadline=None)
@given(_envelopes, st.booleans(), st.booleans())
def test_parsing_gives_back_what_was_written(envelope: Envelope, deleted: bool, says_who: bool) -> None:
    if deleted:
        envelope = replace(envelope, deleted=True, data=None)
    key = f"{envelope.system}.{envelope.stream}"
    body = envelope_json(envelope)
    user_id = envelope.system if says_who else None
    assert parse_envelope(body, routing_key=key, user_id=user_id, urgent=envelope.urgent) == envelope
    assert envelope_identity(body, key) == EnvelopeIdentity(
        system=envelope.system, stream=envelope.stream, key=envelope.key, id=envelope.id
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | _json.map(orjson.dumps), st.text(max_size=30))
def test_nothing_but_an_envelope_or_a_record_error_comes_of_any_bytes(body: bytes, key: str) -> None:
    with pytest.raises(RecordError):
        parse_envelope(body, routing_key=key, user_id=None, urgent=False)
    envelope_identity(body, key)
    with pytest.raises(RecordError):
        parse_work(body)


@given(st.lists(st.builds(Work, system=_name, lane=st.sampled_from(Lane), stream=_name, target=_name)))
def test_work_comes_back_as_it_was_each_in_the_order_of_its_queue(works: list[Work]) -> None:
    taken = [work for _, _, body in work_messages(works) for work in parse_work(body)]
    for queue in {(work.system, work.lane) for work in works}:
        assert [w for w in taken if (w.system, w.lane) == queue] == [w for w in works if (w.system, w.lane) == queue]
    assert len(taken) == len(works)


def test_the_document_is_a_cloud_event() -> None:
    envelope = Envelope(
        id="m1",
        system="crm",
        stream="Contact",
        key="003A",
        time=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        sequence="2026",
        reading=2,
        data={"LastName": "Œ"},
        traceparent="00-a-b-01",
        correlation_id="c1",
        causation_id="c0",
    )
    document = {
        "specversion": "1.0",
        "id": "m1",
        "source": "/onevoice/crm",
        "type": "onevoice.record.v1",
        "subject": "003A",
        "time": "2026-03-04T05:06:07.000000Z",
        "datacontenttype": "application/json",
        "dataschema": "schemas/crm/Contact.json",
        "sequence": "2026",
        "reading": 2,
        "traceparent": "00-a-b-01",
        "correlationid": "c1",
        "causationid": "c0",
        "data": {"LastName": "Œ"},
    }
    assert orjson.loads(envelope_json(envelope)) == document
    deleted = orjson.loads(envelope_json(replace(envelope, deleted=True, data=None)))
    assert deleted == document | {"type": "onevoice.record.deleted.v1", "data": None}


VALID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "m1",
    "source": "/onevoice/crm",
    "type": "onevoice.record.v1",
    "subject": "k1",
    "time": "2026-01-01T00:00:00Z",
    "datacontenttype": "application/json",
    "dataschema": "schemas/crm/Contact.json",
    "sequence": "1",
    "reading": 1,
    "data": {"secret-name": "secret-value"},
}


def _parse(body: bytes, *, routing_key: str = "crm.Contact", user_id: str | None = None) -> Envelope:
    return parse_envelope(body, routing_key=routing_key, user_id=user_id, urgent=False)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        pytest.param({"specversion": "0.3"}, "/specversion", id="specversion"),
        pytest.param({"specversion": 1.0}, "/specversion", id="specversion-number"),
        pytest.param({"source": "/onevoice/erp"}, "/source", id="source-of-another"),
        pytest.param({"source": "/onevoice/crm/x"}, "/source", id="source-longer"),
        pytest.param({"type": "onevoice.record.v2"}, "/type", id="type"),
        pytest.param({"id": None}, "/id", id="id-missing"),
        pytest.param({"id": ""}, "/id", id="id-empty"),
        pytest.param({"id": 7}, "/id", id="id-number"),
        pytest.param({"id": "x" * 513}, "/id", id="id-long"),
        pytest.param({"subject": ["k1"]}, "/subject", id="subject-list"),
        pytest.param({"time": "yesterday"}, "/time", id="time-text"),
        pytest.param({"time": "2026-01-01T00:00:00"}, "/time", id="time-without-zone"),
        pytest.param({"time": "0001-01-01T00:00:00+14:00"}, "/time", id="time-before-time"),
        pytest.param({"time": 1767225600}, "/time", id="time-number"),
        pytest.param({"sequence": 1}, "/sequence", id="sequence-number"),
        pytest.param({"reading": "1"}, "/reading", id="reading-text"),
        pytest.param({"reading": True}, "/reading", id="reading-boolean"),
        pytest.param({"reading": 1.0}, "/reading", id="reading-float"),
        pytest.param({"reading": -1}, "/reading", id="reading-negative"),
        pytest.param({"reading": None}, "/reading", id="reading-missing"),
        pytest.param({"datacontenttype": "text/xml"}, "/datacontenttype", id="xml"),
        pytest.param({"data": None}, "/data", id="no-data"),
        pytest.param({"data": [1]}, "/data", id="data-list"),
        pytest.param({"type": "onevoice.record.deleted.v1"}, "/data", id="delete-with-data"),
        pytest.param({"correlationid": 5}, "/correlationid", id="correlation"),
    ],
)
def test_a_wrong_attribute_is_named_and_no_value_is_repeated(change: dict[str, Any], pointer: str) -> None:
    _parse(orjson.dumps(VALID))
    with pytest.raises(RecordError) as bad:
        _parse(orjson.dumps(VALID | change))
    assert bad.value.pointers == (pointer,)
    assert "secret" not in str(bad.value)


def _nested(depth: int) -> bytes:
    return orjson.dumps(VALID | {"data": {"a": 1}}).replace(b'{"a":1}', b'{"a":' * depth + b"1" + b"}" * depth)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="list"),
        pytest.param(orjson.dumps(VALID)[:-1], id="cut"),
        pytest.param(orjson.dumps(VALID).decode().encode("utf-16"), id="utf-16"),
        pytest.param(orjson.dumps(VALID).replace(b"k1", "ké".encode("latin-1")), id="latin-1"),
        pytest.param(orjson.dumps(VALID).replace(b"k1", b"\\ud800"), id="lone-surrogate"),
        pytest.param(orjson.dumps(VALID).replace(b"k1", b"k\\u0000"), id="nul"),
        pytest.param(orjson.dumps(VALID).replace(b"secret-name", b"k\\u0000"), id="nul-in-a-name"),
        pytest.param(orjson.dumps(VALID).replace(b'"secret-value"', b"18446744073709551616"), id="huge-integer"),
        pytest.param(orjson.dumps(VALID).replace(b'"secret-value"', b"[1, -9223372036854775809]"), id="huge-negative"),
        pytest.param(orjson.dumps(VALID).replace(b'"secret-value"', b"NaN"), id="nan"),
        pytest.param(_nested(64), id="deep"),
        pytest.param(_nested(5000), id="very-deep"),
        pytest.param(orjson.dumps(VALID | {"data": {"a": "x" * MESSAGE_LIMIT}}), id="long"),
    ],
)
def test_what_is_no_message_is_a_record_error_and_still_has_an_owner(body: bytes) -> None:
    with pytest.raises(RecordError) as bad:
        _parse(body)
    assert "secret" not in str(bad.value)
    identity = envelope_identity(body, "crm.Contact")
    assert (identity.system, identity.stream) == ("crm", "Contact")
    assert "\0" not in identity.key


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(_nested(60), id="nests-just-so"),
        pytest.param(orjson.dumps(VALID | {"data": {"list": [[]] * 200}}), id="wide"),
        pytest.param(orjson.dumps(VALID | {"data": {"n": 2**64 - 1, "m": -(2**63)}}), id="64-bit"),
        pytest.param(orjson.dumps(VALID | {"data": {"n": ": 99999999999999999999999"}}), id="digits-in-text"),
        pytest.param(orjson.dumps(VALID | {"data": {"n": "\\u0000"}}), id="escaped-backslash"),
        pytest.param(orjson.dumps(VALID | {"traceparent": None}), id="null-is-absent"),
    ],
)
def test_what_only_looks_odd_is_taken(body: bytes) -> None:
    assert _parse(body).data == orjson.loads(body)["data"]


@pytest.mark.parametrize(
    ("routing_key", "user_id", "reason"),
    [
        pytest.param("erp.Contact", None, "source", id="key-of-another"),
        pytest.param("crm.Contact", "erp", "broker user", id="user-is-another"),
        pytest.param("crm", None, "routing key", id="no-stream"),
        pytest.param("", None, "routing key", id="empty"),
    ],
)
def test_who_does_not_speak_as_itself_is_refused(routing_key: str, user_id: str | None, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        _parse(orjson.dumps(VALID), routing_key=routing_key, user_id=user_id)


def test_the_hub_itself_may_speak_for_any_system() -> None:
    assert _parse(orjson.dumps(VALID), user_id="onevoice").system == "crm"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"data": {"a": object()}}, id="no-json"),
        pytest.param({"data": {"a": 2**64}}, id="huge-integer"),
        pytest.param({"data": None}, id="no-data"),
        pytest.param({"deleted": True}, id="delete-with-data"),
        pytest.param({"data": {"a": "x" * (13 << 20)}}, id="over-the-brokers-limit"),
        pytest.param({"stream": "x" * 300}, id="key-too-long"),
    ],
)
def test_what_cannot_be_a_message_is_not_written(change: dict[str, Any]) -> None:
    envelope = _parse(orjson.dumps(VALID))
    with pytest.raises(RecordError) as bad:
        envelope_json(replace(envelope, **change))
    assert "secret" not in str(bad.value)
