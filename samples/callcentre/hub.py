"""The hub, as the call centre sees it over HTTP: asked for context, given events.

`screen_pop(...)` asks; `HttpSender` gives. One rule: a hub that is slow or down never keeps a call from being answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

from samples.callcentre.envelope import CONTENT_TYPE
from samples.serving.outbox import Message, NotTakenError

PATIENCE = 2.0
TIMEOUT = 10.0
ApiKey = Callable[[], str | None]


def new_session() -> requests.Session:
    """A session that ignores proxies: the hub is a neighbour."""
    session = requests.Session()
    session.trust_env = False
    return session


def screen_pop(session: requests.Session, hub_url: str, api_key: ApiKey, reference: str, department: str) -> Any:
    """What the hub knows of a caller, `phone:+…` or an id; None when it does not answer in time or does not know."""
    url = f"{hub_url.rstrip('/')}/v1/customers/{quote(reference, safe='')}/context"
    try:
        answer = session.get(
            url, params={"channel": "phone", "department": department}, headers=_bearer(api_key), timeout=PATIENCE
        )
        return answer.json() if answer.ok else None
    except (requests.RequestException, ValueError):
        return None


class HttpSender:
    """Posts events to the hub."""

    def __init__(self, hub_url: str, api_key: ApiKey) -> None:
        self.target = hub_url
        self._api_key = api_key
        self._session = new_session()

    def send(self, message: Message) -> None:
        """Post one event. Raises NotTakenError."""
        headers = {"Content-Type": CONTENT_TYPE, **_bearer(self._api_key)}
        try:
            answer = self._session.post(
                f"{self.target.rstrip('/')}/v1/events", data=message.body, headers=headers, timeout=TIMEOUT
            )
        except requests.RequestException as error:
            raise NotTakenError(type(error).__name__) from None
        if not answer.ok:
            wait = answer.headers.get("Retry-After", "")
            raise NotTakenError(f"HTTP {answer.status_code}", float(wait) if wait.isdecimal() else None)

    def idle(self) -> None:
        """Nothing to keep alive."""

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _bearer(api_key: ApiKey) -> dict[str, str]:
    key = api_key()
    return {"Authorization": f"Bearer {key}"} if key else {}
