"""A SOAP client on zeep: the contract is a pinned file, the session renews itself, faults become our errors.

Takes operations of the pinned WSDL and plain values; gives plain values. The one rule: zeep fetches nothing by itself
and nothing that zeep says is passed on, since its messages and logs quote values.
"""

# mypy: allow-untyped-calls
# (zeep says that it is typed and leaves half of it out)

import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lxml.etree
import requests
import zeep
import zeep.exceptions
import zeep.helpers
import zeep.plugins
import zeep.transports
import zeep.xsd
import zeep.xsd.elements.attribute
import zeep.xsd.types.simple

from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, RefusedError, TransientError
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.exchange import Exchange
from onevoice.sdk.place import place

# zeep logs whole envelopes, values included.
logging.getLogger("zeep").setLevel(logging.CRITICAL + 1)


class _Loud:
    """Stands where zeep logs a value that does not fit its type, and would go on as if the value were absent."""

    def exception(self, *_: object) -> None:
        raise zeep.exceptions.XMLParseError("a value does not fit its type")


zeep.xsd.types.simple.logger = _Loud()  # type: ignore[assignment]
zeep.xsd.elements.attribute.logger = _Loud()  # type: ignore[assignment]

_LOOKED_AT_EVERY_SECONDS = 3600.0
_MOST_LINES = 8
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")

# What zeep and lxml raise on values and answers that they cannot handle.
_VENDOR_ERRORS = (
    zeep.exceptions.Error,
    lxml.etree.LxmlError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

Headers = Mapping[str, object]
FaultClasses = Mapping[str, type[OnevoiceError]]


class SessionExpiredError(TransientError):
    """The session is no longer valid: log in again."""


class Soap:
    """Calls operations of one SOAP service.

    Attributes:
        operations: their names, as the contract has them.

    Args:
        endpoint: where the service is; the address in the WSDL is not used.
        faults: what the service's own fault codes mean, by the code without its prefix.
        expired: the fault code of a session that has ended.
        clock: monotonic seconds, for how long ago the service's own WSDL was looked at.
    """

    def __init__(
        self,
        wsdl: PinnedWsdl,
        endpoint: str,
        *,
        system: str,
        exchange: Exchange,
        faults: FaultClasses,
        expired: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wsdl = wsdl
        self._endpoint = endpoint
        self._clock = clock
        self._looked_at: float | None = None
        self._system = system
        self._faults = faults
        self._expired = expired
        self._transport = _Transport(exchange)
        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, forbid_external=True)
        try:
            self._client = zeep.Client(
                wsdl.checked(), transport=self._transport, settings=settings, plugins=[_Expected()]
            )
            binding = next(iter(self._client.wsdl.bindings))
        except (zeep.exceptions.Error, StopIteration):
            raise ConfigurationError(f"{wsdl.file.name} is not a WSDL with a SOAP binding") from None
        self.operations = frozenset(self._client.wsdl.bindings[binding].all())
        self._namespace = binding[: binding.index("}") + 1]
        self._binding = binding
        self._service = self._client.create_service(binding, endpoint)

    def move(self, endpoint: str) -> None:
        """Go on at another address of the same service, such as one that a login names."""
        self._endpoint = endpoint
        self._service = self._client.create_service(self._binding, endpoint)

    def call(self, operation: str, *, stream: str = "", headers: Headers | None = None, **arguments: object) -> Any:
        """Call an operation and return its result as plain dicts, lists and Python values.

        Raises:
            SessionExpiredError: the session has ended.
            RefusedError: the arguments do not fit the contract, or the service refuses them.
            OperatorError: the service does not let us in, its answer does not fit the contract, or the WSDL that it
                shows is another one; the text says what differs.
            TransientError: not reachable, overloaded, or the answer is unreadable.
        """
        self._hold_to_contract()
        where = f"{place(self._system, stream)}, operation {operation}"
        self._transport.begin(where)
        try:
            result = self._service[operation](_soapheaders=dict(headers or {}), **arguments)
            return zeep.helpers.serialize_object(result, target_cls=dict)
        except OnevoiceError:
            raise
        except zeep.exceptions.Fault as fault:
            raise self._classified(fault, where) from None
        except _VENDOR_ERRORS as error:
            raise _misfit(error, where, sent=self._transport.sent) from None

    def typed(self, name: str, fields: Mapping[str, object]) -> Any:
        """Return a value of a named type of the contract, sent with its `xsi:type`; None is sent as nil.

        Raises:
            RefusedError: the contract has no such type or field.
        """
        try:
            values = {field: zeep.xsd.Nil if value is None else value for field, value in fields.items()}
            return self._client.get_type(f"{self._namespace}{name}")(**values)
        except _VENDOR_ERRORS as error:
            raise _misfit(error, f"{place(self._system)}, type {name}", sent=False) from None

    def close(self) -> None:
        """Give the connections back."""
        self._transport.exchange.close()

    def _hold_to_contract(self) -> None:
        """Look at the WSDL that the service shows, before the first call and then once an hour."""
        now = self._clock()
        if not self._wsdl.live or (self._looked_at is not None and now - self._looked_at < _LOOKED_AT_EVERY_SECONDS):
            return
        where = f"{place(self._system)}, WSDL"
        exchange = self._transport.exchange
        reply = exchange.send("GET", f"{self._endpoint}{self._wsdl.live}", where=where)
        exchange.sort_out(reply, where=where)
        _found(reply.status, where)
        try:
            lines = self._wsdl.difference(reply.body)
        except ValueError:
            raise TransientError(f"{where}: HTTP {reply.status} without a WSDL; it is tried again") from None
        if lines:
            rest = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
            shown = "; ".join([*lines[:_MOST_LINES], *rest])
            raise OperatorError(
                f"{where}: the service's is not the pinned {self._wsdl.file.name} any more: {shown}. Put the new one "
                "into the connector's folder, hold the mapping to it, and write its SHA-256 in manifest.yaml"
            )
        self._looked_at = now

    def _classified(self, fault: zeep.exceptions.Fault, where: str) -> OnevoiceError:
        text = str(fault.code or "").rpartition(":")[2]
        code = text if _CODE.fullmatch(text) else "without a code"
        if code == self._expired:
            return SessionExpiredError(f"{where}: the session has ended")
        known = self._faults.get(code)
        if known is not None:
            return known(f"{where}: fault {code}")
        if code.startswith(("Client", "Sender")):
            return RefusedError(f"{where}: fault {code}; the request does not suit the service")
        return TransientError(f"{where}: fault {code}; it is tried again")


class SoapSession:
    """Calls with a session header; logs in when there is no session, and once more when it has ended.

    Args:
        login: logs in and returns the headers of the session.
    """

    def __init__(self, soap: Soap, login: Callable[[Soap], Headers]) -> None:
        self._soap = soap
        self._login = login
        self._headers: Headers | None = None

    def call(self, operation: str, *, stream: str = "", **arguments: object) -> Any:
        """Call an operation within the session; errors as `Soap.call`.

        Raises:
            OperatorError: a session that was just opened is refused.
        """
        fresh = self._headers is None
        try:
            return self._soap.call(operation, stream=stream, headers=self._opened(), **arguments)
        except SessionExpiredError:
            self._headers = None
            if fresh:
                raise OperatorError(f"{operation}: a new session is refused; check the login's rights") from None
        return self.call(operation, stream=stream, **arguments)

    def typed(self, name: str, fields: Mapping[str, object]) -> Any:
        """Return a value of a named type, see `Soap.typed`."""
        return self._soap.typed(name, fields)

    def close(self) -> None:
        """Forget the session and give the connections back."""
        self._headers = None
        self._soap.close()

    def _opened(self) -> Headers:
        if self._headers is None:
            self._headers = self._login(self._soap)
        return self._headers


class _Transport(zeep.transports.Transport):
    """Sends through an `Exchange` and loads nothing but local files."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.sent = False
        self._where = ""

    def begin(self, where: str) -> None:
        self.sent = False
        self._where = where

    def post(self, address: str, message: bytes, headers: Mapping[str, str]) -> requests.Response:
        self.sent = True
        reply = self.exchange.send("POST", address, where=self._where, headers=headers, body=message)
        if reply.status != 500:  # SOAP 1.1 sends its faults with 500
            self.exchange.sort_out(reply, where=self._where)
            _found(reply.status, self._where)
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        response._content = reply.body
        return response

    def load(self, url: str) -> bytes:
        if "://" in url:
            raise zeep.exceptions.ExternalReferenceForbidden(url)
        return Path(url).read_bytes()


class _Expected(zeep.plugins.Plugin):
    """Refuses an answer to another question, which zeep would take for an empty one."""

    def ingress(self, envelope: Any, http_headers: Any, operation: Any) -> tuple[Any, Any]:
        """Compare the answer's element with the one in the contract."""
        body = envelope.find(f"{{{_ENVELOPE}}}Body")
        if body is None or len(body) == 0:
            raise ValueError("no SOAP body")
        expected = operation.output.body.qname
        if body[0].tag not in (f"{{{_ENVELOPE}}}Fault", expected):
            raise zeep.exceptions.XMLParseError("another element than in the contract")
        return envelope, http_headers


def _found(status: int, where: str) -> None:
    if status in (404, 405, 410):
        raise OperatorError(f"{where}: HTTP {status}; there is no such service, check the endpoint")
    if status >= 400:
        raise RefusedError(f"{where}: HTTP {status}; the service does not take the request")


def _misfit(error: Exception, where: str, *, sent: bool) -> OnevoiceError:
    if not sent:
        return RefusedError(f"{where}: the values do not fit the contract ({type(error).__name__})")
    if isinstance(error, zeep.exceptions.XMLParseError | zeep.exceptions.ValidationError):
        return OperatorError(f"{where}: the answer does not fit the pinned WSDL; compare it with the service's own")
    return TransientError(f"{where}: the answer is unreadable ({type(error).__name__}); it is tried again")
