"""`onevoice status`: how the hub and its systems are."""

from typing import TYPE_CHECKING

import typer
from rich.text import Text

from onevoice.cli.screen import BAD, GOOD, WARN, age, note, out, plain, print_json, table
from onevoice.cli.setting import ConfigPath, Json, loaded

if TYPE_CHECKING:
    from onevoice.workers.status import HubStatus, MatchingStatus, SystemStatus, WorkerStatus

COLOURS = {"reachable": GOOD, "failing": WARN, "parked": BAD, "unknown": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(as_json: Json = False, config: ConfigPath = None) -> None:
    """Show every system (reachable, failing or parked), what waits, what is owed to whom, and who works.

    Exits with 1 when no living worker takes records in and delivers.

    Example: onevoice status
    """
    from onevoice.workers.run import require_current_schema
    from onevoice.workers.status import read_status

    settings = loaded(config)
    require_current_schema(settings)
    found = read_status(settings)
    if as_json:
        print_json({**plain(found), "working": found.working})
    else:
        _show(found)
    if not found.working:
        raise typer.Exit(1)


def _show(found: "HubStatus") -> None:
    out.print(
        f"{found.name} ({found.stack}): {found.records:,} records, {found.customers:,} customers, "
        f"{found.quarantined:,} in quarantine\n"
    )
    if found.bus != "ok":
        out.print(Text.assemble(("bus: ", BAD), found.bus, "\n"), soft_wrap=True)
    if found.matching.outdated:
        out.print(Text(_matching(found.matching) + "\n", style=WARN), soft_wrap=True)
    columns = ["system", "state", "last contact", "last read", "backlog#", "quarantine#", "owed"]
    table(columns, [_row(system, found) for system in found.systems])
    for system in found.systems:
        if system.reason:
            out.print(Text.assemble((f"{system.name}: ", COLOURS[system.state]), system.reason), soft_wrap=True)
        if system.drift:
            said = f"{system.name}: records differ from their schemas in {system.drift:,} way(s): onevoice drift list"
            out.print(Text(said, style=WARN), soft_wrap=True)
        if system.state == "parked":
            note(f"  once that is mended: onevoice system resume {system.name}")
    waiting = {name: count for name, count in found.queues.items() if count}
    if waiting:
        out.print()
        table(["queue", "waiting#"], waiting.items())
    out.print()
    if found.workers:
        table(["worker", "roles", "heartbeat", ""], [_worker(worker, found) for worker in found.workers])
    else:
        note("No worker: start one with 'onevoice run'.")


def _matching(matching: "MatchingStatus") -> str:
    at = matching.rejudging
    if at is None or at.model != matching.model or at.step == "done":
        return f"matching: some records were judged by another model than {matching.model}: onevoice identity rejudge"
    if at.step == "wait":
        return (
            f"matching: model {at.model} would regroup {at.regroups:,} of {at.customers:,} customers and waits for a "
            "person: onevoice identity rejudge --approve"
        )
    return (
        f"matching: model {at.model} is on its way to all records (step {at.step}); "
        "if nothing is at it, let it go on: onevoice identity rejudge"
    )


def _row(system: "SystemStatus", found: "HubStatus") -> list[object]:
    owed = ", ".join(f"{o.lane} {o.count:,} {o.state} ({age(o.oldest, found.at)})" for o in system.owed)
    return [
        system.name,
        Text(system.state, style=COLOURS[system.state]),
        age(system.last_contact_at, found.at),
        _last_read(system, found),
        system.backlog,
        system.quarantined,
        owed or "-",
    ]


def _last_read(system: "SystemStatus", found: "HubStatus") -> str:
    reads = [stream.read_at for stream in system.streams if stream.polled]
    complete = [moment for moment in reads if moment is not None]
    if not reads:
        return "pushes"
    return age(min(complete), found.at) if len(complete) == len(reads) else "not yet"


def _worker(worker: "WorkerStatus", found: "HubStatus") -> list[object]:
    said = Text("alive", style=GOOD) if worker.alive else Text("silent", style=BAD)
    return [worker.name, ", ".join(worker.roles), age(worker.heartbeat_at, found.at), said]
