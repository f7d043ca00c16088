"""Each common way of paging ends where the list ends, and a list without end is stopped by name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk import paging
from onevoice.sdk.exchange import Limits, limited
from onevoice.sdk.paging import AddressPaging, LinkPaging, NumberPaging, OffsetPaging, PageGuard, SinglePage
from onevoice.sdk.patience import patiently
from tests.sdk.test_rest import rest_for


def read(server: Any, way: Any, rows: str = "") -> list[int]:
    pages = rest_for(server.url).pages("items", stream="items", params={"limit": "2"}, paging=way, rows=rows)
    return [row["n"] for page in pages for row in page]


def say(server: Any, *pages: Any) -> None:
    for page in pages:
        server.say(orjson.dumps(page))


@pytest.mark.parametrize(
    ("way", "asked"),
    [(NumberPaging(begin=0), ["page=0", "page=1", "page=2"]), (OffsetPaging(), ["offset=0", "offset=2", "offset=3"])],
)
def test_numbers_and_offsets_go_on_to_an_empty_page(server: Any, way: Any, asked: list[str]) -> None:
    say(server, [{"n": 1}, {"n": 2}], [{"n": 3}], [])
    assert read(server, way) == [1, 2, 3]
    assert [one.path for one in server.asked] == [f"/items?limit=2&{part}" for part in asked]


def test_one_answer_is_the_whole_list(server: Any) -> None:
    say(server, [{"n": 1}])
    assert read(server, SinglePage()) == [1]


def test_addresses_are_followed_on_the_same_server_only(server: Any) -> None:
    server.say(b'[{"n": 1}]', headers={"Link": '</items?at=2>; rel="next", </items?at=0>; rel="prev"'})
    server.say(b'[{"n": 2}]', headers={"Link": '</items?at=1>; rel="prev"'})
    assert read(server, LinkPaging()) == [1, 2]
    assert server.asked[1].path == "/items?at=2"
    for elsewhere in ("http://elsewhere.example/items", server.url.replace("http", "https") + "/items"):
        server._script.clear()
        say(server, {"rows": [{"n": 1}], "next": elsewhere})
        with pytest.raises(OperatorError, match="not under the configured address"):
            read(server, AddressPaging("next"), "rows")


def test_a_page_that_failed_in_passing_is_asked_for_again(server: Any) -> None:
    server.say(b'[{"n": 1}]')
    server.say(status=503, headers={"Retry-After": "0"})
    say(server, [{"n": 2}], [])
    assert read(server, NumberPaging()) == [1, 2]


def test_patience_ends() -> None:
    waited: list[float] = []
    tries = 0

    def fail(wait: float | None) -> Any:
        def ask() -> None:
            nonlocal tries
            tries += 1
            raise TransientError("away", retry_after=wait)

        return ask

    with pytest.raises(TransientError):
        patiently(fail(None), sleep=waited.append)
    assert (tries, waited) == (3, [0.2, 1.0])
    with pytest.raises(TransientError):
        patiently(fail(30.0), sleep=waited.append)
    assert (tries, len(waited)) == (4, 2), "a long wait is the caller's"


def test_a_list_without_end_is_stopped() -> None:
    endless = PageGuard("system shop")
    for number in range(20):
        endless.admit([number], str(number))
    with limited(Limits(max_pages=20)), pytest.raises(OperatorError, match="does not end"):
        endless.admit([20], "20")


def test_empty_pages_without_end_are_stopped() -> None:
    empty = PageGuard("system shop")
    for number in range(paging.MAX_EMPTY_PAGES):
        empty.admit([], str(number))
    with pytest.raises(OperatorError, match="does not end"):
        empty.admit([], "one more")
