"""The whole company: four systems, seeded and running, for a demo or a test.

`Company(directory)` as a context manager seeds what is not there, starts CRM, shop and call centre as processes (the
ERP is a database and needs none) and stops them at the end. Secrets are made at first start and kept in files under
`secrets/`. One rule: whatever happens inside the `with`, nothing is left running.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from samples.seeding import TRUTH, erp_url_in, seed
from samples.server import Server
from samples.stores import Stores

CRM_USERNAME = "onevoice@crm.example"
SECRETS: Mapping[str, tuple[str, ...]] = {
    "crm": ("CRM_PASSWORD",),
    "shop": ("SHOP_API_TOKEN", "SHOP_WEBHOOK_SECRET"),
    "callcentre": ("CALLCENTRE_API_KEY", "CALLCENTRE_AMQP_PASSWORD"),
}
# what the hub gives out: made by nobody here
GIVEN = frozenset({"CALLCENTRE_API_KEY", "CALLCENTRE_AMQP_PASSWORD"})
ADMIN = "SAMPLES_ADMIN_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Where the hub is: its HTTP address, its door for the shop's webhooks, and its broker when it has one."""

    url: str
    webhook_url: str
    amqp_url: str | None = None  # amqp://user@host:port/vhost, without a password


class Company:
    """Four systems under one directory.

    Arguments: `people`, `seed_number` for a new population; `erp_url` for an ERP outside SQLite; `hub`, when it is
    known already (else `connect_hub` later); `publish_history` to publish the call centre's past once; `given` for
    secrets made elsewhere, above all CALLCENTRE_API_KEY and CALLCENTRE_AMQP_PASSWORD.
    """

    def __init__(
        self,
        directory: Path,
        *,
        people: int = 2000,
        seed_number: int = 1,
        erp_url: str | None = None,
        hub: Hub | None = None,
        publish_history: bool = False,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.people = people
        self.seed_number = seed_number
        self.erp_url = erp_url or erp_url_in(self.directory)
        self.stores = Stores(self.directory, self.erp_url)
        self._arguments = {
            "crm": ["--username", CRM_USERNAME],
            "shop": ["--webhook-url", hub.webhook_url] if hub else [],
            "callcentre": [
                *(["--hub-url", hub.url] if hub else []),
                *(["--amqp", hub.amqp_url] if hub and hub.amqp_url else []),
                *(["--publish-history"] if publish_history else []),
            ],
        }
        self._given = given or {}
        self.servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def urls(self) -> dict[str, str]:
        """Where each system is: crm (SOAP endpoint; `?wsdl` for the WSDL), erp (SQLAlchemy), shop, callcentre."""
        return {name: server.url for name, server in self.servers.items()} | {"erp": self.erp_url}

    def start(self) -> None:
        """Seed when that was not done, start all servers, wait until all are ready."""
        self._make_secrets()
        for name, arguments in self._arguments.items():
            names = (*SECRETS[name], ADMIN)
            environment = {f"{secret}_FILE": str(self._secret_file(secret)) for secret in names}
            self.servers[name] = Server(name, self.directory / name, arguments, environment)
        if not (self.directory / TRUTH).exists():
            seed(self.directory, self.people, self.seed_number, self.erp_url)
        for server in self.servers.values():
            server.launch()
        for server in self.servers.values():
            server.await_ready()

    def stop(self) -> None:
        """Stop all servers."""
        for server in self.servers.values():
            server.stop()
        self.stores.close()

    def secret(self, name: str) -> str:
        """One of the secrets, for example SHOP_API_TOKEN."""
        return self._secret_file(name).read_text(encoding="utf-8")

    def set_secret(self, name: str, value: str) -> None:
        """Replace a secret; the call centre reads its own anew at each use, the others at their next start."""
        path = self._secret_file(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")

    def connect_hub(self, hub: Hub) -> None:
        """Tell the call centre and the shop where the hub is."""
        broker = {"amqp": hub.amqp_url} if hub.amqp_url else {}
        self.admin("callcentre", "PUT", "hub", {"hub_url": hub.url, **broker})
        self.admin("shop", "PUT", "webhook", {"url": hub.webhook_url})

    def expire_sessions(self) -> None:
        """End all sessions of the CRM."""
        self.admin("crm", "POST", "expire-sessions", {})

    def force_faults(self, system: str, **wish: float) -> None:
        """Make the next `count` API calls of crm or shop fail (`status`, `retry_after`) or hang (`seconds`)."""
        self.admin(system, "POST", "faults", wish)

    def admin(self, system: str, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Use an admin control of a server; gives its JSON answer, if any."""
        parts = urlsplit(self.urls[system])
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{parts.scheme}://{parts.netloc}/admin/{path}",
                json=body,
                headers={"Authorization": f"Bearer {self.secret(ADMIN)}"},
                timeout=10,
            )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _secret_file(self, name: str) -> Path:
        return self.directory / "secrets" / name

    def _make_secrets(self) -> None:
        for name in (ADMIN, *(name for names in SECRETS.values() for name in names)):
            if name in self._given:
                self.set_secret(name, self._given[name])
            elif name not in GIVEN and not self._secret_file(name).exists():
                self.set_secret(name, secrets.token_urlsafe(24))
