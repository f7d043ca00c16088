"""What a report says of an address: it does not exist, it takes nothing now, or its owner complains.

Takes a whole mail of the type `multipart/report`, gives a record for each recipient it is about. Sources: RFC 3464
(delivery status), RFC 3463 (status codes), RFC 5965 (complaints). A report that says nothing final gives nothing here;
it stays in the timeline as a mail.
"""

from collections.abc import Iterator
from datetime import datetime
from email.message import Message

from connectors.mailbox.mail import first_address, mail_key, mail_record, parsed, text
from onevoice.sdk import Json, SourceRecord

STREAM = "report"

_NO_SUCH_ADDRESS = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.4")
"""The address, its domain or its mailbox is not there; every other refusal is about this mail or this moment."""

_MOST_RECIPIENTS = 100


def report_records(content: bytes, stored_at: datetime) -> list[SourceRecord]:
    """Return what a report says, a record for each recipient."""
    mail = parsed(content)
    header = mail_record(content, "inbound", stored_at)
    if header.data is None:
        return []
    findings = dict.fromkeys((*_bounces(mail), *_complaints(mail)))
    key = mail_key(mail, content)
    records = []
    for number, (address, kind, said) in enumerate(list(findings)[:_MOST_RECIPIENTS]):
        data: Json = {
            "key": f"{key}-{number}",
            "kind": kind,
            "address": address,
            "said": said,
            "reported_at": header.data["arrived_at"],
        }
        records.append(SourceRecord(stream=STREAM, key=data["key"], version=header.version, data=data))
    return records


def _bounces(mail: Message) -> Iterator[tuple[str, str, str]]:
    for part in _parts(mail, "message/delivery-status"):
        for group in part.get_payload():  # the first is about the mail, each other about one recipient
            if not isinstance(group, Message) or str(group.get("Action") or "").strip().lower() != "failed":
                continue
            named = group.get("Original-Recipient") or group.get("Final-Recipient")
            address = first_address([str(named).partition(";")[2]])
            status = text(group.get("Status")).split(" ")[0][:20] or "failed"
            if address:
                yield address, "hard_bounce" if status in _NO_SUCH_ADDRESS else "soft_bounce", status


def _complaints(mail: Message) -> Iterator[tuple[str, str, str]]:
    for part in _parts(mail, "message/feedback-report"):
        payload = part.get_payload()
        fields = payload[0] if isinstance(payload, list) and payload else parsed(str(payload).encode())
        said = text(fields.get("Feedback-Type")).lower() if isinstance(fields, Message) else ""
        if not isinstance(fields, Message) or said not in ("abuse", "opt-out"):
            continue
        address = first_address(fields.get_all("Original-Rcpt-To", [])) or _original_recipient(mail)
        if address:
            yield address, "complaint", said


def _original_recipient(mail: Message) -> str | None:
    for part in (*_parts(mail, "message/rfc822"), *_parts(mail, "text/rfc822-headers")):
        payload = part.get_payload()
        original = payload[0] if isinstance(payload, list) and payload else parsed(str(payload).encode())
        if isinstance(original, Message) and (address := first_address(original.get_all("To", []))):
            return address
    return None


def _parts(mail: Message, kind: str) -> list[Message]:
    payload = mail.get_payload()
    return (
        [part for part in payload if isinstance(part, Message) and part.get_content_type() == kind]
        if isinstance(payload, list)
        else []
    )
