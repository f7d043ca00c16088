"""Real mail servers of our own: Dovecot keeps the mailboxes (IMAP, LMTP), aiosmtpd takes mail in (SMTP)."""

from __future__ import annotations

import grp
import imaplib
import os
import pwd
import smtplib
import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from onevoice.testing.servers.account import free_port, own, server_account, write_private
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

PASSWORD = "a-throw-away-mailbox"
USER = "service"

_CONFIG = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%Ln
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = home={folder}/home/%Ln
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
"""


class PrivateDovecot(PrivateServer):
    """A Dovecot that takes any user with one password, and the SMTP server in front of it."""

    name = "dovecot"
    start_seconds = 20.0

    def __init__(self) -> None:
        super().__init__(server_account("nobody"), keep=False)
        self.imap_port, self.lmtp_port, self.smtp_port = free_port(), free_port(), free_port()

    def _launch(self) -> ServerProcess:
        account = pwd.getpwuid(self.account.uid if self.account else os.geteuid())
        config = _CONFIG.format(
            folder=self.folder,
            user=account.pw_name,
            group=grp.getgrgid(account.pw_gid).gr_name,
            password=PASSWORD,
            imap=self.imap_port,
            lmtp=self.lmtp_port,
        )
        path = write_private(self.folder / "dovecot.conf", config, self.account)
        for name in ("run", "mail", "home"):
            (self.folder / name).mkdir(exist_ok=True)
            own(self.folder / name, self.account)
        return ServerProcess(
            Launch(
                command=["/usr/sbin/dovecot", "-c", str(path), "-F"],
                env={"PATH": os.environ["PATH"]},
                folder=self.folder,
                log=self.log,
                account=self.account,
                remove=self.folder,
            ),
            leash=True,
        )

    def _answers(self) -> bool:
        for port in (self.imap_port, self.lmtp_port):
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) != 0:
                    return False
        return True


class Intake:
    """The SMTP server that the world sends to: hands each mail to Dovecot over LMTP, as a company's own does."""

    def __init__(self, dovecot: PrivateDovecot) -> None:
        self._dovecot = dovecot
        self._controller = Controller(self, hostname="127.0.0.1", port=dovecot.smtp_port)

    def __enter__(self) -> Intake:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        with smtplib.LMTP("127.0.0.1", self._dovecot.lmtp_port) as lmtp:
            lmtp.sendmail(envelope.mail_from or "", envelope.rcpt_tos, envelope.content or b"")
        return "250 taken"

    def send(self, content: bytes, *, sender: str = "someone@customer.example", to: str = USER) -> None:
        """Send a mail as somebody outside would."""
        with smtplib.SMTP("127.0.0.1", self._dovecot.smtp_port) as smtp:
            smtp.sendmail(sender, [f"{to}@shop.example"], content)


class Owner:
    """The owner of the mailbox, with a mail program that shares no code with the connector."""

    def __init__(self, dovecot: PrivateDovecot, user: str) -> None:
        self.imap = imaplib.IMAP4("127.0.0.1", dovecot.imap_port)
        self.imap.login(user, PASSWORD)

    def flags(self, folder: str = "INBOX") -> list[str]:
        """The flags of all mails, as the server keeps them."""
        self.imap.select(folder, readonly=True)
        kind, found = self.imap.fetch("1:*", "(FLAGS)")
        assert kind == "OK"
        return [line.decode().partition("FLAGS (")[2].partition(")")[0] for line in found if isinstance(line, bytes)]

    def make_anew(self, folder: str) -> None:
        """Take a folder's mails out, delete it, make it again and put them back: its UIDVALIDITY is another one."""
        self.imap.select(folder, readonly=True)
        mails = [part[1] for part in self.imap.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(part, tuple)]
        self.imap.unselect()
        assert self.imap.delete(folder)[0] == "OK"
        assert self.imap.create(folder)[0] == "OK"
        for mail in reversed(mails):  # in another order, so that each UID names another mail
            assert self.imap.append(folder, None, None, mail)[0] == "OK"
