"""The shop's records as the hub takes them: key is the id as text, version is `updated_at`.

The one rule: one odd record is set aside by itself; it never keeps its neighbours, or an opt-out, from being read.
"""

from collections.abc import Sequence
from typing import Any

from onevoice.sdk import Json, OperatorError, SourceRecord, version_text


def shop_record(stream: str, data: Json) -> SourceRecord | None:
    """Return one record; None when it lacks its id or `updated_at`."""
    key: Any = data.get("id")
    modified: Any = data.get("updated_at")
    if not isinstance(key, int) or not isinstance(modified, str):
        return None
    return SourceRecord(stream=stream, key=str(key), version=version_text(modified), data=data)


def found_record(stream: str, data: Json) -> SourceRecord:
    """Return one record that the shop's API gave; what it lacks of id and `updated_at` is empty, for quarantine."""
    key: Any = data.get("id")
    return shop_record(stream, data) or SourceRecord(
        stream=stream, key=str(key) if isinstance(key, int) else "", version="", data=data
    )


def sound_records(records: Sequence[SourceRecord], where: str) -> list[SourceRecord]:
    """Return those of a page that have key and version.

    Raises:
        OperatorError: several records and none of them has, so that the API is not the one known here.
    """
    sound = [record for record in records if record.key and record.version]
    if len(records) > 1 and not sound:
        raise OperatorError(f"{where}: records without id or updated_at; the shop's API has changed")
    return sound
