"""Records what a connector and its system say to each other, through a line that writes everything down.

Takes a manifest and a system's settings; gives recordings without personal values. Only reads: the beginning of each
stream, and the look-up of its first record.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from itertools import islice

from onevoice.errors import ConfigurationError
from onevoice.messages import SourceRecord
from onevoice.sdk import Connector, Reader, Settings
from onevoice.sdk.exchange import Exchange as Throughput
from onevoice.sdk.manifest import Manifest
from onevoice.sdk.throttle import Throttle
from onevoice.testing.exchanges.fixture import ADDRESS, PAGES, Exchange, Fixture, addresses, small
from onevoice.testing.exchanges.play import serving
from onevoice.testing.exchanges.scrub import Scrubber, proven, texts_at
from onevoice.testing.exchanges.statements import record_statements

_KEPT = ("content-type", "etag", "link", "retry-after", "last-modified")
_NOT_FORWARDED = ("host", "connection", "accept-encoding", "content-length")


@dataclass(slots=True)
class Line:
    """What went over a line.

    Attributes:
        proofs: the headers by which requests proved who they are.
    """

    system: str
    address: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    proofs: set[str] = field(default_factory=set)


def record(
    manifest: Manifest,
    settings: Settings,
    personal: Mapping[str, Collection[str]],
    make: Callable[[Manifest, Settings], Connector],
) -> list[Fixture]:
    """Return a recording of a read and of a look-up for each stream that is asked for.

    Args:
        personal: stream -> the paths of its records that are personal, `[]` for each entry of a list.
        make: builds the connector.

    Raises:
        ConfigurationError: no setting is an http address or a SQLite database, or more than one system is meant.
        OperatorError, TransientError: the system does not let us in, or does not answer.
    """
    if manifest.kind == "sql":
        return record_statements(manifest, settings, personal, make)
    found = set(addresses(settings.values).values())
    if len(found) != 1:
        raise ConfigurationError(f"connector {manifest.id}: no one http address among its settings; nothing to record")
    made: list[Fixture] = []
    [system] = found
    for spec in manifest.streams.values():
        if spec.mode != "poll":
            continue
        keys: tuple[str, ...] = ()
        for _ in ("read", "readback"):
            fixture, records = _one(manifest, settings, personal[spec.name], make, system, spec.name, keys)
            made.append(fixture)
            keys = tuple(one.key for one in records if one.key and not one.deleted)[:1]
            if not keys:
                break
    return made


def _one(
    manifest: Manifest,
    settings: Settings,
    paths: Collection[str],
    make: Callable[[Manifest, Settings], Connector],
    system: str,
    stream: str,
    keys: tuple[str, ...],
) -> tuple[Fixture, list[SourceRecord]]:
    with _tapped(system) as line:
        values = _moved(settings.values, system, line.address)
        connector = make(small(manifest), replace(settings, values=values))
        try:
            if not isinstance(connector, Reader):
                raise ConfigurationError(f"connector {manifest.id}: cannot be asked; nothing to record")
            kept = _moved(settings.values, system, ADDRESS)
            fixture = Fixture(stream=stream, values=kept, exchanges=(), gives=(), keys=keys)
            records = fixture.run(connector)
        finally:
            connector.close()
    seen = [*records, *_ahead(manifest, settings, make, stream)]
    words = {word for one in seen for path in paths for word in texts_at(one.data, path)}
    names = {path.rpartition(".")[2].removesuffix("[]") for path in paths}
    secrets = {value: name for name, value in settings.secrets.items()} | proven(line.exchanges, line.proofs)
    scrubber = Scrubber(words, secrets, names, _configured(manifest, settings))
    clean = [scrubber.exchange(one) for one in line.exchanges]
    gives = tuple((one.key, one.version, one.deleted) for one in records)
    return replace(fixture, exchanges=clean, gives=gives), records


def _configured(manifest: Manifest, settings: Settings) -> set[str]:
    defaults = [rule.get("default") for rule in manifest.settings["properties"].values()]
    return {value for value in (*settings.values.values(), *defaults) if isinstance(value, str)}


def _ahead(
    manifest: Manifest, settings: Settings, make: Callable[[Manifest, Settings], Connector], stream: str
) -> list[SourceRecord]:
    """Return the records of a few pages more than are recorded: a reader may ask for more than it gives."""
    connector = make(small(manifest), settings)
    try:
        if not isinstance(connector, Reader):
            return []
        return [one for page in islice(connector.read(stream, None), PAGES + 2) for one in page.records]
    finally:
        connector.close()


@contextmanager
def _tapped(system: str) -> Iterator[Line]:
    """Give a line whose address stands for the system's; it hands everything on and writes it down."""
    line = Line(system)
    lock = threading.Lock()
    exchange = Throughput(throttle=Throttle(None), now=lambda: datetime.now(UTC))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or "0"))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
            sent = body.replace(line.address.encode(), system.encode())
            answer = exchange.send(self.command, f"{system}{self.path}", where="recording", headers=headers, body=sent)
            kept = {name: value for name, value in answer.headers.items() if name.lower() in _KEPT}
            text = answer.body.decode("utf-8", "replace")
            with lock:
                line.proofs |= {value for name, value in headers.items() if name.lower() not in _KEPT}
                line.exchanges.append(
                    Exchange(
                        method=self.command,
                        target=self.path,
                        body=sent.decode("utf-8", "replace").replace(system, ADDRESS),
                        status=answer.status,
                        headers={name: value.replace(system, ADDRESS) for name, value in kept.items()},
                        answer=text.replace(system, ADDRESS),
                    )
                )
            content = text.replace(system, line.address).encode()
            self.send_response(answer.status)
            for name, value in kept.items():
                self.send_header(name, value.replace(system, line.address))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    try:
        with serving(Handler) as address:
            line.address = address
            yield line
    finally:
        exchange.close()


def _moved(values: Mapping[str, object], system: str, address: str) -> dict[str, object]:
    return {name: value.replace(system, address) if isinstance(value, str) else value for name, value in values.items()}
