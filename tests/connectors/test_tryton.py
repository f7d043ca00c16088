"""What Tryton's answers mean, from a server that gives them word for word; the real one is in tests/systems."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from connectors.tryton.encoding import decode, moment
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import OperatorError, TransientError
from onevoice.sdk.plain import instant
from tests.sdk.conftest import server

__all__ = ["server"]  # a fixture

MARK = "marked.person@example.com"
LOGIN = orjson.dumps({"id": 1, "result": [2, "key", None]})
CATEGORIES = [{"id": 1, "name": "No e-mail marketing"}, {"id": 2, "name": "No phone marketing"}]
WHEN = {"__class__": "datetime", "year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}
PARTY = {
    "id": 7,
    "name": "A",
    "active": 1,
    "lang.": None,
    "categories": [],
    "addresses.": [],
    "contact_mechanisms.": [],
    "write_date": {**WHEN, "microsecond": 6},
    "_timestamp": "1.5",
}


@pytest.fixture
def erp(connect: Any, server: Any) -> Any:
    server.say(LOGIN)
    return connect(
        "tryton", "erp", {"url": server.url, "database": "db", "username": "hub"}, {"password": "secret of the hub"}
    )


def say(server: Any, **content: object) -> None:
    server.say(orjson.dumps({"id": 1, **content}))


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"<html>", 200, TransientError),
        (b"[]", 200, TransientError),
        (b'{"id": 1}', 200, TransientError),
        (b'{"__class__": "datetime"}', 200, TransientError),
        (orjson.dumps({"id": 1, "error": [f"UNIQUE {MARK}", "Traceback"]}), 200, TransientError),
        (orjson.dumps({"id": 1, "error": ["UserError", [MARK, "", None]]}), 200, OperatorError),
        (orjson.dumps({"id": 1, "error": ["LoginException", ["sms", MARK, "char"]]}), 200, OperatorError),
        (MARK.encode(), 429, TransientError),
        (MARK.encode(), 504, TransientError),
        (MARK.encode(), 404, OperatorError),
        (MARK.encode(), 405, OperatorError),
        (MARK.encode(), 403, OperatorError),
    ],
)
def test_an_answer_becomes_what_is_to_be_done(
    erp: Any,
    server: Any,
    body: bytes,
    status: int,
    error: type[Exception],
) -> None:
    server.say(body, status=status)
    with pytest.raises(error) as caught:
        erp.check()
    assert str(caught.value).startswith("system erp, stream party")
    assert MARK not in str(caught.value)


def test_a_refused_login_is_not_tried_again_and_again(erp: Any, server: Any) -> None:
    server.say(status=401)
    with pytest.raises(OperatorError, match="username and password") as caught:
        erp.check()
    assert "secret" not in str(caught.value)
    methods = [orjson.loads(asked.body)["method"] for asked in server.asked]
    assert methods == ["common.db.login", "model.ir.model.access.get_access", "common.db.login"]


def test_a_warning_that_a_person_must_confirm_refuses_the_record(erp: Any, server: Any) -> None:
    say(server, result=[PARTY])
    say(server, error=["UserWarning", ["name", MARK, ""]])
    rights = dict.fromkeys(("read", "write", "create", "delete"), True)
    models = ("party.party", "party.address", "party.contact_mechanism", "party.category", "ir.lang", "country.country")
    say(server, result=dict.fromkeys(models, rights))
    (result,) = erp.write("party", [Change(key="7", fields={"name": "B"})])
    assert result.outcome is WriteOutcome.REFUSED
    assert "UserWarning" in result.reason
    assert MARK not in result.reason


def test_rows_of_an_older_tryton_are_not_read_past(erp: Any, server: Any) -> None:
    for rows in (CATEGORIES, *[[]] * 4, [{"id": 1, "write_date": None}]):
        say(server, result=rows)
    with pytest.raises(OperatorError, match="write_date"):
        list(erp.read("party", None))


def test_special_values_become_plain_json() -> None:
    day, clock = {"year": 2026, "month": 1, "day": 2}, {"hour": 3, "minute": 4, "second": 5, "microsecond": 6}
    given = {
        "moment": {"__class__": "datetime", **day, **clock},
        "day": {"__class__": "date", **day},
        "clock": {"__class__": "time", **clock},
        "span": {"__class__": "timedelta", "seconds": 1.5},
        "price": {"__class__": "Decimal", "decimal": "10.00"},
        "image": {"__class__": "bytes", "base64": "aGk="},
        "other": {"__class__": "of its own", "a": 1},
    }
    assert decode(orjson.dumps(given)) == {
        "moment": "2026-01-02T03:04:05.000006Z",
        "day": "2026-01-02",
        "clock": "03:04:05.000006",
        "span": 1.5,
        "price": "10.00",
        "image": "aGk=",
        "other": {"__class__": "of its own", "a": 1},
    }
    assert moment(instant("2026-01-02T03:04:05.000006Z")) == given["moment"]
