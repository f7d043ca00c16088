"""A SOAP connector that is nothing but a manifest, over a plain service: no login, one record a call, no conditions.

What the SOAP of a partner has (sessions, locators, deletes) is in `tests/connectors/test_sample_crm.py`.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from onevoice.errors import ConfigurationError
from onevoice.messages import Change, WriteOutcome
from onevoice.sdk import Discoverer, RecordWriter, Settings
from onevoice.sdk.discovery import build
from onevoice.sdk.manifest import load_manifest
from tests.sdk.test_soap import XML, envelope

MANIFEST = """
id: desk
title: Desk
owner: sales
kind: soap
contract: {file: desk.wsdl, sha256: SHA}
settings:
  type: object
  additionalProperties: false
  required: [endpoint]
  properties:
    endpoint: {type: string, description: the address}
streams:
  people:
    mode: poll
    writable: true
    page_size: 2
    soap:
      key: no
      version: changed
      list: {operation: list, arguments: {kind: person}}
      page_size_argument: size
      since: {argument: since}
      one: {operation: get, key: no}
      marked_deleted: {field: gone}
      update: {operation: save, record: person, type: Person}
capabilities: {max_batch: 10, suppression: none, deletes: told}
""".replace("key: no\n", 'key: "no"\n').replace("key: no}", 'key: "no"}')
TYPES = """
    <xsd:complexType name="Person"><xsd:sequence>
      <xsd:element name="no" type="xsd:int"/>
      <xsd:element name="mail" type="xsd:string" minOccurs="0" nillable="true"/>
      <xsd:element name="changed" type="xsd:dateTime" minOccurs="0"/>
      <xsd:element name="gone" type="xsd:boolean" minOccurs="0"/>
    </xsd:sequence></xsd:complexType>"""
ELEMENTS = {
    "list": ["kind:string", "since:dateTime?", "size:int"],
    "listResponse": ["person:Person*"],
    "get": ["no:int"],
    "getResponse": ["person:Person?"],
    "save": ["person:Person"],
    "saveResponse": ["ok:boolean"],
}


def wsdl() -> bytes:
    def field(text: str) -> str:
        name, kind = text.rstrip("*?").split(":")
        space = "tns" if kind == "Person" else "xsd"
        many = {"*": ' minOccurs="0" maxOccurs="unbounded"', "?": ' minOccurs="0"'}.get(text[-1], "")
        return f'<xsd:element name="{name}" type="{space}:{kind}"{many}/>'

    elements = "".join(
        f'<xsd:element name="{name}"><xsd:complexType><xsd:sequence>{"".join(map(field, fields))}'
        "</xsd:sequence></xsd:complexType></xsd:element>"
        for name, fields in ELEMENTS.items()
    )
    calls = ["list", "get", "save"]
    messages = "".join(f'<message name="{n}"><part name="p" element="tns:{n}"/></message>' for n in ELEMENTS)
    ports = "".join(
        f'<operation name="{n}"><input message="tns:{n}"/><output message="tns:{n}Response"/></operation>'
        for n in calls
    )
    bound = "".join(
        f'<operation name="{n}"><soap:operation soapAction=""/><input><soap:body use="literal"/></input>'
        '<output><soap:body use="literal"/></output></operation>'
        for n in calls
    )
    return f"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:t" targetNamespace="urn:t"
        xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
      <types><xsd:schema targetNamespace="urn:t" elementFormDefault="qualified">{TYPES}{elements}</xsd:schema></types>
      {messages}<portType name="P">{ports}</portType>
      <binding name="B" type="tns:P">
        <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{bound}</binding>
      <service name="S"><port name="P" binding="tns:B"><soap:address location="http://x/"/></port></service>
      </definitions>""".encode()


class Desk:
    """The service: people by number."""

    def __init__(self) -> None:
        self.people: dict[str, dict[str, str]] = {}
        self.ticks = 0
        self.calls: list[str] = []
        for number in ("1", "2", "3"):
            self.put(number, mail=f"{number}@x.example", gone="false")

    def put(self, number: str, **fields: str) -> None:
        self.ticks += 1
        changed = f"2025-05-01T09:{self.ticks:02}:00Z"
        self.people[number] = {"no": number, **self.people.get(number, {}), **fields, "changed": changed}

    def take(self, asked: Any) -> Any:
        body = asked.body.decode()
        [operation] = re.findall(r"Body><\w+:(\w+)", body)
        self.calls.append(operation)
        values = dict(re.findall(r"<\w+:(\w+)>([^<]*)</", body))
        if operation == "save":
            self.put(values["no"], **{name: values[name] for name in ("mail",) if name in values})
            return (
                200,
                XML,
                envelope("<t:saveResponse><t:ok>true</t:ok></t:saveResponse>"),
                None,
            )
        found = [self.people[values["no"]]] if values.get("no") in self.people else []
        if operation == "list":
            assert values["kind"] == "person"
            found = [one for one in self.people.values() if one["changed"] >= values.get("since", "")[:19]]
        order = ("no", "mail", "changed", "gone")
        rows = "".join(
            "<t:person>" + "".join(f"<t:{name}>{one[name]}</t:{name}>" for name in order) + "</t:person>"
            for one in found
        )
        return (
            200,
            XML,
            envelope(f"<t:{operation}Response>{rows}</t:{operation}Response>"),
            None,
        )


@pytest.fixture
def desk(server: Any) -> Desk:
    made = Desk()
    server.take = made.take
    return made


def connected(tmp_path: Path, server: Any, manifest: str = MANIFEST) -> Any:
    (tmp_path / "desk").mkdir(exist_ok=True)
    (tmp_path / "desk" / "desk.wsdl").write_bytes(wsdl())
    text = manifest.replace("SHA", hashlib.sha256(wsdl()).hexdigest())
    (tmp_path / "desk" / "manifest.yaml").write_text(text, encoding="utf-8")
    settings = Settings(system="desk", values={"endpoint": server.url}, secrets={}, now=lambda: datetime.now(UTC))
    return build(load_manifest(tmp_path / "desk", "connectors.desk"), settings)


def test_records_come_since_the_cursor_and_a_mark_deletes(tmp_path: Path, server: Any, desk: Desk) -> None:
    connector = connected(tmp_path, server)
    connector.check()
    [page] = connector.read("people", None)
    assert [record.key for record in page.records] == ["1", "2", "3"]
    assert page.records[0].data == {
        "no": 1,
        "mail": "1@x.example",
        "changed": "2025-05-01T09:01:00.000000Z",
        "gone": False,
    }
    assert page.cursor == {"after": ["2025-05-01T09:03:00.000000Z", "3"]}
    desk.put("2", gone="true")
    [later] = connector.read("people", page.cursor)
    assert [(record.key, record.deleted) for record in later.records] == [("1", False), ("2", True), ("3", False)]


def test_a_write_reads_and_compares_first(tmp_path: Path, server: Any, desk: Desk) -> None:
    connector = connected(tmp_path, server)
    assert isinstance(connector, RecordWriter)
    [read, gone] = connector.readback("people", ["1", "9"])
    assert gone.deleted
    change = Change(key="1", fields={"mail": "new@x.example"}, expected_version=read.version)
    results = connector.write("people", [change, change, Change(key="9", fields={"mail": "x"})])
    assert [result.outcome for result in results] == [WriteOutcome.APPLIED, WriteOutcome.CONFLICT, WriteOutcome.MISSING]
    assert desk.calls.count("save") == 1
    [written] = connector.readback("people", ["1"])
    assert written.data["mail"] == "new@x.example"
    [refused] = connector.write("people", [Change(key="2", fields={"mial": "x"})])
    assert refused.outcome is WriteOutcome.REFUSED


def test_it_drafts_a_schema(tmp_path: Path, server: Any, desk: Desk) -> None:
    connector = connected(tmp_path, server)
    assert isinstance(connector, Discoverer)
    schema = connector.discover("people")
    assert schema["required"] == ["no", "changed"]
    assert schema["properties"]["mail"]["x-personal"] is True


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("list, arguments", "lits, arguments", "streams.people.soap.list: .*no operation lits"),
        ("record: person", "recrod: person", "streams.people.soap.update"),
        ('"no"}', '"no", keys: x}', "streams.people.soap.one"),
        ("kind: soap", "kind: soap\nsoap: {faults: {X: ignore}}", "soap.faults.X"),
    ],
)
def test_a_wrong_manifest_is_named(tmp_path: Path, server: Any, desk: Desk, old: str, new: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        connected(tmp_path, server, MANIFEST.replace(old, new)).check()
