"""Fields of a SOAP object that its contract leaves open (`xsd:any`): names and texts, and the elements for them."""

from collections.abc import Iterable, Mapping

from lxml import etree

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def fields_of(elements: Iterable[object] | None) -> dict[str, str | None]:
    """Return name -> text of the open elements of an answer; None where `xsi:nil` says so, or nothing stands there."""
    found: dict[str, str | None] = {}
    for element in elements or ():
        if isinstance(element, etree._Element):
            empty = element.get(_NIL) in ("true", "1") or not element.text
            found[etree.QName(element).localname] = None if empty else element.text
    return found


def elements_of(namespace: str, fields: Mapping[str, str]) -> list[object]:
    """Return elements that carry fields, in the order given.

    Raises:
        ValueError: a name or a text is none that XML can carry.
    """
    elements: list[object] = []
    for name, text in fields.items():
        element = etree.Element(etree.QName(namespace, name))
        element.text = text
        elements.append(element)
    return elements
