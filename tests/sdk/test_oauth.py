"""A token is fetched once, renewed before it ends and when it is refused, and shown nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.exchange import Exchange
from onevoice.sdk.oauth import OAuth2, RefreshToken
from onevoice.sdk.rest import Rest
from onevoice.sdk.throttle import Throttle

SECRET = "cl1ent-secret"


class Clock:
    now = datetime(2025, 6, 1, tzinfo=UTC)


class Kept:
    """Where a refresh token is kept; `broken` keeps nothing, as an environment variable."""

    value = "r1"
    broken = False

    def token(self) -> RefreshToken:
        return RefreshToken(stands=lambda: self.value, keep=self._keep)

    def _keep(self, value: str) -> None:
        if not self.broken:
            self.value = value


def rest(server: Any, clock: Clock, **more: Any) -> Rest:
    def line(auth: Any = None) -> Exchange:
        return Exchange(throttle=Throttle(None), now=lambda: clock.now, auth=auth)

    auth = OAuth2(
        f"{server.url}/token", "hub", SECRET, system="shop", exchange=line(), now=lambda: clock.now, scope="all", **more
    )
    return Rest(server.url, system="shop", exchange=line(auth))


def token(server: Any, value: str, seconds: int = 300) -> None:
    server.say(orjson.dumps({"access_token": value, "token_type": "bearer", "expires_in": seconds}))


def test_a_token_serves_until_a_minute_before_its_end(server: Any) -> None:
    clock = Clock()
    token(server, "t1")
    server.say(b"{}")
    client = rest(server, clock)
    client.get("a")
    assert server.asked[0].body == b"grant_type=client_credentials&client_id=hub&client_secret=cl1ent-secret&scope=all"
    assert server.asked[1].headers["Authorization"] == "Bearer t1"
    clock.now += timedelta(seconds=239)
    client.get("a")
    assert [one.path for one in server.asked] == ["/token", "/a", "/a"]
    clock.now += timedelta(seconds=2)
    server._script.clear()
    token(server, "t2")
    server.say(b"{}")
    client.get("a")
    assert server.asked[-1].headers["Authorization"] == "Bearer t2"


def test_a_refused_token_is_renewed_once(server: Any) -> None:
    token(server, "t1")
    server.say(status=401)
    token(server, "t2")
    server.say(b'{"id": 1}')
    kept = Kept()
    assert rest(server, Clock(), refresh_token=kept.token()).get("a").data == {"id": 1}
    assert kept.value == "r1"
    assert b"grant_type=refresh_token&refresh_token=r1" in server.asked[0].body
    server._script.clear()
    server.say(status=401)
    with pytest.raises(OperatorError, match="HTTP 401"):
        rest(server, Clock()).get("a")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"error": "invalid_client"}', OperatorError),
        (401, b"", OperatorError),
        (503, b"", TransientError),
        (200, b"<html>", TransientError),
        (200, b'{"access_token": "a\\nb"}', OperatorError),
        (200, b"[]", TransientError),
    ],
)
def test_what_the_token_server_says_becomes_what_is_to_be_done(
    server: Any, status: int, body: bytes, error: type[Exception]
) -> None:
    server.say(body, status=status)
    with pytest.raises(error, match="token") as caught:
        rest(server, Clock()).get("a")
    assert SECRET not in str(caught.value)


class Rotating:
    """A token server that takes each refresh token once, and gives a new one with every answer."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.holds = "r1"
        self.given = 1
        server.take = self.answer

    def answer(self, asked: Any) -> Any:
        self.server.asked.append(asked)
        if asked.path != "/token":
            return 200, {}, b"{}", None
        if f"refresh_token={self.holds}&" not in asked.body.decode():
            return 400, {}, b'{"error": "invalid_grant"}', None
        self.given += 1
        self.holds = f"r{self.given}"
        body = orjson.dumps({"access_token": f"t{self.given}", "expires_in": 60, "refresh_token": self.holds})
        return 200, {}, body, None


@pytest.mark.parametrize("broken", [False, True])
def test_a_rotated_refresh_token_takes_the_place_of_the_old_one(server: Any, broken: bool) -> None:
    rotating, kept, clock = Rotating(server), Kept(), Clock()
    kept.broken = broken
    client = rest(server, clock, refresh_token=kept.token())
    for _ in range(3):
        client.get("a")
        clock.now += timedelta(seconds=61)
    assert rotating.given == 4
    assert kept.value == ("r1" if broken else "r4")
    if not broken:
        rest(server, clock, refresh_token=kept.token()).get("a")  # the next process begins with what was kept


def test_two_processes_that_rotate_in_turns_do_not_lock_each_other_out(server: Any) -> None:
    rotating, kept, clock = Rotating(server), Kept(), Clock()
    one, two = (rest(server, clock, refresh_token=kept.token()) for _ in range(2))
    for client in (one, two, one, two, one):
        client.get("a")
        clock.now += timedelta(seconds=61)
    assert rotating.given == 6


def test_a_token_that_another_process_replaced_at_this_moment_is_read_again(server: Any) -> None:
    rotating, kept = Rotating(server), Kept()
    reads = iter(["r1", "r9", "r9"])
    rotating.holds = "r9"
    late = RefreshToken(stands=lambda: next(reads), keep=kept._keep)
    rest(server, Clock(), refresh_token=late).get("a")
    assert kept.value == "r2"
