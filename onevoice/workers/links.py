"""Links that customers follow without a login, and receipts that anybody can check: both signed.

A link names rows by their ids, never a person or a contact point. The one rule: its signature (HMAC-SHA256 under a key
of its own, cut to 128 bits as RFC 2104 allows) is compared in constant time before anything is looked up.
"""

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from onevoice.config import Config
from onevoice.errors import ConfigurationError, RefusedError
from onevoice.messages import Json

PAGE, UNSUBSCRIBE, CONFIRM = "self", "unsubscribe", "confirm"
_KINDS = {PAGE: 1, UNSUBSCRIBE: 2, CONFIRM: 3}
PAGE_VALID = timedelta(days=30)
_HEAD = struct.Struct(">B16sI")
_MAC_BYTES = 16
_LEAST_SECRET = 32


@dataclass(frozen=True, slots=True)
class Signing:
    """The keys that follow from the hub's secret.

    Attributes:
        base: what every link begins with; empty where customers cannot reach the hub.
        point_key: what erased contact points are hidden under.
    """

    base: str
    _link_key: bytes
    _receipt_key: Ed25519PrivateKey
    point_key: bytes

    @classmethod
    def load(cls, config: Config) -> Self | None:
        """Return the keys; None for a hub without a secret.

        Raises:
            ConfigurationError: the secret cannot be read or is too short.
        """
        if config.secret is None:
            return None
        secret = config.secret.reveal()
        if len(secret) < _LEAST_SECRET:
            raise ConfigurationError(
                f"hub.secret: use {_LEAST_SECRET} characters or more, such as 'openssl rand -hex 32'"
            )
        receipts = Ed25519PrivateKey.from_private_bytes(_derived(secret, "receipts"))
        return cls(config.public_url, _derived(secret, "links"), receipts, _derived(secret, "erased points"))

    def url(self, kind: str, number: UUID, *, until: datetime | None = None) -> str:
        """Return the link of a kind to a row; without `until` it holds for ever."""
        head = _HEAD.pack(_KINDS[kind], number.bytes, int(until.timestamp()) if until else 0)
        token = base64.urlsafe_b64encode(head + self._mac(head)).rstrip(b"=").decode()
        return f"{self.base}/v1/{kind}/{token}"

    def read(self, kind: str, token: str, *, now: datetime) -> UUID:
        """Return the id of the row that a link names.

        Raises:
            RefusedError: it was not made here, was made for something else, or has expired.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
        if len(head) != _HEAD.size or not hmac.compare_digest(mac, self._mac(head)):
            raise RefusedError("link: it is not whole; take it from the message once more")
        number, value, until = _HEAD.unpack(head)
        if number != _KINDS[kind]:
            raise RefusedError("link: it is for something else")
        if until and now >= datetime.fromtimestamp(until, UTC):
            raise RefusedError("link: it has expired; ask for a new one")
        return UUID(bytes=value)

    def sign(self, document: Json) -> str:
        """Return a document as a JSON Web Signature in compact form (RFC 7515; EdDSA, RFC 8037)."""
        head = _part(orjson.dumps({"alg": "EdDSA", "typ": "JWT"}))
        signed = head + b"." + _part(orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z))
        return (signed + b"." + _part(self._receipt_key.sign(signed))).decode()

    def public_key(self) -> Json:
        """Return the key that receipts are checked with, as a JSON Web Key (RFC 8037)."""
        raw = self._receipt_key.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "x": _part(raw).decode()}

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._link_key, head, "sha256")[:_MAC_BYTES]


def _derived(secret: str, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose alone, by HMAC, as in the second step of RFC 5869."""
    return hmac.digest(hashlib.sha256(secret.encode()).digest(), f"onevoice {purpose}\x01".encode(), "sha256")


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
