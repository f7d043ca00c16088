"""The API as its callers see it: with keys of systems and of one operator, and ingest driven by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from onevoice.bus import QUARANTINE_QUEUE, RECORDS_QUEUE, URGENT_QUEUE
from onevoice.store import Lease
from onevoice.workers.hub import Hub
from onevoice.workers.quarantine import keep_dead_letters

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "CRM_PASSWORD": "crm-password",
    "SHOP_TOKEN": "shop-token",
    "SHOP_WEBHOOK": "shop-webhook-secret",
    "SHOP_KEY": "key-of-the-shop",
    "CALL_KEY": "key-of-the-call-centre",
    "CRM_KEY": "key-of-the-crm",
    "ERP_KEY": "key-of-the-erp",
    "ANNA_KEY": "key-of-anna",
    "BEN_KEY": "key-of-ben",
    "HUB_SECRET": "a secret of the hub that nobody else knows",
}
CONFIG = """
[hub]
root = "{root}"
secret = {{env = "HUB_SECRET"}}

[api]
public_url = "https://me.example.com"

[store]
url = "sqlite:///onevoice.db"

[operators.anna]
api_key = {{env = "ANNA_KEY"}}

[operators.ben]
api_key = {{env = "BEN_KEY"}}
roles = ["legal"]

[systems.crm]
connector = "sample_crm"
api_key = {{env = "CRM_KEY"}}
settings = {{endpoint = "http://127.0.0.1:9/soap", username = "hub"}}
secrets = {{password = {{env = "CRM_PASSWORD"}}}}

[systems.erp]
connector = "sample_erp"
api_key = {{env = "ERP_KEY"}}
settings = {{database = "sqlite:///{folder}/erp.sqlite"}}

[systems.shop]
connector = "sample_shop"
api_key = {{env = "SHOP_KEY"}}
settings = {{url = "http://127.0.0.1:9"}}
secrets = {{token = {{env = "SHOP_TOKEN"}}, webhook_secret = {{env = "SHOP_WEBHOOK"}}}}

[systems.callcentre]
connector = "sample_callcentre"
api_key = {{env = "CALL_KEY"}}
settings = {{folder = "{folder}/callcentre"}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The hub's API as its callers see it."""

    hub: Hub
    client: TestClient

    def get(self, path: str, *, key: str = "ANNA_KEY", **more: Any) -> Response:
        return self.client.get(path, headers=bearer(key) | more.pop("headers", {}), **more)

    def post(self, path: str, body: Any, *, key: str = "ANNA_KEY", **more: Any) -> Response:
        return self.client.post(path, json=body, headers=bearer(key) | more.pop("headers", {}), **more)

    def push(self, system: str, stream: str, *records: dict[str, Any]) -> None:
        """Push records with the system's key and take them in."""
        keys = {"crm": "CRM_KEY", "erp": "ERP_KEY", "shop": "SHOP_KEY", "callcentre": "CALL_KEY"}
        answer = self.post(f"/v1/records/{system}/{stream}", list(records), key=keys[system])
        assert answer.status_code == 202, answer.text
        self.take_in()

    def take_in(self) -> dict[str, int]:
        """Take in all that waits, as the ingest loop does; returns how many messages ended in each state."""
        lease = Lease.take(self.hub.store, "ingest", "test")
        assert lease is not None
        counts: dict[str, int] = {}
        for queue in (URGENT_QUEUE, RECORDS_QUEUE):
            consumer = self.hub.bus.consume(queue, prefetch=1000)
            while deliveries := consumer.take(500, 0.0):
                result = self.hub.ingest.take(deliveries, lease=lease, urgent=queue == URGENT_QUEUE)
                consumer.ack(deliveries)
                for state, count in result.counts.items():
                    counts[state] = counts.get(state, 0) + count
            consumer.close()
        dead = self.hub.bus.consume(QUARANTINE_QUEUE, prefetch=1000)
        if deliveries := dead.take(500, 0.0):
            keep_dead_letters(self.hub.store, deliveries)
            dead.ack(deliveries)
        dead.close()
        return counts

    def customer(self, ref: str) -> dict[str, Any]:
        answer = self.get(f"/v1/customers/{ref}")
        assert answer.status_code == 200, answer.text
        return answer.json()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[key]}"}
