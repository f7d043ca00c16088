"""Takes the shop's webhooks: one account or order each, signed over time, topic and body."""

from collections.abc import Callable, Mapping

import orjson

from onevoice.sdk import Json, RecordError, RefusedError, Settings, SourceRecord
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.place import place
from onevoice.sdk.signature import check_signature


class ShopReceiver:
    """Checks and reads pushes of one shop.

    Args:
        record: makes a record of a stream of what was pushed.
    """

    def __init__(self, settings: Settings, manifest: Manifest, record: Callable[[str, Json], SourceRecord]) -> None:
        self._settings = settings
        self._manifest = manifest
        self._made = record

    def receive(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a push.

        Raises:
            RefusedError: not signed by the shop, or too long ago.
            RecordError: signed, and yet not a record of the shop.
        """
        sent = {name.lower(): value for name, value in headers.items()}
        where = f"{place(self._settings.system)}, webhook"
        secret = self._settings.secrets.get("webhook_secret")
        if not secret:
            raise RefusedError(f"{where}: not accepted; write the secret 'webhook_secret' to accept webhooks")
        topic = _topic(headers)
        if "." in topic:
            raise RefusedError(f"{where}: a topic with a dot in it, which the shop does not have")
        # The topic says which stream the body is of: left unsigned, a captured body could be played as another's.
        check_signature(
            topic.encode("utf-8", "replace") + b"." + body,
            secret=secret,
            timestamp=sent.get("x-shop-timestamp", ""),
            signature=sent.get("x-shop-signature", ""),
            now=self._settings.now(),
            where=where,
        )
        return self.parse(headers, body)

    def parse(self, headers: Mapping[str, str], body: bytes) -> list[SourceRecord]:
        """Return the record in a push that was proven when it came.

        Raises:
            RecordError: it is not a record of the shop.
        """
        where = f"{place(self._settings.system)}, webhook"
        stream = _topic(headers).partition("/")[0]
        if stream not in self._manifest.streams:
            raise RecordError(f"{where}: the topic names no known stream")
        return [self._record(stream, body, where)]

    def _record(self, stream: str, body: bytes, where: str) -> SourceRecord:
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise RecordError(f"{where}: the body is not JSON") from None
        record = self._made(stream, data) if isinstance(data, dict) else None
        if record is None or not record.key or not record.version:
            raise RecordError(f"{where}: no id or no updated_at", pointers=("/id", "/updated_at"))
        return record


def _topic(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "x-shop-topic"), "")
