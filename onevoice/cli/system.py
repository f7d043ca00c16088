"""`onevoice system`: systems that come, pause and go."""

import re
import tomllib
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import done, note, out, progress, table
from onevoice.cli.setting import ConfigPath, config_path, hub_of, loaded
from onevoice.cli.sync import System, polled_streams
from onevoice.errors import ConfigurationError, OnevoiceError

if TYPE_CHECKING:
    from pathlib import Path

    from onevoice.workers.connecting import Outlook
    from onevoice.workers.hub import Hub

app = typer.Typer(name="system", help="Connected systems: add, resume, remove.", no_args_is_help=True)

_PAIR = re.compile(r"([A-Za-z0-9_]+)=(.*)", re.DOTALL)
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("add")
def add(
    system: System,
    connector: Annotated[
        str | None, typer.Option("--connector", help="Its connector; writes its table at the end of onevoice.toml.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the new table.")
    ] = None,
    secrets: Annotated[
        list[str] | None,
        typer.Option("--secret", metavar="NAME=file:PATH", help="A secret of the new table: file:PATH or env:NAME."),
    ] = None,
    region: Annotated[str, typer.Option("--region", help="Of telephone numbers without a country.")] = "GB",
    rate: Annotated[float, typer.Option("--rate", min=0.01, help="Records written each second.")] = 10.0,
    yes: Yes = False,
    config: ConfigPath = None,
) -> None:
    """Add a system: read all of it and link it, show what would be written into it, then write that at a rate.

    Until then nothing is written into it. The other systems get what they are owed because of it.

    Example: onevoice system add club --connector club --set url=http://127.0.0.1:8090 --secret key=file:club-key
    """
    from onevoice.cli.connector import check_system
    from onevoice.workers import connecting

    path = config_path(config)
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    try:
        if connector is not None:
            _named(path, system, connector, region, settings or [], secrets or [])
        check_system(loaded(config), system)
    except OnevoiceError:
        if connector is not None and before is not None:
            path.write_text(before, encoding="utf-8")  # a table that does not hold would stop the whole hub
        raise
    with hub_of(config) as hub:
        connecting.hold(hub, system)
        read = _read(hub, system)
        with progress("taken in", total=read) as advance:
            left = connecting.taken_in(hub, system, advance)
        if left:
            raise ConfigurationError(f"system {system}: {left} record(s) were not taken in; see 'onevoice status'")
        found = connecting.outlook(hub, system)
        _show(system, found)
        count = sum(found.fields.values()) + sum(found.entries.values()) + sum(found.creates.values())
        if count and not yes and not typer.confirm("Write this now?"):
            note(f"nothing is written; 'onevoice system add {system}' goes on from here")
            return
        records = connecting.write(hub, system, per_second=rate)
    done(f"system {system} is in use; {records} record(s) are written at {rate:g} a second, opt-outs at once")


@app.command("resume")
def resume(system: System, config: ConfigPath = None) -> None:
    """Take a system out of parking, once what kept the hub out is mended; what it is owed goes on.

    Example: onevoice system resume crm
    """
    with hub_of(config) as hub:
        _known(hub, system)
        was_parked = system in hub.systems.parked()
        hub.systems.resume(system)
    done(f"system {system} is in use again" if was_parked else f"system {system} was not parked")


@app.command("remove")
def remove(
    system: System,
    claims: Annotated[
        str | None,
        typer.Option("--claims", metavar="keep|withdraw", help="What becomes of what it said; else you are asked."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Remove a system: it is not contacted any more, what it is owed is closed, and you say what becomes of its claims.

    keep: all that it said stands as it was last. withdraw: its values leave the golden records, as if it had deleted
    its records; opt-outs that it told stand either way.

    Example: onevoice system remove erp --claims withdraw
    """
    from onevoice.workers import connecting

    with hub_of(config) as hub:
        _known(hub, system)
        chosen = claims or typer.prompt(f"What becomes of what {system} said: keep or withdraw?")
        if chosen not in ("keep", "withdraw"):
            raise ConfigurationError(f"--claims: write keep or withdraw, not {chosen!r}")
        with progress("withdrawn") as advance:
            withdrawn, closed = connecting.remove(hub, system, withdraw=chosen == "withdraw", progress=advance)
    if chosen == "withdraw":
        done(f"{withdrawn} record(s) are withdrawn")
    done(f"system {system} is not contacted any more, {closed} obligation(s) are closed")
    note(f"take [systems.{system}] out of onevoice.toml before the hub starts next")


def _known(hub: "Hub", system: str) -> None:
    if system not in hub.catalog.systems:
        raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(hub.catalog.systems)}")


def _read(hub: "Hub", system: str) -> int:
    streams = [one.name for one in hub.catalog.streams_of(system) if one.polled]
    count = 0
    for name in polled_streams(hub, system, None) if streams else []:
        with progress(f"{system} {name}") as advance:
            report = hub.sync.sync(system, name, progress=advance)
        count += report.published
        done(f"{system} {name}: {report.read:,} read")
    if not streams:
        note(f"system {system} pushes by itself: what it has sent so far is what is known of it")
    return count


def _show(system: str, found: "Outlook") -> None:
    rows = [
        (stream, "opt-out" if lane == "suppression" else "value", name, count)
        for (stream, lane, name), count in sorted(found.fields.items())
    ]
    rows += [(name, "list", "entries", count) for name, count in sorted(found.entries.items())]
    rows += [(stream, "record", "new", count) for stream, count in sorted(found.creates.items())]
    if not rows:
        done(f"nothing would be written into {system}")
        return
    out.print(f"What would be written into [bold]{system}[/bold]")
    table(["stream", "what", "field", "records#"], rows)


def _named(path: "Path", system: str, connector: str, region: str, settings: list[str], secrets: list[str]) -> None:
    """Write the system's table at the end of the configuration."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if system in tomllib.loads(before).get("systems", {}):
        raise ConfigurationError(f"systems.{system} is in {path.name} already; leave --connector out")
    lines = ["", f"[systems.{system}]", f"connector = {_text(connector)}", f"region = {_text(region)}"]
    if settings:
        lines += [
            "",
            f"[systems.{system}.settings]",
            *(f"{name} = {_value(value)}" for name, value in _pairs(settings)),
        ]
    if secrets:
        lines += ["", f"[systems.{system}.secrets]", *(f"{name} = {_reference(one)}" for name, one in _pairs(secrets))]
    path.write_text(before.rstrip("\n") + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    found = [_PAIR.fullmatch(one) for one in given]
    for one, match in zip(given, found, strict=True):
        if match is None:
            raise ConfigurationError(f"{one.partition('=')[0]!r}: write NAME=VALUE")
    return [(match[1], match[2]) for match in found if match is not None]


def _value(text: str) -> str:
    """Return a TOML value: a number or a truth value as it is, everything else as text."""
    return text if re.fullmatch(r"true|false|-?\d+(\.\d+)?", text) else _text(text)


def _reference(text: str) -> str:
    kind, _, name = text.partition(":")
    if kind not in ("file", "env") or not name:
        raise ConfigurationError("--secret: a secret is a reference; write NAME=file:PATH or NAME=env:NAME")
    return f"{{{kind} = {_text(name)}}}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    if any(ord(letter) < ord(" ") for letter in escaped):
        raise ConfigurationError("a setting holds a line break; write it into onevoice.toml by hand")
    return f'"{escaped}"'
