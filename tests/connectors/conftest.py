"""Builds connectors as the hub does: from their manifests and a system's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

import connectors
from onevoice.sdk import Settings
from onevoice.sdk.discovery import build, discover

ROOT = Path(connectors.__file__).parent
Build = Callable[..., Any]


@pytest.fixture
def connect() -> Iterator[Build]:
    """`connect(connector, system, values, secrets, now=...)` gives a connector that is closed after the test."""
    opened: list[Any] = []

    def make(
        connector: str,
        system: str,
        values: Mapping[str, object],
        secrets: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Any:
        settings = Settings(system=system, values=values, secrets=secrets or {}, now=now)
        opened.append(build(discover(ROOT)[connector], settings))
        return opened[-1]

    yield make
    for connector in opened:
        connector.close()


@pytest.fixture
def resumes() -> Callable[[Any, str], None]:
    """`resumes(connector, stream)` kills a read after each page, goes on from its cursor, and misses nothing."""

    def check(connector: Any, stream: str) -> None:
        pages = list(connector.read(stream, None))
        everything = {record.key: record for page in pages for record in page.records}
        assert len(pages) > 2, "a read of few pages proves nothing"
        for at, page in enumerate(pages):
            before = {record.key for earlier in pages[: at + 1] for record in earlier.records}
            after = {record.key for later in connector.read(stream, page.cursor) for record in later.records}
            assert before | after == everything.keys()
        assert after < everything.keys(), "a cursor that never moves misses nothing either"

    return check


@pytest.fixture
def fits_schema() -> Callable[[str, str, Any], bool]:
    """`fits_schema(connector, stream, data)`: is the data, sent as JSON, as the connector's schema has it?"""

    def check(connector: str, stream: str, data: Any) -> bool:
        schema = orjson.loads((ROOT.parent / "schemas" / connector / f"{stream}.json").read_bytes())
        return bool(jsonschema.Draft202012Validator(schema).is_valid(orjson.loads(orjson.dumps(data))))

    return check
