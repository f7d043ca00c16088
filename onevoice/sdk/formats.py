"""The forms in which systems write records into files: CSV, fixed width, NDJSON, XML; bytes to rows and back.

A line that cannot be read is a row of its own, `{LINE: number, TEXT: text}`, so that it ends in quarantine whole and
its neighbours go on. What is wrong with the whole file is an error: it cannot be told which records it was about.
"""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import lxml.etree
import orjson

from onevoice.errors import RecordError, RefusedError, TransientError
from onevoice.messages import Json

LINE, TEXT = "_line", "_text"
"""Fields of a row that stands for a line that cannot be read."""

# The longer first: the mark of UTF-16 LE begins that of UTF-32 LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_OTHERS = ("<!doctype html", "<html")


class Format(Protocol):
    """One form of files."""

    def parse(self, content: bytes, *, where: str) -> list[Json]:
        """Return the rows of a file.

        Raises:
            TransientError: it ends in the middle: it is still being written, or was cut.
            RecordError: it is of another form or encoding, or lacks a column.
        """

    def dump(self, rows: Sequence[Json], *, where: str) -> bytes:
        """Return a file with these rows.

        Raises:
            RefusedError: a value cannot be written in this form.
        """


def text_of(content: bytes, encoding: str, *, where: str) -> str:
    """Return a file's text. A byte order mark says more of the encoding than what was agreed.

    Raises:
        RecordError: the bytes are not of the encoding, or hold a web page.
    """
    mark, named = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", encoding))
    try:
        text = content[len(mark) :].decode(named)
    except UnicodeDecodeError:
        raise RecordError(f"{where}: the file is not {named}; write its encoding in the manifest") from None
    if "\0" in text:
        raise RecordError(f"{where}: the file holds no text in {named}; write its encoding in the manifest")
    if text.lstrip()[:20].lower().startswith(_OTHERS):
        raise RecordError(f"{where}: the file is a web page; look at what put it there")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Csv:
    """Comma separated values with a header line (RFC 4180); an empty value is None.

    Attributes:
        columns: those that a file must have; further ones are taken as they come.
    """

    columns: Sequence[str]
    encoding: str = "utf-8"
    delimiter: str = ","

    def parse(self, content: bytes, *, where: str) -> list[Json]:
        """Return the rows by column name."""
        text = text_of(content, self.encoding, where=where)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True)
        rows: list[Json] = []
        cut = False
        try:
            header = next(reader, [])
            _has_columns(header, self.columns, where)
            for values in reader:
                if values:
                    cut = len(values) != len(header)
                    rows.append(_row(header, values) if not cut else _odd(reader.line_num, self.delimiter.join(values)))
        except csv.Error:
            if not text.endswith("\n"):  # the usual reason: an open quote where the file was cut
                raise _still_written(where) from None
            raise RecordError(f"{where}: the file is not CSV as RFC 4180 has it") from None
        if cut and not text.endswith("\n"):
            raise _still_written(where)
        return rows

    def dump(self, rows: Sequence[Json], *, where: str) -> bytes:
        """Return a header and the rows, each ended by CRLF."""
        names = list(dict.fromkeys(name for row in rows for name in row)) or list(self.columns)
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.delimiter)
        writer.writerow(names)
        writer.writerows([_text(row.get(name), name, where) for name in names] for row in rows)
        return _encoded(text.getvalue(), self.encoding, where)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWidth:
    """Lines in which each field has its place; blanks at a field's end do not count, an empty value is None.

    Attributes:
        widths: field -> how many characters, in the order of the line.
    """

    widths: Mapping[str, int]
    encoding: str = "utf-8"

    def parse(self, content: bytes, *, where: str) -> list[Json]:
        """Return the rows by field; a line of another length is odd."""
        text = text_of(content, self.encoding, where=where)
        rows: list[Json] = []
        length = sum(self.widths.values())
        cut = False
        for number, line in enumerate(text.splitlines(), start=1):
            cut = len(line) != length
            rows.append(_odd(number, line) if cut else self._fields(line))
        if cut and not text.endswith("\n"):
            raise _still_written(where)
        return rows

    def dump(self, rows: Sequence[Json], *, where: str) -> bytes:
        """Return the rows, each ended by CRLF."""
        lines = "".join(self._line(row, where) for row in rows)
        return _encoded(lines, self.encoding, where)

    def _fields(self, line: str) -> Json:
        row: Json = {}
        at = 0
        for name, width in self.widths.items():
            row[name] = line[at : at + width].rstrip() or None
            at += width
        return row

    def _line(self, row: Json, where: str) -> str:
        parts = []
        for name, width in self.widths.items():
            value = _text(row.get(name), name, where)
            if len(value) > width or "\n" in value or "\r" in value:
                raise RefusedError(f"{where}: {name} has {width} characters, and the value does not fit")
            parts.append(value.ljust(width))
        return "".join(parts) + "\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ndjson:
    """One JSON object on each line."""

    encoding: str = "utf-8"

    def parse(self, content: bytes, *, where: str) -> list[Json]:
        """Return the objects."""
        text = text_of(content, self.encoding, where=where)
        rows: list[Json] = []
        cut = False
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                value = None
            cut = not isinstance(value, dict)
            rows.append(_odd(number, line) if cut else value)
        if cut and not text.endswith("\n"):
            raise _still_written(where)
        return rows

    def dump(self, rows: Sequence[Json], *, where: str) -> bytes:
        """Return the objects, each ended by a line feed."""
        return b"".join(orjson.dumps(row) + b"\n" for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Xml:
    """Elements of one name, wherever they stand; their children by name, text without blanks at its ends.

    A child that has children is an object; one that comes several times is a list. Attributes are fields too. No
    document type, no entities, nothing from outside.

    Attributes:
        record: the name of the element, without its namespace.
    """

    record: str

    def parse(self, content: bytes, *, where: str) -> list[Json]:
        """Return the elements."""
        parser = lxml.etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        try:
            root = lxml.etree.fromstring(content, parser)
        except lxml.etree.XMLSyntaxError:
            closing = content.rstrip()[-1:] == b">"
            if content and not (closing and _is_page(content)):
                raise _still_written(where) from None
            raise RecordError(f"{where}: the file is not XML; look at what wrote it") from None
        if root.getroottree().docinfo.doctype:
            raise RecordError(f"{where}: the file declares a document type, which is not read; look at what wrote it")
        found = [one for one in root.iter() if _name(one) == self.record]
        if not found and len(root):
            raise RecordError(f"{where}: the file holds no element {self.record}")
        return [_object(one) for one in found]

    def dump(self, rows: Sequence[Json], *, where: str) -> bytes:
        """Refuse: the rest of a document would be lost."""
        raise RefusedError(f"{where}: XML files are read and not written")


def _is_page(content: bytes) -> bool:
    return content.lstrip()[:20].lower().startswith(tuple(map(str.encode, _OTHERS)))


def _name(element: Any) -> str:
    return lxml.etree.QName(element).localname if isinstance(element.tag, str) else ""


def _object(element: Any) -> Json:
    found: Json = {lxml.etree.QName(name).localname: value for name, value in element.attrib.items()}
    for child in element.iterchildren(tag=lxml.etree.Element):
        name = _name(child)
        value = _object(child) if len(child) or child.attrib else (child.text or "").strip() or None
        if name in found:
            known = found[name]
            found[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            found[name] = value
    if not len(element) and (element.text or "").strip():
        found["_text"] = element.text.strip()
    return found


def _has_columns(header: Sequence[str], columns: Sequence[str], where: str) -> None:
    missing = [column for column in columns if column not in header]
    if missing:
        raise RecordError(f"{where}: the file lacks the column {missing[0]}")
    if len(set(header)) != len(header):
        raise RecordError(f"{where}: the file has a column twice")


def _row(header: Sequence[str], values: Sequence[str]) -> Json:
    return {name: value or None for name, value in zip(header, values, strict=True)}


def _odd(number: int, text: str) -> Json:
    return {LINE: number, TEXT: text}


def _still_written(where: str) -> TransientError:
    return TransientError(f"{where}: the file ends in the middle of a record; it is read again once it is whole")


def _text(value: Any, name: str, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise RefusedError(f"{where}: {name} is not a single value, which this form of file cannot hold")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _encoded(text: str, encoding: str, where: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise RefusedError(f"{where}: a value has characters that {encoding} cannot hold") from None
