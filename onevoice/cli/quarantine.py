"""`onevoice quarantine`: what could not be taken in, why, and again. No record's contents are shown."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import select

from onevoice.cli.screen import age, done, note, print_json, table
from onevoice.cli.setting import Actor, ConfigPath, Json, actor_of, hub_of
from onevoice.errors import RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Row

    from onevoice.workers.replay import Preview

app = typer.Typer(name="quarantine", help="What could not be taken in, why, and again.", no_args_is_help=True)

SHOWN = 100
What = Annotated[str, typer.Argument(metavar="WHAT", help="A fingerprint from 'list', or the id of one message.")]


@app.command("list")
def list_(as_json: Json = False, config: ConfigPath = None) -> None:
    """List what waits, equal failures as one line, the most frequent first.

    Example: onevoice quarantine list
    """
    from onevoice.workers.quarantine import failures

    with hub_of(config) as hub, hub.store.transaction() as connection:
        found = failures(connection)
    if as_json:
        print_json(found)
    elif not found:
        note("Nothing waits in quarantine.")
    else:
        rows = [(f.fingerprint, f.count, age(f.oldest), f"{f.system}.{f.stream}", f.step, f.reason) for f in found]
        table(["fingerprint", "count#", "oldest", "stream", "failed at", "reason"], rows)


@app.command("show")
def show(what: What, as_json: Json = False, config: ConfigPath = None) -> None:
    """Show the messages behind a fingerprint, or all that is known of one, its contents excepted.

    Example: onevoice quarantine show 5f1c0d9a7b3e2a44
    """
    rows = _waiting(what, config)
    if as_json:
        print_json([_described(row) for row in rows])
    elif len(rows) == 1:
        table(["", ""], list(_described(rows[0]).items()))
    else:
        table(["id", "record", "attempts#", "since"], [(r.id, _record(r), r.attempts, age(r.created_at)) for r in rows])
        if len(rows) == SHOWN:
            note(f"and perhaps more: the oldest {SHOWN} are shown")


@app.command("reprocess")
def reprocess(
    what: Annotated[
        str | None, typer.Argument(metavar="[WHAT]", help="A fingerprint, or the id of one message.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that waits.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would become of each; send nothing.")] = False,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Send so many a second at most.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record; no personal data.")] = None,
    actor: Actor = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Send messages through the walk again, once mapping, schema or configuration is mended, the oldest first.

    Each goes under the id that it had: sent twice, it is taken in once.

    Example: onevoice quarantine reprocess 5f1c0d9a7b3e2a44 --dry-run
    """
    from onevoice.workers.quarantine import preview
    from onevoice.workers.quarantine import reprocess as send_again

    if everything == (what is not None):
        raise RefusedError("quarantine reprocess: name a fingerprint or an id, or say --all")
    one = _uuid(what) if what else None
    fingerprint = what if one is None else None
    if dry_run:
        with hub_of(config) as hub:
            _show(preview(hub, fingerprint=fingerprint, one=one), as_json)
        return
    with hub_of(config) as hub:
        sent = send_again(hub, fingerprint=fingerprint, one=one, actor=actor_of(actor), reason=reason, per_second=rate)
    if as_json:
        print_json(sent)
        return
    done(f"{sent.count:,} message(s) on their way again; what fails again comes back here")
    if sent.skipped:
        note(f"{sent.skipped:,} cannot be sent again as they are and go on waiting:")
        for why in sent.reasons:
            note(f"  {why}")


def _show(found: "list[Preview]", as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [(one.id, f"rec:{one.system}:{one.stream}:{one.key}", one.outcome, one.reason or "-") for one in found]
    table(["id", "record", "outcome", "reason"], rows[:SHOWN])
    for outcome, count in Counter(one.outcome for one in found).most_common():
        note(f"{count:,} {outcome}")


def _waiting(what: str, config: Any) -> "list[Row[Any]]":
    from onevoice.store.tables import quarantine

    one = _uuid(what)
    condition = quarantine.c.id == one if one else quarantine.c.fingerprint == what
    statement = select(quarantine).where(condition).order_by(quarantine.c.created_at).limit(SHOWN)
    if one is None:
        statement = statement.where(quarantine.c.resolved_at.is_(None))
    with hub_of(config) as hub, hub.store.transaction() as connection:
        rows = list(connection.execute(statement))
    if not rows:
        raise RefusedError("quarantine: nothing is there under that id or fingerprint; see 'onevoice quarantine list'")
    return rows


def _described(row: "Row[Any]") -> dict[str, Any]:
    return {
        "id": row.id,
        "record": _record(row),
        "message": row.message_id,
        "bytes": len(row.body),
        "failed at": row.step,
        "reason": row.reason,
        "pointers": ", ".join(row.pointers) or "-",
        "mapping version": row.mapping_version,
        "fingerprint": row.fingerprint,
        "attempts": row.attempts,
        "since": row.created_at.isoformat(),
        "resolved": f"{row.resolved_at.isoformat()}, {row.resolution}" if row.resolved_at else None,
    }


def _record(row: "Row[Any]") -> str:
    return f"rec:{row.system}:{row.stream}:{row.key}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
