"""What comes back from systems, protocol by protocol, and which class of error the clients of the SDK make of it.

Nothing is written down here but the samples: each is put to the client's own code, and the table says what that did.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pika.exceptions
import sqlalchemy.exc
import zeep.exceptions

from onevoice.errors import OnevoiceError
from onevoice.sdk import amqp, sql
from onevoice.sdk.exchange import Exchange, Reply
from onevoice.sdk.files import classified_disk, json_object
from onevoice.sdk.soap import Soap, _found, _misfit
from onevoice.sdk.throttle import Throttle

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def trouble_rows() -> Iterator[list[str]]:
    """Yield protocol, what comes back, and the error that it becomes."""
    for protocol, samples in (
        ("HTTP", _http),
        ("SOAP", _soap),
        ("SQL", _sql),
        ("AMQP", _amqp),
        ("files", _files),
    ):
        for said, run in samples():
            yield [protocol, said, _made_of(run)]


def _made_of(run: Callable[[], object]) -> str:
    try:
        run()
    except OnevoiceError as error:
        waits = getattr(error, "retry_after", None)
        return f"`{type(error).__name__}`" + (f", no attempt before {waits:.0f} s are over" if waits else "")
    return "the answer for that record alone: refused, missing or in conflict"


Samples = Iterator[tuple[str, Callable[[], object]]]


def _http() -> Samples:
    line = Exchange(throttle=Throttle(None), now=lambda: _NOW)
    for said, status, headers in (
        ("400, 404, 409, 410, 412, 422", 409, {}),
        ("401, 403", 401, {}),
        ("301, 302, 307, 308", 301, {}),
        ("408, 5xx", 503, {}),
        ("429 or 503 with `Retry-After: 120`", 429, {"Retry-After": "120"}),
    ):
        reply = Reply(status=status, headers=headers, body=b"")
        yield said, lambda reply=reply: line.sort_out(reply, where="")  # type: ignore[misc]
    line.close()


def _soap() -> Samples:
    service = Soap.__new__(Soap)  # classifying a fault needs no contract and no line
    service._faults, service._expired = {}, "Expired"
    for said, code in (
        ("fault `Client`, `Sender`", "Client"),
        ("fault `Server` or any that the manifest does not name (`faults:` names its class)", "Server"),
        ("fault that says the session has ended: logged in anew, then", "Expired"),
    ):
        yield said, lambda code=code: _raise(service._classified(zeep.exceptions.Fault("", code=code), ""))  # type: ignore[misc]
    yield "no service at the endpoint: 404, 405, 410", lambda: _found(404, "")
    yield "a value that the contract has no place for", lambda: _raise(_misfit(ValueError(), "", sent=False))
    odd = zeep.exceptions.XMLParseError("")
    yield "an answer that does not fit the pinned WSDL", lambda: _raise(_misfit(odd, "", sent=True))
    yield "an answer that is no XML", lambda: _raise(_misfit(ValueError(), "", sent=True))


def _sql() -> Samples:
    def database(kind: type[sqlalchemy.exc.DBAPIError], state: str) -> Callable[[], object]:
        original = Exception()
        original.sqlstate = state  # type: ignore[attr-defined]
        return _inside(sql.classified(""), kind(None, None, original))

    yield "a constraint or a type refuses the values", database(sqlalchemy.exc.IntegrityError, "23505")
    yield "a trigger or rule refuses them (45000, P0001, 44000)", database(sqlalchemy.exc.InternalError, "P0001")
    yield "no right, wrong password, no such table (28, 3D, 42)", database(sqlalchemy.exc.ProgrammingError, "42501")
    yield "deadlock, lock not had in time (40, 55)", database(sqlalchemy.exc.OperationalError, "40P01")
    yield "shut down, too many connections (57, 53), silence", database(sqlalchemy.exc.OperationalError, "57P01")


def _amqp() -> Samples:
    errors = pika.exceptions
    yield "user, password or virtual host refused", _inside(amqp.classified(""), errors.ProbableAuthenticationError())
    missing = errors.ChannelClosedByBroker(404, "")
    yield "403, 404, 405, 406, 530: no right, or no such queue", _inside(amqp.classified(""), missing)
    yield (
        "320 and others: the broker closes the line",
        _inside(amqp.classified(""), errors.ConnectionClosedByBroker(320, "")),
    )
    yield "not reachable, silence", _inside(amqp.classified(""), errors.AMQPConnectionError())


def _files() -> Samples:
    folder = Path("in")
    yield "no such folder, no right to it", _inside(classified_disk("", folder), PermissionError())
    yield "disk full, disk error", _inside(classified_disk("", folder), OSError(errno.ENOSPC, ""))
    yield "not the form or the encoding that was declared", lambda: json_object(b"{", where="")


def _inside(context: AbstractContextManager[None], error: Exception) -> Callable[[], object]:
    def run() -> None:
        with context:
            raise error

    return run


def _raise(error: Exception) -> None:
    raise error
