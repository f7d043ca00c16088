"""A file of records of one stream: NDJSON, or CSV whose first line names the fields.

Gives source records and, apart from them, what is wrong with each line that is none; a line's values are never told.
In CSV an empty value is null, and text becomes a number or a truth value where the stream's schema asks for one.
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from onevoice.errors import ConfigurationError, RecordError
from onevoice.messages import Json, SourceRecord
from onevoice.workers.catalog import Stream

_TRUTHS: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False}


def read_records(file: Path, stream: Stream, wrong: list[str]) -> Iterator[SourceRecord]:
    """Yield the records; lines that are none are named in `wrong`.

    Args:
        file: CSV where its name ends so, NDJSON else.

    Raises:
        ConfigurationError: the file cannot be read, or is CSV without the stream's key among its columns.
    """
    lines = _csv_lines if file.suffix.lower() == ".csv" else _json_lines
    try:
        for number, read in lines(file, stream):
            try:
                data = read()
                yield SourceRecord(
                    stream=stream.name, key=stream.mapping.key(data), version=stream.mapping.version(data), data=data
                )
            except RecordError as error:
                wrong.append(f"line {number}: {error}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__})") from None


Lines = Iterator[tuple[int, Callable[[], Json]]]


def _json_lines(file: Path, _stream: Stream) -> Lines:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, lambda line=line: _object(line)  # type: ignore[misc]


def _object(line: bytes) -> Json:
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RecordError("not JSON") from None
    if not isinstance(data, dict):
        raise RecordError("not a JSON object")
    return data


def _csv_lines(file: Path, stream: Stream) -> Lines:
    fields: Mapping[str, Any] = stream.source.schema.get("properties", {})
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, strict=True)
        header = next(reader, [])
        if len(set(header)) < len(header) or not header:
            raise ConfigurationError(f"{file}: the first line names no columns, or one of them twice")
        forms = [_form(fields.get(name, {})) for name in header]
        for values in reader:
            if values:
                yield reader.line_num, lambda values=values: _row(header, forms, values)  # type: ignore[misc]


def _row(header: list[str], forms: list[Callable[[str], Any]], values: list[str]) -> Json:
    if len(values) != len(header):
        raise RecordError(f"{len(values)} values under {len(header)} columns")
    return {name: form(value) if value else None for name, form, value in zip(header, forms, values, strict=True)}


def _form(schema: Any) -> Callable[[str], Any]:
    """Return how a column is read: as its schema asks; text that is not so stays text, and the schema refuses it."""
    kinds = schema.get("type", ()) if isinstance(schema, Mapping) else ()
    wanted = {kinds} if isinstance(kinds, str) else set(kinds)
    if "string" in wanted:
        return str
    if "boolean" in wanted:
        return lambda text: _TRUTHS.get(text.lower(), text)
    if "integer" in wanted:
        return lambda text: _number(int, text)
    if "number" in wanted:
        return lambda text: _number(float, text)
    return str


def _number(kind: type[int] | type[float], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return text
