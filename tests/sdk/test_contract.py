"""A pinned WSDL and the one that a service shows: what means the same is the same, what changed stops the system."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import OperatorError, TransientError
from onevoice.sdk.contract import PinnedWsdl
from onevoice.sdk.exchange import Exchange
from onevoice.sdk.soap import Soap
from onevoice.sdk.throttle import Throttle
from tests.sdk.test_soap import WSDL, envelope

SAVED = envelope("<t:saveResponse><t:count>1</t:count></t:saveResponse>")


@pytest.fixture
def pinned(tmp_path: Path) -> PinnedWsdl:
    (tmp_path / "t.wsdl").write_bytes(WSDL)
    return PinnedWsdl(file=tmp_path / "t.wsdl", sha256=hashlib.sha256(WSDL).hexdigest(), live="?wsdl")


def test_the_same_under_other_prefixes_in_another_order_at_another_address_is_no_difference(pinned: PinnedWsdl) -> None:
    other = WSDL.replace(b"xmlns:tns=", b"xmlns:mine=").replace(b"tns:", b"mine:")
    other = other.replace(b"xmlns:xsd=", b"xmlns:s=").replace(b"xsd:", b"s:")
    other = other.replace(b"http://elsewhere.invalid/", b"http://10.0.0.1/soap").replace(
        b"<types>", b"<!-- v2 --><types>"
    )
    first = b'<message name="in"><part name="parameters" element="mine:save"/></message>'
    assert first in other
    other = other.replace(first, b"").replace(b"</types>", b"</types>" + first)
    assert pinned.difference(other) == []


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        (
            b'<xsd:element name="born" type="xsd:date" minOccurs="0"/>',
            b'<xsd:element name="born" type="xsd:dateTime" minOccurs="0"/>',
            [
                "-complexType Person/sequence/born minOccurs=0 type=xsd:date",
                "+complexType Person/sequence/born minOccurs=0 type=xsd:dateTime",
            ],
        ),
        (
            b'<xsd:element name="count" type="xsd:int"/>',
            b'<xsd:element name="count" type="xsd:int"/><xsd:element name="note" type="xsd:string"/>',
            ["+element saveResponse/complexType/sequence/note type=xsd:string"],
        ),
        (
            b'targetNamespace="urn:t" elementFormDefault="qualified"',
            b'targetNamespace="urn:t"',
            ["-schema elementFormDefault=qualified targetNamespace=urn:t", "+schema targetNamespace=urn:t"],
        ),
    ],
)
def test_what_changed_is_said_line_by_line(pinned: PinnedWsdl, old: bytes, new: bytes, lines: list[str]) -> None:
    assert old in WSDL
    assert pinned.difference(WSDL.replace(old, new)) == lines


@pytest.mark.parametrize("content", [b"<html></html>", b"not xml", b""])
def test_what_is_no_wsdl_is_no_difference_but_an_error(pinned: PinnedWsdl, content: bytes) -> None:
    with pytest.raises(ValueError, match="no"):
        pinned.difference(content)


class Clock:
    now = 0.0


def soap(pinned: PinnedWsdl, server: Any, clock: Clock) -> Soap:
    return Soap(
        pinned,
        server.url,
        system="crm",
        exchange=Exchange(throttle=Throttle(None), now=lambda: datetime(2025, 6, 1, tzinfo=UTC)),
        faults={},
        expired="EXPIRED",
        clock=lambda: clock.now,
    )


def test_a_service_is_held_to_its_contract_before_the_first_call_and_once_an_hour(
    pinned: PinnedWsdl, server: Any
) -> None:
    clock = Clock()
    service = soap(pinned, server, clock)
    server.say(WSDL)
    server.say(SAVED)
    server.say(SAVED)
    server.say(WSDL.replace(b'name="email"', b'name="mail"'))
    person = service.typed("Person", {"email": "a@x"})
    service.call("save", person=person)
    clock.now = 3599.0
    service.call("save", person=person)
    clock.now = 3601.0
    with pytest.raises(OperatorError) as caught:
        service.call("save", person=person)
    said = str(caught.value)
    assert "-complexType Person/sequence/email" in said
    assert "+complexType Person/sequence/mail" in said
    assert "SHA-256" in said
    assert [one.path for one in server.asked] == ["/?wsdl", "/", "/", "/?wsdl"]
    with pytest.raises(OperatorError):
        service.call("save", person=person)


def test_a_changed_contract_calls_nothing(pinned: PinnedWsdl, server: Any) -> None:
    server.say(WSDL.replace(b'name="save"', b'name="store"'))
    service = soap(pinned, server, Clock())
    with pytest.raises(OperatorError, match="is not the pinned"):
        service.call("save", person=service.typed("Person", {"email": "a@x"}))
    assert [one.method for one in server.asked] == ["GET"]


def test_a_service_that_shows_something_else_in_passing_is_asked_again(pinned: PinnedWsdl, server: Any) -> None:
    server.say(b"<html>maintenance</html>")
    service = soap(pinned, server, Clock())
    with pytest.raises(TransientError, match="without a WSDL"):
        service.call("save", person=service.typed("Person", {"email": "a@x"}))
