"""Claims and policies in one line each."""

import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from onevoice.master import Claim, Pin, Survivorship
from onevoice.messages import RecordRef

RULES = Path(__file__).parents[2] / "rules"
START = datetime(2024, 1, 1, tzinfo=UTC)


@cache
def shipped_policy() -> Survivorship:
    return Survivorship.load(RULES / "survivorship.yaml")


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def ref(system: str, key: str = "1") -> RecordRef:
    return RecordRef(system=system, stream="customer", key=key)


def claim(path: str, value: Any, system: str, at: int, key: str = "1") -> Claim:
    return Claim(path=path, value=value, ref=ref(system, key), time=day(at), mapping_version="v1")


def pin(path: str, value: Any, at: int, key: str = "1") -> Pin:
    return Pin(
        id=uuid.uuid5(uuid.NAMESPACE_OID, f"{path}{value}{at}{key}"),
        ref=ref("crm", key),
        path=path,
        value=value,
        actor="ann",
        reason="saw it",
        time=day(at),
    )
