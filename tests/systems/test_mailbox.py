"""The mailbox connector against a real Dovecot, with mail that came in over SMTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import connectors
from onevoice.sdk import OperatorError, Settings, SourceRecord, TransientError
from onevoice.sdk.discovery import build, discover
from onevoice.testing.contract import Subject, examine, promised
from tests.systems.mail_server import PASSWORD, Intake, Owner, PrivateDovecot
from tests.systems.page import follow

CONNECTORS = Path(connectors.__file__).parent


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    with PrivateDovecot() as server:
        yield server


@pytest.fixture(scope="module")
def intake(dovecot: PrivateDovecot) -> Iterator[Intake]:
    with Intake(dovecot) as running:
        yield running


@pytest.fixture
def user() -> str:
    return f"u{uuid4().hex[:10]}"


@pytest.fixture
def owner(dovecot: PrivateDovecot, user: str) -> Iterator[Owner]:
    person = Owner(dovecot, user)
    yield person
    person.imap.logout()


def settings(dovecot: PrivateDovecot, user: str, password: str = PASSWORD, **more: object) -> Settings:
    values = {"host": "127.0.0.1", "port": dovecot.imap_port, "tls": False, "username": user, **more}
    return Settings(system="mail", values=values, secrets={"password": password}, now=lambda: datetime.now(UTC))


@pytest.fixture
def connector(dovecot: PrivateDovecot, user: str) -> Iterator[Any]:
    opened = build(discover(CONNECTORS)["mailbox"], settings(dovecot, user))
    yield opened
    opened.close()


def read(connector: Any, stream: str, cursor: Any = None) -> tuple[list[SourceRecord], Any]:
    records: list[SourceRecord] = []
    for page in connector.read(stream, cursor):
        records += page.records
        cursor = page.cursor
    return records, cursor


def data(record: SourceRecord) -> dict[str, Any]:
    assert record.data is not None
    return record.data


def letter(number: int, **headers: str) -> bytes:
    mail = EmailMessage()
    given = {
        "From": "Ann Smith <Ann@Customer.example>",
        "To": "service@shop.example",
        "Message-ID": f"<m{number}@customer.example>",
        "Date": f"Sun, 22 Nov 2026 10:{number:02d}:00 +0100",
        "Subject": f"Lieferzeit über {number} Tage",
        **headers,
    }
    for name, value in given.items():
        mail[name] = value
    mail.set_content("The text is nobody's business.")
    return mail.as_bytes()


def report(kind: str, *groups: dict[str, str], original_to: str = "") -> bytes:
    said = "\n".join("".join(f"{name}: {value}\n" for name, value in group.items()) for group in groups)
    original = f"Content-Type: text/rfc822-headers\n\nTo: {original_to}\nSubject: Offers\n" if original_to else ""
    return f"""From: MAILER-DAEMON@mx.example
To: service@shop.example
Message-ID: <{uuid4()}@mx.example>
Date: Sun, 22 Nov 2026 11:00:00 +0000
Subject: Report
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary="b"

--b
Content-Type: text/plain

It could not be delivered, or was not welcome.

--b
Content-Type: message/{kind}

{said}
--b
{original}
--b--
""".encode()


def test_mail_becomes_interactions_in_threads_and_stays_unread(
    intake: Intake, connector: Any, owner: Owner, user: str
) -> None:
    intake.send(letter(1), to=user)
    intake.send(letter(2, **{"In-Reply-To": "<m1@customer.example>"}), to=user)
    references = "<m1@customer.example> <m2@customer.example>"
    intake.send(letter(3, References=references, **{"In-Reply-To": "<m2@customer.example>"}), to=user)
    intake.send(letter(4, **{"Auto-Submitted": "auto-replied"}), to=user)
    connector.check()
    records, cursor = read(connector, "message")
    assert [data(one)["thread"] for one in records] == ["m1@customer.example"] * 3 + ["m4@customer.example"]
    assert [data(one)["kind"] for one in records] == ["message"] * 3 + ["auto_reply"]
    first = data(records[0])
    assert (first["address"], first["subject"]) == ("ann@customer.example", "Lieferzeit über 1 Tage")
    assert first["sent_at"] == "2026-11-22T09:01:00.000000Z"
    assert first["arrived_at"] == records[0].version > "2026-11-22T09:01"
    assert "business" not in str(records)
    assert read(connector, "message", cursor)[0] == []
    assert all("Seen" not in flags for flags in owner.flags())


def test_only_what_is_new_is_read(intake: Intake, connector: Any, user: str) -> None:
    intake.send(letter(1), to=user)
    _, cursor = read(connector, "message")
    intake.send(letter(2), to=user)
    [record], _ = read(connector, "message", cursor)
    assert data(record)["message_id"] == "m2@customer.example"


def test_a_folder_made_anew_neither_loses_nor_doubles(
    dovecot: PrivateDovecot, intake: Intake, user: str, owner: Owner
) -> None:
    owner.imap.create("Archive")
    for number in range(1, 8):
        owner.imap.append("Archive", None, None, letter(number))  # type: ignore[arg-type]
    connector = build(discover(CONNECTORS)["mailbox"], settings(dovecot, user, folders=["Archive"]))
    before, cursor = read(connector, "message")
    owner.imap.append("Archive", None, None, letter(8))  # type: ignore[arg-type] # it came, and was not read yet
    owner.make_anew("Archive")
    after, later = read(connector, "message", cursor)
    connector.close()
    assert later["folders"]["Archive"][0] != cursor["folders"]["Archive"][0]
    assert {one.key for one in after} == {one.key for one in before} | {after[0].key}
    assert len(before) == 7
    assert len(after) == 8
    same = {one.key: one for one in after}
    assert all(same[one.key] == one for one in before)


def test_bounces_and_complaints_become_acts_of_their_recipients(intake: Intake, connector: Any, user: str) -> None:
    mta = {"Reporting-MTA": "dns; mx.example"}
    gone = {"Final-Recipient": "rfc822; Gone@Customer.example", "Action": "failed", "Status": "5.1.1"}
    full = {"Final-Recipient": "rfc822; full@customer.example", "Action": "failed", "Status": "5.2.2"}
    late = {"Final-Recipient": "rfc822; late@customer.example", "Action": "delayed", "Status": "4.4.1"}
    intake.send(letter(1), to=user)
    intake.send(report("delivery-status", mta, gone, full, late), to=user, sender="")
    intake.send(report("feedback-report", {"Feedback-Type": "abuse"}, original_to="cross@customer.example"), to=user)
    records, cursor = read(connector, "report")
    assert [(data(one)["address"], data(one)["kind"], data(one)["said"]) for one in records] == [
        ("gone@customer.example", "hard_bounce", "5.1.1"),
        ("full@customer.example", "soft_bounce", "5.2.2"),
        ("cross@customer.example", "complaint", "abuse"),
    ]
    assert read(connector, "report", cursor)[0] == []
    kinds = [data(one)["kind"] for one in read(connector, "message")[0]]
    assert kinds == ["message", "bounce", "complaint"]


def test_odd_mail_is_one_record_each(connector: Any, owner: Owner) -> None:
    odd = [
        b"Subject: =?no-such-charset?B?/////?=\r\nFrom: =?utf-8?q?=FF?= <a@b.example>\r\n\r\nx",
        b"From: no address at all\r\nDate: yesterday\r\nReceived: ; never\r\n\r\nx",
        b"\r\n\r\n",
        b"Message-ID: <" + b"x" * 3000 + b"@b.example>\r\nReferences: <" + b"y" * 500 + b"@b.example>\r\n\r\nx",
        "Subject: ohne Kodierung ü\0\x07\r\nDate: Sun, 31 Feb 2026 99:00:00 +9999\r\n\r\nx".encode("latin-1"),
        letter(1, **{"Message-ID": "<m9@customer.example>"}),
        letter(2, **{"Message-ID": "<m9@customer.example>", "From": "thief@elsewhere.example"}),
    ]
    for content in odd:
        owner.imap.append("INBOX", None, None, content.replace(b"\0", b""))  # type: ignore[arg-type]
    records, _ = read(connector, "message")
    assert len({one.key for one in records}) == len(odd)
    assert all(len(data(one)["thread"]) <= 200 for one in records)


def test_a_restart_of_the_server_is_no_loss(dovecot: PrivateDovecot, intake: Intake, connector: Any, user: str) -> None:
    intake.send(letter(1), to=user)
    _, cursor = read(connector, "message")
    dovecot.kill()
    with pytest.raises(TransientError, match="cannot be reached"):
        read(connector, "message", cursor)
    dovecot.start()
    intake.send(letter(2), to=user)
    assert len(read(connector, "message", cursor)[0]) == 1


def test_a_wrong_password_and_a_missing_folder_ask_for_a_person(dovecot: PrivateDovecot, user: str) -> None:
    manifest = discover(CONNECTORS)["mailbox"]
    for wrong, words in (
        (settings(dovecot, user, "wr0ng"), "username and password"),
        (settings(dovecot, user, folders=["No such"]), "folder"),
    ):
        connector = build(manifest, wrong)
        with pytest.raises(OperatorError, match=words) as caught:
            connector.check()
        assert "wr0ng" not in str(caught.value)
        connector.close()


def test_it_keeps_the_contract(dovecot: PrivateDovecot, intake: Intake, user: str) -> None:
    gone = {"Final-Recipient": "rfc822; gone@customer.example", "Action": "failed", "Status": "5.1.1"}
    for number in range(1, 4):
        intake.send(letter(number), to=user)
        intake.send(report("delivery-status", {"Reporting-MTA": "dns; mx.example"}, gone), to=user, sender="")
    given = settings(dovecot, user)
    subject = Subject(
        manifest=discover(CONNECTORS)["mailbox"],
        root=CONNECTORS.parent,
        settings=given,
        unreachable={**given.values, "port": 1},
        wrong_secrets={"password": "wr0ng"},
    )
    checks = promised(subject.manifest)
    assert {one.check: one.problems for one in examine(subject, checks)} == dict.fromkeys(checks, ())


def test_the_page_connects_a_mailbox(dovecot: PrivateDovecot, intake: Intake, user: str, tmp_path: Path) -> None:
    intake.send(letter(1), to=user)
    put = {'"imap.example.com"': f'"127.0.0.1"\nport = {dovecot.imap_port}\ntls = false'}
    put |= {"service@example.com": user}
    printed = follow("connect-a-mailbox.md", tmp_path, put=put, env={"ONEVOICE_MAIL_PASSWORD": PASSWORD})
    assert "customer.example" not in printed
