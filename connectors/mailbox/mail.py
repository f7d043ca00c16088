"""One mail as the hub takes it: who, when, about what, in which thread; never its text.

Takes the header section of a mail, gives a record. The one rule: a mail is told by what it carries itself, its
Message-ID, date and sender, and never by its place in a mailbox, so that it is the same one wherever it is found again.
Parsed leniently: whatever a sender has put into a header, the mail is one record.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import Literal

from onevoice.sdk import Json, SourceRecord, version_text

STREAM = "message"
Direction = Literal["inbound", "outbound"]

_LONGEST = {"subject": 500, "message_id": 998, "address": 254}
_THREAD = 200


def parsed(content: bytes) -> Message:
    """Return a mail, or its header section alone."""
    return BytesParser(policy=compat32).parsebytes(content)


def mail_record(header: bytes, direction: Direction, stored_at: datetime) -> SourceRecord:
    """Return the record of a mail.

    Args:
        stored_at: when the server put it into the folder; counts only where the mail itself has no time.
    """
    mail = parsed(header)
    kind = _kind(mail)
    key = mail_key(mail, header)
    said_at = _date(mail.get("Date")) or stored_at
    arrived = _arrived(mail) or said_at
    data: Json = {
        "key": key,
        "message_id": _cut(_ids(mail.get("Message-ID")), "message_id"),
        "thread": thread(mail, key),
        "direction": direction,
        "kind": kind,
        "address": None if kind in ("bounce", "complaint") else _address(mail, direction),
        "subject": _cut([text(mail.get("Subject"))], "subject"),
        "sent_at": version_text(said_at),
        "arrived_at": version_text(arrived),
    }
    return SourceRecord(stream=STREAM, key=key, version=version_text(arrived), data=data)


def mail_key(mail: Message, content: bytes) -> str:
    """Return the key of a mail: a hash, since a Message-ID is chosen by the sender and may be used for another mail."""
    identity = [str(mail.get(name) or "") for name in ("Message-ID", "Date", "From")]
    if not identity[0]:
        identity.append(hashlib.sha256(content).hexdigest())
    return hashlib.sha256("\n".join(identity).encode("utf-8", "replace")).hexdigest()[:40]


def thread(mail: Message, key: str) -> str:
    """Return what names the thread: the Message-ID of its first mail (RFC 5322, section 3.6.4), or the key."""
    known = _ids(mail.get("References")) or _ids(mail.get("In-Reply-To")) or _ids(mail.get("Message-ID")) or [key]
    first = known[0]
    return first if len(first) <= _THREAD else hashlib.sha256(first.encode()).hexdigest()


def text(value: object) -> str:
    """Return a header decoded (RFC 2047), in one line, without what no text holds; as it stands where that fails."""
    raw = str(value or "")
    with suppress(HeaderParseError, LookupError, ValueError):  # an unknown charset or a broken encoded word
        raw = str(make_header(decode_header(raw)))
    safe = raw.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in safe).split())


def first_address(values: Sequence[object]) -> str | None:
    """Return the first address in headers, in lower case."""
    for _, address in getaddresses([text(value) for value in values]):
        if "@" in address and len(address) <= _LONGEST["address"]:
            return address.strip().lower()
    return None


def _address(mail: Message, direction: Direction) -> str | None:
    names = ("Reply-To", "From") if direction == "inbound" else ("To", "Cc")
    return next((found for name in names if (found := first_address(mail.get_all(name, [])))), None)


def _kind(mail: Message) -> str:
    report = str(mail.get_param("report-type") or "").lower()
    if mail.get_content_type() == "multipart/report" and report == "feedback-report":
        return "complaint"
    if mail.get_content_type() == "multipart/report" and report == "delivery-status":
        return "bounce"
    automatic = str(mail.get("Auto-Submitted") or "no").strip().lower()
    return "message" if automatic.startswith("no") else "auto_reply"


def _arrived(mail: Message) -> datetime | None:
    """Return when the company's own server took the mail: the time behind the last `;` of the topmost `Received`."""
    stamp = str(mail.get("Received") or "").rpartition(";")[2]
    return _date(stamp)


def _date(value: object) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(value))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _ids(value: object) -> list[str]:
    """Return the Message-IDs in a header, without their brackets."""
    words = text(value).replace("<", " ").replace(">", " ").split()
    return [word for word in words if "@" in word]


def _cut(values: Sequence[str], name: str) -> str | None:
    first = values[0][: _LONGEST[name]].strip() if values else ""
    return first or None
