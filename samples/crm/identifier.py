"""Record ids of the CRM: 15 characters whose letter case counts.

Three letters say the kind of record (003 contact, 500 case), four the company, eight count in base 62.
"""

from __future__ import annotations

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
COUNTED = 8


def record_id(prefix: str, serial: int) -> str:
    """The id of the record with this serial number."""
    digits = ""
    for _ in range(COUNTED):
        serial, digit = divmod(serial, len(BASE62))
        digits = BASE62[digit] + digits
    return f"{prefix}OV00{digits}"


def next_id(prefix: str, last: str | None) -> str:
    """The id that follows `last`, or the first one."""
    serial = 0
    for digit in last[-COUNTED:] if last else "0":
        serial = serial * len(BASE62) + BASE62.index(digit)
    return record_id(prefix, serial + 1)
