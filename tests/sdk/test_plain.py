"""Source values become JSON without loss."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from onevoice.sdk.plain import instant, plain


def test_values_keep_all_that_they_say() -> None:
    row = {
        "total": Decimal("129.90"),
        "birth": date(1974, 3, 18),
        "at": datetime(2025, 1, 1, 1, 0, 0, 5, tzinfo=timezone(timedelta(hours=1))),
        "naive": datetime(2025, 1, 1),  # noqa: DTZ001
        "nested": [{"flag": True, "none": None, "count": 3}],
        "photo": b"\xff\x00",
        "opens": time(9, 30),
        "lasts": timedelta(minutes=2),
    }
    assert plain(row) == {
        "total": "129.90",
        "birth": "1974-03-18",
        "at": "2025-01-01T00:00:00.000005Z",
        "naive": "2025-01-01T00:00:00.000000Z",
        "nested": [{"flag": True, "none": None, "count": 3}],
        "photo": "/wA=",
        "opens": "09:30:00",
        "lasts": "120.0",
    }


def test_a_value_without_a_json_form_is_named_by_its_type_only() -> None:
    with pytest.raises(TypeError, match="type set") as caught:
        plain({"photo": {"marked"}})
    assert "marked" not in str(caught.value)


def test_a_time_is_read_in_utc() -> None:
    assert instant("2025-01-01T01:00:00+01:00") == datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="not an ISO 8601 time") as caught:
        instant("marked")
    assert "marked" not in str(caught.value)
