"""The contract of a SOAP service as a pinned file: what a connector was written against, and nothing else.

A service that changes its WSDL changes nothing here until a person has reviewed the new file and pinned its hash.
Where the manifest says that the service shows its WSDL, what it shows is held to the pinned one, by what it means:
prefixes, comments, the order of definitions and the address do not count. What a WSDL imports is not looked at.
"""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lxml.etree

from onevoice.errors import ConfigurationError

_XSD = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_PASSED_OVER = (f"{_WSDL}service", f"{_WSDL}documentation", f"{_XSD}annotation", f"{_XSD}import", f"{_WSDL}import")
_REFERENCES = ("type", "base", "ref", "element", "message", "binding", "itemType")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedWsdl:
    """The contract: a file kept in the connector's folder and its SHA-256 in hex.

    Attributes:
        live: what is put behind the endpoint to get the WSDL that the service shows; empty: it shows none.
    """

    file: Path
    sha256: str
    live: str = ""

    def checked(self) -> str:
        """Return the file's path.

        Raises:
            ConfigurationError: the file is missing or not the one that was pinned.
        """
        try:
            actual = hashlib.sha256(self.file.read_bytes()).hexdigest()
        except OSError:
            raise ConfigurationError(
                f"{self.file.name} cannot be read; put the WSDL into the connector's folder"
            ) from None
        if actual != self.sha256:
            raise ConfigurationError(
                f"{self.file.name} is not the pinned contract; review it, then write its SHA-256 in manifest.yaml"
            )
        return str(self.file)

    def difference(self, shown: bytes) -> list[str]:
        """Return how another WSDL differs from the pinned one: `+` and `-` lines, none where they mean the same.

        Raises:
            ValueError: the other one is no WSDL.
        """
        pinned = outline(self.file.read_bytes())
        lines = difflib.unified_diff(pinned, outline(shown), lineterm="", n=0)
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def outline(content: bytes) -> list[str]:
    """Return what a WSDL defines, a line for each definition and what is in it.

    Raises:
        ValueError: it is not XML, or no WSDL.
    """
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = lxml.etree.fromstring(content, parser)
    except lxml.etree.XMLSyntaxError:
        raise ValueError("no XML") from None
    if root.tag != f"{_WSDL}definitions":
        raise ValueError("no WSDL")
    schemas = [schema for types in root.iter(f"{_WSDL}types") for schema in types]
    tops = [one for part in (*schemas, root) for one in part if one.tag != f"{_WSDL}types"]
    spaces = [_line(f"{lxml.etree.QName(part).localname}", part) for part in (root, *schemas)]
    return spaces + [line for one in sorted(tops, key=_place) for line in _lines(one, "")]


def _place(element: Any) -> tuple[str, str]:
    return str(element.tag), element.get("name") or ""


def _lines(element: Any, within: str) -> list[str]:
    if element.tag in _PASSED_OVER or not isinstance(element.tag, str):
        return []
    kind = lxml.etree.QName(element).localname
    name = element.get("name") or (element.get("value") if kind == "enumeration" else None)
    place = f"{within}/{name or kind}" if within else f"{kind} {name or ''}".rstrip()
    return [_line(place, element), *(line for child in element for line in _lines(child, place))]


def _line(place: str, element: Any) -> str:
    told = [f"{key}={_resolved(element, key, value)}" for key, value in sorted(element.attrib.items()) if key != "name"]
    return " ".join([place, *told])


def _resolved(element: Any, key: str, value: str) -> str:
    """Return a reference by its namespace, so that another prefix for it is no difference."""
    prefix, _, local = value.rpartition(":")
    if key not in _REFERENCES:
        return value
    space = element.nsmap.get(prefix or None, "")
    if space == element.getroottree().getroot().get("targetNamespace"):
        return local
    return f"xsd:{local}" if f"{{{space}}}" == _XSD else f"{{{space}}}{local}"
