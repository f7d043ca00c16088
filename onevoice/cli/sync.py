"""`onevoice sync` and `onevoice reconcile`: read a system now, as the scheduler would."""

from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import done, note, progress
from onevoice.cli.setting import ConfigPath, hub_of
from onevoice.errors import ConfigurationError

if TYPE_CHECKING:
    from onevoice.workers.hub import Hub
    from onevoice.workers.sync import SyncReport

System = Annotated[str, typer.Argument(help="The system, as onevoice.toml names it.")]
Stream = Annotated[str | None, typer.Argument(metavar="[STREAM]", help="One stream of it; else all that are polled.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sync")(sync)
    app.command("reconcile")(reconcile)


def sync(system: System, stream: Stream = None, config: ConfigPath = None) -> None:
    """Read what changed in a system since the last time, and put it on the bus.

    Example: onevoice sync crm Contact
    """
    with hub_of(config) as hub:
        for name in polled_streams(hub, system, stream):
            with progress(f"{system} {name}") as advance:
                report = hub.sync.sync(system, name, progress=advance)
            _tell(report)


def reconcile(
    system: System,
    stream: Stream = None,
    approve_deletes: Annotated[
        bool, typer.Option("--approve-deletes", help="Accept that more records are gone than may be without a person.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Read a system from the beginning, take in what differs, and find out which records are gone there.

    Example: onevoice reconcile erp customers
    """
    with hub_of(config) as hub:
        for name in polled_streams(hub, system, stream):
            with progress(f"{system} {name}") as advance:
                report = hub.sync.reconcile(system, name, approve_deletes=approve_deletes, progress=advance)
            _tell(report)


def polled_streams(hub: "Hub", system: str, stream: str | None) -> list[str]:
    """Return the streams that a command means.

    Raises:
        ConfigurationError: there is no such system or stream, or it pushes by itself.
    """
    if system not in hub.catalog.systems:
        raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(hub.catalog.systems)}")
    polled = [s.name for s in hub.catalog.streams_of(system) if s.polled]
    if stream is not None and stream not in polled:
        raise ConfigurationError(
            f"system {system} has no stream {stream!r} to read; it has {', '.join(polled) or 'none'}"
        )
    if not polled:
        raise ConfigurationError(f"system {system} pushes by itself: there is nothing to read")
    return [stream] if stream is not None else polled


def _tell(report: "SyncReport") -> None:
    where = f"{report.system} {report.stream}"
    if report.busy:
        note(f"{where}: somebody else is reading it at this moment")
        return
    gone = f", {report.deleted:,} gone" if report.deleted else ""
    done(f"{where}: {report.read:,} read, {report.published:,} new or changed{gone}")
