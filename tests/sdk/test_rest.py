"""The REST client against a server that misbehaves in every way that servers do."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError
from onevoice.sdk.exchange import Exchange, Limits, checked_address
from onevoice.sdk.paging import CursorPaging
from onevoice.sdk.rest import AnswerKind, BearerAuth, Rest, basic_auth
from onevoice.sdk.throttle import Throttle

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
MARK = "marked.person@example.com"


def rest_for(url: str, auth: Any = None, **limits: Any) -> Rest:
    exchange = Exchange(throttle=Throttle(None), now=lambda: NOW, auth=auth, limits=Limits(**limits))
    return Rest(url, system="shop", exchange=exchange)


def read_all(rest: Rest) -> list[Any]:
    paging = CursorPaging("next")
    pages = rest.pages("items", stream="items", params={"limit": "2"}, paging=paging, rows="items")
    return [item["n"] for page in pages for item in page]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sun, 01 Jun 2025 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 01 Jun 2025 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_server_is_waited_for_as_it_asked(
    server: Any, status: int, headers: Mapping[str, str], wait: float | None
) -> None:
    server.say(status=status, headers=headers)
    with pytest.raises(TransientError) as caught:
        rest_for(server.url).get("customers/1", stream="customers")
    assert caught.value.retry_after == wait
    assert "system shop, stream customers" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, OperatorError), (403, OperatorError), (301, OperatorError), (500, TransientError), (502, TransientError)],
)
def test_a_status_becomes_what_is_to_be_done(server: Any, status: int, error: type[Exception]) -> None:
    server.say(f"<p>{MARK}</p>".encode(), status=status, headers={"Location": "/elsewhere"})
    with pytest.raises(error) as caught:
        rest_for(server.url).get("customers/1")
    assert MARK not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, AnswerKind.MISSING),
        (410, AnswerKind.MISSING),
        (409, AnswerKind.CONFLICT),
        (412, AnswerKind.CONFLICT),
        (422, AnswerKind.REFUSED),
        (400, AnswerKind.REFUSED),
    ],
)
def test_what_a_caller_can_act_on_is_an_answer(server: Any, status: int, kind: AnswerKind) -> None:
    server.say(status=status)
    assert rest_for(server.url).get("customers/1").kind is kind


@pytest.mark.parametrize(
    "body", [b"<html>please log in</html>", b'{"email": "marked.person@example.com"', b'{"a": NaN}', b"\xff\xfe{}"]
)
def test_a_body_that_is_not_json_is_tried_again_and_not_quoted(server: Any, body: bytes) -> None:
    server.say(body)
    with pytest.raises(TransientError, match="not JSON") as caught:
        rest_for(server.url).get("customers/1")
    assert MARK not in str(caught.value)


def test_json_under_a_wrong_content_type_is_json(server: Any) -> None:
    server.say(b'{"id": 1}', headers={"Content-Type": "text/html; charset=iso-8859-1", "ETag": '"7"'})
    answer = rest_for(server.url).get("customers/1")
    assert (answer.data, answer.etag) == ({"id": 1}, '"7"')


def test_a_body_that_is_cut_is_tried_again(server: Any) -> None:
    server.say(b'{"id": 1}', claimed_length=5000)
    with pytest.raises(TransientError, match="cut"):
        rest_for(server.url, read_seconds=1).get("customers/1")


def test_a_body_beyond_the_limit_stops_the_system(server: Any) -> None:
    server.say(b'"' + b"x" * 2000 + b'"')
    with pytest.raises(OperatorError, match="exceeds 1000 bytes"):
        rest_for(server.url, max_bytes=1000).get("customers/1")


def test_a_server_that_is_not_there_or_silent_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TransientError, match="in time"):
            rest_for(url, read_seconds=0.2).get("customers/1")
    with pytest.raises(TransientError, match="not reachable"):
        rest_for(url).get("customers/1")


def test_pages_are_followed_to_the_last_and_an_empty_one_ends_nothing(server: Any) -> None:
    for page in (
        {"items": [{"n": 1}, {"n": 2}], "next": "b"},
        {"items": [], "next": "c"},
        {"items": [{"n": 3}], "next": None},
    ):
        server.say(orjson.dumps(page))
    assert read_all(rest_for(server.url)) == [1, 2, 3]
    assert [asked.path for asked in server.asked] == [
        "/items?limit=2",
        "/items?limit=2&cursor=b",
        "/items?limit=2&cursor=c",
    ]


@pytest.mark.parametrize(
    "pages",
    [
        [{"items": [{"n": 1}], "next": "b"}, {"items": [{"n": 2}], "next": "b"}],
        [{"items": [{"n": 1}], "next": "b"}, {"items": [{"n": 2}], "next": "c"}, {"items": [{"n": 3}], "next": "b"}],
        [{"items": [{"n": 1}], "next": "b"}, {"items": [{"n": 1}], "next": "b"}],
    ],
)
def test_paging_that_comes_back_to_where_it_was_ends_with_an_error(server: Any, pages: list[Any]) -> None:
    for page in pages:
        server.say(orjson.dumps(page))
    with pytest.raises(TransientError, match="the read stops there"):
        read_all(rest_for(server.url))
    assert len(server.asked) == len(pages)


def test_a_list_that_is_no_object_or_not_there_is_named(server: Any) -> None:
    server.say(b"[1, 2]")
    server.say(status=404)
    with pytest.raises(TransientError, match="without a list of objects at 'items'"):
        read_all(rest_for(server.url))
    with pytest.raises(RefusedError, match="HTTP 404"):
        read_all(rest_for(server.url))


def test_a_conditional_write_sends_its_condition(server: Any) -> None:
    server.say(b'{"id": 1}', headers={"ETag": '"8"'})
    answer = rest_for(server.url).write("PATCH", "customers/1", {"email": None}, if_match='"7"')
    assert answer.etag == '"8"'
    assert (server.asked[0].method, server.asked[0].body) == ("PATCH", b'{"email":null}')
    assert server.asked[0].headers["If-Match"] == '"7"'


def test_proof_is_sent_and_shown_nowhere(server: Any) -> None:
    server.say(b"{}")
    rest_for(server.url, BearerAuth("s3cret")).get("x")
    rest_for(server.url, basic_auth("hub", "pä55")).get("x")
    assert server.asked[0].headers["Authorization"] == "Bearer s3cret"
    assert server.asked[1].headers["Authorization"] == "Basic aHViOnDDpDU1"
    assert "s3cret" not in repr(BearerAuth("s3cret"))
    with pytest.raises(ConfigurationError) as caught:
        BearerAuth("s3cret\n")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("address", ["shop.example", "ftp://shop.example", "https://", "https://hub:pw@shop.example"])
def test_an_address_that_cannot_be_used_is_named_before_it_is(address: str) -> None:
    with pytest.raises(ConfigurationError, match="'url'") as caught:
        checked_address(address, "url")
    assert "pw" not in str(caught.value)
