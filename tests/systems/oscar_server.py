"""A real django-oscar shop of our own: SQLite, a free loopback port, ended with the tests.

The database is migrated once (about 20 s), kept beside the environment that made it, and copied for each server.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import requests

from onevoice.errors import OperatorError
from onevoice.testing.servers.account import free_port
from onevoice.testing.servers.private import PrivateServer
from onevoice.testing.servers.process import Launch, ServerProcess

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv-oscar"
SITE = Path(__file__).parent / "oscar_site"
HUB, HUB_PASSWORD = "onevoice", "the-hub-is-no-owner"
OWNER, OWNER_PASSWORD = "owner", "a-throw-away-owner"
MIGRATE_SECONDS = 180


class PrivateOscar(PrivateServer):
    """A shop with one product, its owner, and the hub's own user."""

    name = "oscar"
    start_seconds = 60.0

    def __init__(self) -> None:
        if not (VENV / ".stamp").exists():
            raise OperatorError(f"{VENV} is missing: run scripts/system-env oscar, which `make test-systems` does")
        super().__init__(None, keep=False)
        self.port = free_port()

    @property
    def url(self) -> str:
        """The address that /api is under."""
        return f"http://127.0.0.1:{self.port}"

    def _launch(self) -> ServerProcess:
        database = self.folder / "shop.sqlite"
        if not database.exists():
            shutil.copyfile(_migrated(), database)
        return ServerProcess(
            Launch(
                command=[str(VENV / "bin" / "django-admin"), "runserver", f"127.0.0.1:{self.port}", "--noreload"],
                env=_environment(database),
                folder=self.folder,
                log=self.log,
                account=None,
                remove=self.folder,
            ),
            leash=True,
        )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Shopkeeper:
    """The shop's own people and customers, who share no code with the connector."""

    def __init__(self, shop: PrivateOscar) -> None:
        self._api = f"{shop.url}/api"
        self._owner = self._session()
        self._owner.auth = (OWNER, OWNER_PASSWORD)

    def open_account(self, name: str, **fields: str) -> int:
        """Enter a customer; returns the id."""
        given = {"username": name, "email": f"{name}@customer.example", "is_active": True, **fields}
        return int(self._said(self._owner.post(f"{self._api}/admin/users/", json=given))["id"])

    def user(self, key: int | str) -> dict[str, Any]:
        return dict(self._said(self._owner.get(f"{self._api}/admin/users/{key}/")))

    def change(self, key: int | str, **fields: str) -> None:
        self._said(self._owner.patch(f"{self._api}/admin/users/{key}/", json=fields))

    def delete(self, key: int | str) -> None:
        self._owner.delete(f"{self._api}/admin/users/{key}/").raise_for_status()

    def order_as_guest(self, email: str, **address: str) -> str:
        """Buy two of the product without an account; returns the order's number."""
        session = self._session()
        product = {"url": f"{self._api}/products/1/", "quantity": 2}
        basket = self._said(session.post(f"{self._api}/basket/add-product/", json=product))
        place = {"first_name": "Bob", "last_name": "Guest", "line1": "1 High Street", "line4": "Leeds"}
        place |= {"postcode": "LS1 4AP", "phone_number": "+441132960000", "country": f"{self._api}/countries/GB/"}
        order = {"basket": basket["url"], "guest_email": email, "shipping_address": {**place, **address}}
        return str(self._said(session.post(f"{self._api}/checkout/", json=order))["number"])

    def close(self) -> None:
        self._owner.close()

    @staticmethod
    def _session() -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    @staticmethod
    def _said(answer: requests.Response) -> Any:
        assert answer.ok, answer.text
        return answer.json()


def _migrated() -> Path:
    """Return the database of a new, furnished shop; made when there is none for this installation yet."""
    made_of = (VENV / ".stamp").read_bytes() + b"".join(path.read_bytes() for path in sorted(SITE.glob("*.py")))
    kept = VENV / "databases" / f"{hashlib.sha256(made_of).hexdigest()[:16]}.sqlite"
    if kept.exists():
        return kept
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        database = Path(scratch) / "shop.sqlite"
        for command in (["migrate", "-v0"], ["shell", "-c", "import oscar_site.furnish"]):
            done = subprocess.run(
                [str(VENV / "bin" / "django-admin"), *command],
                env=_environment(database),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=MIGRATE_SECONDS,
                check=False,
            )
            if done.returncode != 0:
                raise OperatorError(f"django-admin {command[0]} failed:\n{done.stderr[-2000:]}")
        database.replace(kept)
    return kept


def _environment(database: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO"))}
    settings = {"DJANGO_SETTINGS_MODULE": "oscar_site.settings", "SHOP_DATABASE": str(database)}
    return {**kept, **settings, "PYTHONPATH": str(SITE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
