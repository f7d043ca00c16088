"""The connector to mailboxes: reads folders behind the last UID, and from their start when their UIDs have begun anew.

A cursor is, for each folder, UIDVALIDITY and the last UID. When UIDVALIDITY is another one, all UIDs are void and the
folder is read from its start; a mail is the same record wherever it is found: nothing is lost and nothing doubled.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from connectors.mailbox import mail, report
from connectors.mailbox.mail import Direction
from connectors.mailbox.session import ImapSession, Stored
from onevoice.sdk import Json, Page, Settings, SourceRecord
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place

_REPORTS = ("HEADER", "Content-Type", '"multipart/report"')


class Mailbox:
    """The folders of one account."""

    def __init__(self, settings: Settings, manifest: Manifest) -> None:
        values = settings.values
        self._manifest = manifest
        received = cast(list[str], values["folders"])
        sent = cast(list[str], values["sent_folders"])
        self._folders: dict[str, Direction] = dict.fromkeys(received, "inbound")
        self._folders |= dict.fromkeys(sent, "outbound")
        self._session = ImapSession(
            str(values["host"]),
            int(str(values["port"])),
            str(values["username"]),
            settings.secrets["password"],
            tls=bool(values["tls"]),
            place=place(settings.system),
        )

    def check(self) -> None:
        """Log in and open every folder, read-only."""
        for folder in self._folders:
            self._session.standing(folder)

    def read(self, stream: str, cursor: Json | None) -> Iterator[Page]:
        """Yield the mails behind `cursor`, folder by folder."""
        size = self._manifest.stream(stream).page_size
        positions: dict[str, list[int]] = dict((cursor or {}).get("folders", {}))
        for folder, direction in self._folders.items():
            if stream == report.STREAM and direction == "outbound":
                continue
            validity, newest = self._session.standing(folder)
            known, last = positions.get(folder, [validity, 0])
            after = last if known == validity else 0
            only = _REPORTS if stream == report.STREAM else ()
            uids = self._session.uids(folder, validity, after, only=only)
            for at in range(0, len(uids), size):
                some = uids[at : at + size]
                mails = self._session.fetched(folder, validity, some, whole=stream == report.STREAM)
                positions[folder] = [validity, some[-1]]
                yield Page(records=_records(stream, mails, direction), cursor={"folders": dict(positions)})
            if (end := [validity, max([newest, *uids])]) != positions.get(folder):
                positions[folder] = end  # behind mails that this stream passes over, too
                yield Page(records=[], cursor={"folders": dict(positions)})

    def readback(self, _stream: str, _keys: Sequence[str]) -> list[SourceRecord]:
        """Return nothing: that a mail was moved or thrown away says nothing of what was said in it."""
        return []

    def close(self) -> None:
        """Log out."""
        self._session.close()


def _records(stream: str, mails: Sequence[Stored], direction: Direction) -> list[SourceRecord]:
    records: dict[str, SourceRecord] = {}
    for one in mails:
        if stream == report.STREAM:
            found = report.report_records(one.content, one.stored_at)
        else:
            found = [mail.mail_record(one.content, direction, one.stored_at)]
        records |= {record.key: record for record in found}  # a mail that stands in a folder twice is one
    return list(records.values())
