"""Checks that a push was signed by whom it claims, and lately: HMAC-SHA256 over the time, a dot and the raw body.

Compares in constant time. The one rule: what is not proven is refused, and the reason does not help to forge.
"""

import hashlib
import hmac
from datetime import UTC, datetime

from onevoice.errors import RefusedError

MAX_AGE_SECONDS = 300.0
_LONGEST_TIMESTAMP = 12


def check_signature(
    body: bytes, *, secret: str, timestamp: str, signature: str, now: datetime, where: str, prefix: str = "sha256="
) -> None:
    """Return when `signature` is the secret's for this time and body, and the time is at most five minutes off.

    Args:
        timestamp: seconds since 1970 as text, as it was sent.
        prefix: what stands before the hex digits of the signature.

    Raises:
        RefusedError: missing, wrong, or too old (or from too far ahead).
    """
    signed = hmac.new(secret.encode(), timestamp.encode("utf-8", "replace") + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode("utf-8", "replace"), f"{prefix}{signed}".encode()):
        raise RefusedError(f"{where}: the signature is missing or wrong; check the webhook secret on both sides")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= _LONGEST_TIMESTAMP):
        raise RefusedError(f"{where}: the signed time is not a number of seconds")
    age = abs(now.timestamp() - int(timestamp))
    if age > MAX_AGE_SECONDS:
        moment = now.astimezone(UTC).strftime("%H:%M:%S")
        raise RefusedError(f"{where}: the signed time is {age:.0f} s off at {moment} UTC; check the clocks")
