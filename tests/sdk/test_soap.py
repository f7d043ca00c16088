"""The SOAP client against answers that no server should give; the contract is a small WSDL written here."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import ConfigurationError, OperatorError, RefusedError, TransientError
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.exchange import Exchange, Limits
from onevoice.sdk.soap import Soap, SoapSession
from onevoice.sdk.throttle import Throttle

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
MARK = "marked.person@example.com"
XML = {"Content-Type": "text/xml; charset=utf-8"}
WSDL = b"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:t" targetNamespace="urn:t"
    xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <types><xsd:schema targetNamespace="urn:t" elementFormDefault="qualified">
    <xsd:complexType name="Person"><xsd:sequence>
      <xsd:element name="email" type="xsd:string" minOccurs="0" nillable="true"/>
      <xsd:element name="born" type="xsd:date" minOccurs="0"/>
    </xsd:sequence></xsd:complexType>
    <xsd:element name="save"><xsd:complexType><xsd:sequence>
      <xsd:element name="person" type="tns:Person"/>
    </xsd:sequence></xsd:complexType></xsd:element>
    <xsd:element name="saveResponse"><xsd:complexType><xsd:sequence>
      <xsd:element name="count" type="xsd:int"/>
    </xsd:sequence></xsd:complexType></xsd:element>
    <xsd:element name="Session"><xsd:complexType><xsd:sequence>
      <xsd:element name="id" type="xsd:string"/>
    </xsd:sequence></xsd:complexType></xsd:element>
  </xsd:schema></types>
  <message name="header"><part name="Session" element="tns:Session"/></message>
  <message name="in"><part name="parameters" element="tns:save"/></message>
  <message name="out"><part name="parameters" element="tns:saveResponse"/></message>
  <portType name="P"><operation name="save"><input message="tns:in"/><output message="tns:out"/></operation></portType>
  <binding name="B" type="tns:P">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="save"><soap:operation soapAction=""/>
      <input><soap:header message="tns:header" part="Session" use="literal"/>
        <soap:body parts="parameters" use="literal"/></input>
      <output><soap:body use="literal"/></output></operation>
  </binding>
  <service name="S"><port name="P" binding="tns:B"><soap:address location="http://elsewhere.invalid/"/></port></service>
</definitions>"""


def envelope(content: str) -> bytes:
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="urn:t">'
        f"<e:Body>{content}</e:Body></e:Envelope>"
    ).encode()


def fault(code: str) -> bytes:
    return envelope(f"<e:Fault><faultcode>{code}</faultcode><faultstring>{MARK} is bad</faultstring></e:Fault>")


SAVED = envelope("<t:saveResponse><t:count>1</t:count></t:saveResponse>")
EXPIRED = fault("t:EXPIRED")


def pinned(folder: Path, content: bytes = WSDL) -> PinnedWsdl:
    (folder / "t.wsdl").write_bytes(content)
    return PinnedWsdl(file=folder / "t.wsdl", sha256=hashlib.sha256(content).hexdigest())


def open_soap(wsdl: PinnedWsdl, url: str) -> Soap:
    exchange = Exchange(throttle=Throttle(None), now=lambda: NOW, limits=Limits(read_seconds=2, max_bytes=100_000))
    faults = {"LOCKED_OUT": OperatorError, "BUSY": TransientError}
    return Soap(wsdl, url, system="crm", exchange=exchange, faults=faults, expired="EXPIRED")


@pytest.fixture
def soap(server: Any, tmp_path: Path) -> Soap:
    return open_soap(pinned(tmp_path), server.url)


def save(soap: Soap, **fields: object) -> Any:
    return soap.call("save", stream="Contact", person=soap.typed("Person", fields))


def test_a_call_goes_to_the_configured_endpoint_and_sends_nil_for_none(server: Any, soap: Soap) -> None:
    server.say(SAVED, headers=XML)
    assert save(soap, email=None, born="1970-02-03") == 1
    sent = server.asked[0].body
    assert b'nil="true"' in sent
    assert b"<ns0:born>1970-02-03</ns0:born>" in sent


@pytest.mark.parametrize(
    ("body", "status", "error", "words"),
    [
        (fault("t:LOCKED_OUT"), 500, OperatorError, "fault LOCKED_OUT"),
        (fault("t:BUSY"), 500, TransientError, "fault BUSY"),
        (fault("soap:Client.Broken"), 500, RefusedError, "fault Client.Broken"),
        (fault("t:UNHEARD_OF"), 500, TransientError, "fault UNHEARD_OF"),
        (fault(MARK), 500, TransientError, "fault without a code"),
        (fault("t:LOCKED_OUT"), 200, OperatorError, "fault LOCKED_OUT"),
        (f"<html><body>{MARK}</body></html>".encode(), 200, TransientError, "unreadable"),
        (f"<html><br>{MARK}".encode(), 200, TransientError, "unreadable"),
        (f"<html><br>{MARK}".encode(), 500, TransientError, "unreadable"),
        (b"", 200, TransientError, "unreadable"),
        (SAVED[:120], 200, TransientError, "unreadable"),
        (envelope(f"<t:other>{MARK}</t:other>"), 200, OperatorError, "does not fit the pinned WSDL"),
        (envelope(f"<t:saveResponse><t:count>{MARK}</t:count></t:saveResponse>"), 200, OperatorError, "does not fit"),
        (f'<!DOCTYPE x [<!ENTITY e "{MARK}">]>'.encode() + SAVED, 200, TransientError, "unreadable"),
        (b"", 404, OperatorError, "HTTP 404"),
        (b"", 401, OperatorError, "HTTP 401"),
        (b"", 413, RefusedError, "HTTP 413"),
        (b"", 503, TransientError, "HTTP 503"),
        (b"x" * 200_000, 200, OperatorError, "exceeds"),
    ],
)
def test_an_answer_becomes_what_is_to_be_done_and_is_not_quoted(
    server: Any, soap: Soap, body: bytes, status: int, error: type[Exception], words: str
) -> None:
    server.say(body, status=status, headers=XML)
    with pytest.raises(error, match=words) as caught:
        save(soap, email="a@example.com")
    assert type(caught.value) is error
    assert "system crm, stream Contact, operation save" in str(caught.value)
    assert MARK not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_cut_answer_is_tried_again(server: Any, soap: Soap) -> None:
    server.say(SAVED, headers=XML, claimed_length=len(SAVED) + 100)
    with pytest.raises(TransientError, match="cut"):
        save(soap, email="a@example.com")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda soap: save(soap, emial=MARK),
        lambda soap: save(soap, email=f"{MARK}\x00"),
        lambda soap: soap.call("save", persn=MARK),
        lambda soap: soap.call("svae", person=MARK),
        lambda soap: soap.typed("Prson", {"email": MARK}),
    ],
)
def test_what_does_not_fit_the_contract_is_not_sent_and_not_quoted(
    server: Any, soap: Soap, attempt: Callable[[Soap], Any]
) -> None:
    with pytest.raises(RefusedError, match="do not fit the contract") as caught:
        attempt(soap)
    assert server.asked == []
    assert MARK not in str(caught.value)


def test_nothing_is_logged_of_what_is_said(server: Any, soap: Soap, caplog: pytest.LogCaptureFixture) -> None:
    server.say(fault("t:BUSY"), status=500, headers=XML)
    with caplog.at_level(logging.DEBUG), pytest.raises(TransientError):
        save(soap, email=MARK)
    assert MARK not in caplog.text


def session(soap: Soap) -> tuple[SoapSession, list[int]]:
    logins: list[int] = []

    def login(_service: Soap) -> dict[str, object]:
        logins.append(1)
        return {"Session": {"id": f"s{len(logins)}"}}

    return SoapSession(soap, login), logins


def test_a_session_is_opened_once_and_renewed_once_when_it_has_ended(server: Any, soap: Soap) -> None:
    opened, logins = session(soap)
    for answer in (SAVED, EXPIRED, SAVED):
        server.say(answer, status=500 if answer is EXPIRED else 200, headers=XML)
    for _ in range(2):
        opened.call("save", person=opened.typed("Person", {"email": "a@example.com"}))
    assert len(logins) == 2
    assert [b"s1" in asked.body for asked in server.asked] == [True, True, False]
    assert b"s2" in server.asked[2].body


def test_a_new_session_that_is_refused_asks_for_a_person(server: Any, soap: Soap) -> None:
    opened, logins = session(soap)
    server.say(EXPIRED, status=500, headers=XML)
    with pytest.raises(OperatorError, match="new session is refused"):
        opened.call("save", person=opened.typed("Person", {}))
    assert len(logins) == 1


def test_a_contract_that_was_changed_or_reaches_out_is_not_used(tmp_path: Path) -> None:
    wsdl = pinned(tmp_path)
    wsdl.file.write_bytes(WSDL.replace(b'name="count"', b'name="sum"'))
    with pytest.raises(ConfigurationError, match="not the pinned contract"):
        open_soap(wsdl, "http://127.0.0.1:1")
    wsdl.file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        open_soap(wsdl, "http://127.0.0.1:1")
    reaching = WSDL.replace(b"<types>", b'<import namespace="urn:x" location="http://127.0.0.1:1/x.wsdl"/><types>')
    with pytest.raises(ConfigurationError, match="not a WSDL"):
        open_soap(pinned(tmp_path, reaching), "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="not a WSDL"):
        open_soap(pinned(tmp_path, b"<html/>"), "http://127.0.0.1:1")
