"""The shop's records as the hub takes them: key is the id as text, version is `updated_at`."""

from typing import Any

from onevoice.sdk import Json, OperatorError, SourceRecord, version_text


def shop_record(stream: str, data: Json) -> SourceRecord | None:
    """Return one record; None when it lacks its id or `updated_at`."""
    key: Any = data.get("id")
    modified: Any = data.get("updated_at")
    if not isinstance(key, int) or not isinstance(modified, str):
        return None
    return SourceRecord(stream=stream, key=str(key), version=version_text(modified), data=data)


def expected_record(stream: str, data: Json, where: str) -> SourceRecord:
    """Return one record that the shop's API gave.

    Raises:
        OperatorError: it lacks its id or `updated_at`, so that the API is not the one known here.
    """
    record = shop_record(stream, data)
    if record is None:
        raise OperatorError(f"{where}: a record without id or updated_at; the shop's API has changed")
    return record
