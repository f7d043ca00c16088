"""SOAP 1.1 document/literal, as far as the CRM speaks it: bytes in, an operation out; an answer in, bytes out.

`parse(body)` gives a `Call`; `answer(...)`, `fault(...)` and `record_element(...)` give XML. One rule: no document type
declaration is accepted, so no entity is ever expanded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from samples.crm.objects import ObjectType

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
CRM = "urn:sample-crm:1"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SPACES = {"soap": ENVELOPE, "tns": CRM, "xsi": INSTANCE}
NIL = f"{{{INSTANCE}}}nil"
TYPE = f"{{{INSTANCE}}}type"


class SoapError(Exception):
    """The call as a whole failed; becomes a SOAP fault. The message holds no personal data."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: operation name, its element, and the session id of the header."""

    operation: str
    element: etree._Element
    session: str | None

    def text(self, name: str) -> str | None:
        """The text of a child element, or None when it is absent or empty."""
        return (self.element.findtext(f"{{{CRM}}}{name}") or "").strip() or None

    def required(self, name: str) -> str:
        """The text of a child element; its absence is a fault."""
        value = self.text(name)
        if value is None:
            raise SoapError("INVALID_REQUEST", f"{self.operation}: element {name} is missing")
        return value

    def children(self, name: str) -> list[etree._Element]:
        """All child elements of this name."""
        return list(self.element.findall(f"{{{CRM}}}{name}"))


def parse(body: bytes) -> Call:
    """Read a request. Raises SoapError INVALID_REQUEST when it is not a SOAP envelope with one known element."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise SoapError("INVALID_REQUEST", "the request is not well-formed XML") from None
    if root.getroottree().docinfo.doctype:
        raise SoapError("INVALID_REQUEST", "a document type declaration is not allowed")
    content = root.find(f"{{{ENVELOPE}}}Body") if root.tag == f"{{{ENVELOPE}}}Envelope" else None
    operations = [child for child in content if isinstance(child.tag, str)] if content is not None else []
    if len(operations) != 1 or etree.QName(operations[0]).namespace != CRM:
        raise SoapError("INVALID_REQUEST", "the body must hold one element of this service")
    session = root.findtext(f"{{{ENVELOPE}}}Header/{{{CRM}}}SessionHeader/{{{CRM}}}sessionId")
    return Call(operation=etree.QName(operations[0]).localname, element=operations[0], session=session)


def fields_of(element: etree._Element) -> dict[str, str | None]:
    """The fields of a record that was sent: name to text, None where xsi:nil says so."""
    return {
        etree.QName(child).localname: None if child.get(NIL) in {"true", "1"} else (child.text or "")
        for child in element
        if isinstance(child.tag, str)
    }


def declared_type(element: etree._Element) -> str | None:
    """The local name of an element's xsi:type."""
    declared = element.get(TYPE)
    return declared.rpartition(":")[2] if declared else None


def crm_element(name: str, text: str | None = None) -> etree._Element:
    """An element of the CRM's namespace."""
    element = etree.Element(f"{{{CRM}}}{name}", nsmap=SPACES)
    element.text = text
    return element


def record_element(name: str, kind: ObjectType, row: Mapping[str, str | None]) -> etree._Element:
    """One record with its xsi:type; absent values are left out."""
    element = crm_element(name)
    element.set(TYPE, f"tns:{kind.name}")
    for field in kind.fields:
        if row[field] is not None:
            etree.SubElement(element, f"{{{CRM}}}{field}").text = row[field]
    return element


def answer(operation: str, children: list[etree._Element]) -> bytes:
    """The response of an operation."""
    response = crm_element(f"{operation}Response")
    response.extend(children)
    return _envelope(response)


def fault(failure: SoapError) -> bytes:
    """A SOAP fault with the code in the CRM's namespace and again in the detail."""
    element = etree.Element(f"{{{ENVELOPE}}}Fault", nsmap=SPACES)
    etree.SubElement(element, "faultcode").text = f"tns:{failure.code}"
    etree.SubElement(element, "faultstring").text = str(failure)
    detail = crm_element("ApiFault")
    detail.append(crm_element("exceptionCode", failure.code))
    detail.append(crm_element("exceptionMessage", str(failure)))
    etree.SubElement(element, "detail").append(detail)
    return _envelope(element)


def _envelope(content: etree._Element) -> bytes:
    envelope = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap=SPACES)
    etree.SubElement(envelope, f"{{{ENVELOPE}}}Body").append(content)
    return bytes(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"))
