"""Webhooks: the shop's news, signed, posted to the one URL that subscribed.

Headers: X-Shop-Topic, X-Shop-Delivery (same at every attempt), X-Shop-Timestamp (seconds since 1970, of this attempt)
and X-Shop-Signature: `sha256=` and the hex HMAC-SHA256 of timestamp, topic and raw body, with a dot between each; the
topic says what the body is, so it is signed too. One rule: only a 2xx answer counts as taken.
"""

from __future__ import annotations

import hashlib
import hmac
import time

import requests

from samples.serving.outbox import Message, NotTakenError

MAX_ATTEMPTS = 12
LONGEST_PAUSE = 30.0
TIMEOUT = 5.0


def signature(secret: str, timestamp: str, topic: str, body: bytes) -> str:
    """The value of X-Shop-Signature."""
    signed = f"{timestamp}.{topic}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class WebhookSender:
    """Posts messages to one URL."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._secret = secret
        self._session = requests.Session()
        self._session.trust_env = False  # the hub is a neighbour: no proxy in between

    def send(self, message: Message) -> None:
        """Post one webhook. Raises NotTakenError."""
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Shop-Topic": message.topic,
            "X-Shop-Delivery": message.delivery_id,
            "X-Shop-Timestamp": timestamp,
            "X-Shop-Signature": signature(self._secret, timestamp, message.topic, message.body),
        }
        try:
            answer = self._session.post(self.url, data=message.body, headers=headers, timeout=TIMEOUT)
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
