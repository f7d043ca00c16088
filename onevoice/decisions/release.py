"""Which version of the rules is live, and which decides beside it as a shadow.

Takes a connection whose transaction the caller ends. The one rule: releases are only ever added, and of each role the
newest counts, so that every decision on every process goes by the same version from the same commit on.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from onevoice.decisions.ledger import take_turns
from onevoice.errors import RefusedError
from onevoice.messages import Json
from onevoice.store import upsert
from onevoice.store.tables import propensity_snapshot, rule_release
from onevoice.store.tables import ruleset as ruleset_table

LIVE, SHADOW = "live", "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What decisions go by now: versions of rules, and the number of the newest snapshot of propensities.

    Attributes:
        live: None before the first release.
        shadow: None where nothing decides beside the live rules.
    """

    live: str | None
    shadow: str | None
    snapshot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One step in the life of the rules."""

    number: int
    role: str
    version: str | None
    actor: str
    reason: str | None
    at: datetime


def standing(connection: Connection) -> Standing:
    """Return what decisions go by, in one query."""
    return standing_from(connection.execute(STANDING).one())


def standing_from(row: Any) -> Standing:
    """Return what the row says that `STANDING` gathered."""
    return Standing(live=row.live, shadow=row.shadow, snapshot=row.snapshot or 0)


def keep_version(connection: Connection, version: str, documents: Json, now: datetime) -> None:
    """Keep the documents of a version for ever; one that is kept stays as it is."""
    row = {"version": version, "documents": documents, "kept_at": now}
    upsert(connection, ruleset_table, [row], key=["version"])


def kept_version(connection: Connection, version: str) -> Json:
    """Return the documents of a version.

    Raises:
        RefusedError: none of this name is kept.
    """
    kept = select(ruleset_table.c.documents).where(ruleset_table.c.version == version)
    documents: Json | None = connection.execute(kept).scalar_one_or_none()
    if documents is None:
        raise RefusedError("rules: no such version is kept; see 'onevoice rules versions'")
    return documents


def release(
    connection: Connection, role: str, version: str | None, *, actor: str, reason: str | None, now: datetime
) -> None:
    """Let a kept version be live or shadow from now on; no version ends the shadow.

    Raises:
        RefusedError: it is so already.
    """
    take_turns(connection, "release")
    newest = _newest(connection, role)
    if (newest.version if newest is not None else None) == version:
        raise RefusedError(f"rules: that is the {role} version already" if version else "rules: no shadow decides")
    before = newest.number if newest is not None and role == LIVE else None
    _add(connection, role, version, before, actor=actor, reason=reason, now=now)


def roll_back(connection: Connection, *, actor: str, reason: str | None, now: datetime) -> str:
    """Let the version be live again that the live one replaced, and return it; once more goes one further back.

    Raises:
        RefusedError: there is none before.
    """
    take_turns(connection, "release")
    newest = _newest(connection, LIVE)
    if newest is None or newest.before is None:
        raise RefusedError("rules: nothing was live before this version")
    before = connection.execute(select(rule_release).where(rule_release.c.number == newest.before)).one()
    _add(connection, LIVE, before.version, before.before, actor=actor, reason=reason, now=now)
    version: str = before.version
    return version


def releases(connection: Connection) -> list[Release]:
    """Return all releases, the newest first."""
    rows = connection.execute(select(rule_release).order_by(rule_release.c.number.desc()))
    names = Release.__dataclass_fields__
    return [Release(**{name: getattr(row, name) for name in names}) for row in rows]


def _newest(connection: Connection, role: str) -> Row[Any] | None:
    newest = select(rule_release).where(rule_release.c.role == role).order_by(rule_release.c.number.desc()).limit(1)
    return connection.execute(newest).one_or_none()


def _add(
    connection: Connection,
    role: str,
    version: str | None,
    before: int | None,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
) -> None:
    number = (connection.execute(select(func.max(rule_release.c.number))).scalar_one() or 0) + 1
    row = {"number": number, "role": role, "version": version, "before": before}
    connection.execute(rule_release.insert().values(**row, actor=actor, reason=reason, at=now))


def _version(role: str) -> Any:
    newest = select(rule_release.c.version).where(rule_release.c.role == role)
    return newest.order_by(rule_release.c.number.desc()).limit(1).scalar_subquery()


STANDING: Select[Any] = select(
    _version(LIVE).label("live"),
    _version(SHADOW).label("shadow"),
    select(func.max(propensity_snapshot.c.number)).scalar_subquery().label("snapshot"),
)
"""What decisions go by now, to be gathered with other parts; see `standing_from`."""
