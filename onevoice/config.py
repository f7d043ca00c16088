"""Reads `onevoice.toml`: systems, store, bus, doors. Secrets are references and are resolved only where they are used.

The one rule: every mistake is found at start and named by its key, with what to write instead. No value of a secret
is ever shown.
"""

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from onevoice.errors import ConfigurationError

_NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
RESERVED = ("hub", "self")
IDS = ("national_id", "register_number", "vat_number")
"""Ids of canonical persons and organisations that `[identity]` may declare trusted, or one per customer."""

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

LEARN_SECONDS = 3600.0
"""How often outcomes are counted for decisions."""
HOUSEKEEPING_SECONDS = 86400.0
"""How often what is over is taken away."""
REJUDGE_SECONDS = 3600.0
"""How often Airflow looks whether the matching model changed."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: an environment variable or a file; `reveal` reads it when it is needed."""

    kind: str
    name: str
    setting: str

    def reveal(self) -> str:
        """Return the secret's value.

        Raises:
            ConfigurationError: the variable or file is not there or empty.
        """
        if self.kind == "env":
            value = os.environ.get(self.name, "")
        else:
            path = Path(self.name)
            value = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        if not value:
            where = f"environment variable {self.name}" if self.kind == "env" else f"file {self.name}"
            raise ConfigurationError(f"{self.setting}: the {where} is missing or empty; put the secret there")
        return value

    def keep(self, value: str) -> None:
        """Put another value in the secret's place, in one step, readable by the file's owner alone.

        Raises:
            ConfigurationError: it is an environment variable, or the file cannot be written.
        """
        if self.kind != "file":
            raise ConfigurationError(
                f"{self.setting}: the system changed this secret and an environment variable cannot keep it; write "
                '{file = "PATH"}'
            )
        path = Path(self.name)
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{value}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except OSError as error:
            raise ConfigurationError(
                f"{self.setting}: the system changed this secret and its file cannot be written ({error.strerror})"
            ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideConfig:
    """A stream of data that others supply: it enters under an opt-in that names the supplier, or the purpose."""

    supplier: str
    purpose: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemConfig:
    """One connected installation.

    Attributes:
        outside: stream -> who supplies it, for streams of outside data.
    """

    name: str
    connector: str
    title: str
    owner: str
    region: str
    poll_seconds: float
    reconcile_seconds: float
    clock_bound_seconds: float
    settings: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    api_key: Secret | None
    amqp_password: Secret | None
    max_backlog_seconds: float
    outside: Mapping[str, OutsideConfig]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfig:
    """One person, or Airflow, at the HTTP interface; `roles` let them lift what nobody else may."""

    api_key: Secret
    roles: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is over is kept.

    Attributes:
        message_seconds: the ledger of messages; so long a repeated envelope id is known.
        quarantine_seconds: what was in quarantine, once it is settled.
        decision_seconds: decisions with the whole of their trace.
    """

    message_seconds: float
    quarantine_seconds: float
    decision_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole of `onevoice.toml`.

    Attributes:
        trusted_ids: ids that link two records by themselves; some of `IDS`.
        one_per_customer: ids of which a customer has one only.
        max_regroup: a changed model that would regroup more customers than this waits for a person.
    """

    path: Path
    root: Path
    name: str
    scheduler: str
    store_url: Secret | str
    bus_url: Secret | str
    management_url: Secret | str | None
    api_host: str
    api_port: int
    api_share_port: bool
    public_url: str
    secret: Secret | None
    retry_seconds: float
    operators: Mapping[str, OperatorConfig]
    trusted_ids: tuple[str, ...]
    one_per_customer: tuple[str, ...]
    max_regroup: int
    retention: Retention
    systems: Mapping[str, SystemConfig]

    @property
    def embedded(self) -> bool:
        """One process on one SQLite file, with the queue as a table in it."""
        return self.bus_url == "embedded:"


def reveal(value: Secret | str) -> str:
    """Return a setting that may be written plainly or as a reference."""
    return value.reveal() if isinstance(value, Secret) else value


def load_config(path: Path) -> Config:
    """Read and check `onevoice.toml`.

    Raises:
        ConfigurationError: a key is wrong, missing or unknown; the text names it and says what to write.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; make one with 'onevoice init'")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML ({error})") from error
    reader = _Table(document, "", path.parent)
    hub, store, bus, api, identity = (reader.table(name) for name in ("hub", "store", "bus", "api", "identity"))
    kept = reader.table("retention")
    config = Config(
        path=path,
        root=(path.parent / hub.text("root", ".")).resolve(),
        name=hub.text("name", "onevoice"),
        scheduler=hub.choice("scheduler", ("builtin", "airflow"), "builtin"),
        store_url=_located(store.secret_or_text("url", "sqlite:///var/onevoice.db"), path.parent),
        bus_url=bus.secret_or_text("url", "embedded:"),
        management_url=bus.secret_or_text("management_url", "") or None,
        api_host=api.text("host", "127.0.0.1"),
        api_port=api.port("port", 8080),
        api_share_port=api.truth("share_port"),
        public_url=api.url("public_url"),
        secret=hub.secret("secret"),
        retry_seconds=hub.duration("retry_after", "5s"),
        operators=_operators(reader.table("operators")),
        trusted_ids=identity.choices("trusted", IDS),
        one_per_customer=identity.choices("one_per_customer", IDS),
        max_regroup=identity.count("max_regroup", 100),
        retention=Retention(
            message_seconds=kept.duration("messages", "30d"),
            quarantine_seconds=kept.duration("quarantine", "90d"),
            decision_seconds=kept.duration("decisions", "400d"),
        ),
        systems={name: _system(name, table) for name, table in reader.table("systems").tables()},
    )
    for table in (hub, store, bus, api, identity, kept, reader):
        table.refuse_rest()
    if not config.systems:
        raise ConfigurationError("systems: none configured; write a [systems.<name>] table with its connector")
    if config.embedded and isinstance(config.store_url, str) and not config.store_url.startswith("sqlite"):
        raise ConfigurationError("bus.url: 'embedded:' keeps its queue in SQLite; set store.url to sqlite:///…")
    if config.public_url and config.secret is None:
        raise ConfigurationError("hub.secret: missing; api.public_url asks for it, to sign links with")
    return config


def _system(name: str, table: "_Table") -> SystemConfig:
    if not _NAME.match(name):
        raise ConfigurationError(f"systems.{name}: names are lower case letters, digits and _, at most 31")
    if name in RESERVED:
        raise ConfigurationError(f"systems.{name}: the hub itself speaks under this name; choose another")
    system = SystemConfig(
        name=name,
        connector=table.text("connector"),
        title=table.text("title", name),
        owner=table.text("owner", "integration"),
        region=table.text("region", "GB"),
        poll_seconds=table.duration("poll_every", "60s"),
        reconcile_seconds=table.duration("reconcile_every", "1d"),
        clock_bound_seconds=table.duration("clock_bound", "5m"),
        settings=table.table("settings").rest(),
        secrets=table.table("secrets").secrets(),
        api_key=table.secret("api_key"),
        amqp_password=table.secret("amqp_password"),
        max_backlog_seconds=table.duration("max_backlog_age", "15m"),
        outside=_outside(table.table("streams")),
    )
    table.refuse_rest()
    return system


def _outside(table: "_Table") -> dict[str, OutsideConfig]:
    found = {}
    for name, stream in table.tables():
        outside, supplier, purpose = stream.truth("outside"), stream.text("supplier", ""), stream.text("purpose", "")
        if outside and not supplier:
            raise ConfigurationError(f"{stream.at}.supplier: missing; name who supplies what comes from outside")
        if outside:
            found[name] = OutsideConfig(supplier=supplier, purpose=purpose or None)
        stream.refuse_rest()
    return found


def _operators(table: "_Table") -> dict[str, OperatorConfig]:
    operators = {}
    for name, operator in table.tables():
        key, roles = operator.required_secret("api_key"), operator.texts("roles")
        operators[name] = OperatorConfig(api_key=key, roles=frozenset(roles))
        operator.refuse_rest()
    return operators


def _located(url: Secret | str, base: Path) -> Secret | str:
    """A relative SQLite path counts from the file that names it, not from where the command was typed."""
    prefix = "sqlite:///"
    if isinstance(url, str) and url.startswith(prefix) and not url.startswith(prefix + "/"):
        return f"{prefix}{(base / url.removeprefix(prefix)).resolve()}"
    return url


class _Table:
    """One TOML table that knows its place and hands out each key once."""

    def __init__(self, values: Mapping[str, Any], at: str, base: Path) -> None:
        self._values = dict(values)
        self._at = at
        self._base = base

    def _name(self, key: str) -> str:
        return f"{self._at}.{key}" if self._at else key

    def _wrong(self, key: str, expected: str) -> ConfigurationError:
        return ConfigurationError(f"{self._name(key)}: {expected}")

    def _missing(self, key: str, expected: str) -> ConfigurationError:
        """A missing key, with the one that may be a misspelling of it."""
        near = get_close_matches(key, self._values, 1)
        return self._wrong(key, f"missing; {expected}" + (f" (is {self._name(near[0])} misspelt?)" if near else ""))

    def text(self, key: str, default: str | None = None) -> str:
        value = self._values.pop(key, default)
        if value is None:
            raise self._missing(key, "write a text")
        if not isinstance(value, str) or (default is None and not value):
            raise self._wrong(key, "write a text in quotes")
        return value

    @property
    def at(self) -> str:
        """Where the table stands."""
        return self._at

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._values.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(key, 'write a list of texts, such as ["legal"]')
        return tuple(value)

    def port(self, key: str, default: int) -> int:
        value = self._values.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 65536:
            raise self._wrong(key, "write a whole number from 1 to 65535")
        return value

    def count(self, key: str, default: int) -> int:
        value = self._values.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(key, "write a whole number, 0 or more")
        return value

    def truth(self, key: str) -> bool:
        value = self._values.pop(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "write true or false")
        return value

    def url(self, key: str) -> str:
        value = self.text(key, "").rstrip("/")
        if value and not value.startswith(("https://", "http://")):
            raise self._wrong(key, "write the address that customers reach it at, such as https://me.example.com")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self._values.pop(key, default)
        if value not in allowed:
            raise self._wrong(key, "write one of " + ", ".join(allowed))
        return str(value)

    def choices(self, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        value = self.texts(key)
        if not set(value) <= set(allowed):
            raise self._wrong(key, "write some of " + ", ".join(allowed))
        return value

    def duration(self, key: str, default: str) -> float:
        value = self._values.pop(key, default)
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            raise self._wrong(key, 'write a duration such as "5s", "2m" or "1d"')
        return float(match[1]) * _UNITS[match[2]]

    def secret(self, key: str) -> Secret | None:
        return self.required_secret(key) if key in self._values else None

    def required_secret(self, key: str) -> Secret:
        value = self._values.pop(key, None)
        if isinstance(value, dict) and len(value) == 1:
            kind, name = next(iter(value.items()))
            if kind in ("env", "file") and isinstance(name, str) and name:
                located = str((self._base / name).resolve()) if kind == "file" else name
                return Secret(kind, located, self._name(key))
        expected = 'a secret is a reference; write {env = "NAME"} or {file = "PATH"}'
        raise self._missing(key, expected) if value is None else self._wrong(key, expected)

    def secret_or_text(self, key: str, default: str) -> Secret | str:
        return self.required_secret(key) if isinstance(self._values.get(key), dict) else self.text(key, default)

    def secrets(self) -> dict[str, Secret]:
        return {key: self.required_secret(key) for key in list(self._values)}

    def table(self, key: str) -> "_Table":
        value = self._values.pop(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, f"write a table [{self._name(key)}]")
        return _Table(value, self._name(key), self._base)

    def tables(self) -> list[tuple[str, "_Table"]]:
        return [(key, self.table(key)) for key in list(self._values)]

    def rest(self) -> dict[str, Any]:
        values, self._values = self._values, {}
        return values

    def refuse_rest(self) -> None:
        for key in self._values:
            raise self._wrong(key, "unknown; take it out or correct the spelling")
