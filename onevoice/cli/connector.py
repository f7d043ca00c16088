"""`onevoice connector`: the connectors there are, and whether the systems behind them answer."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from onevoice.cli import beginning, examination
from onevoice.cli.screen import BAD, done, note, out, print_json, table
from onevoice.cli.setting import ConfigPath, Json, loaded, manifest_of
from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError

if TYPE_CHECKING:
    from onevoice.config import Config
    from onevoice.sdk import Connector

app = typer.Typer(name="connector", help="The connectors there are, and the systems behind them.", no_args_is_help=True)
beginning.register(app)
examination.register(app)


@app.command("list")
def list_(as_json: Json = False, config: ConfigPath = None) -> None:
    """List the connectors with their streams, lists and settings.

    Example: onevoice connector list
    """
    from onevoice.sdk.discovery import discover as find

    found = find(loaded(config).root / "connectors")
    if as_json:
        print_json({name: _described(manifest) for name, manifest in found.items()})
        return
    for name, manifest in found.items():
        out.print(f"[bold]{name}[/bold]  {manifest.title}", soft_wrap=True)
        streams = [f"{s.name} ({s.mode}{', writable' if s.writable else ''})" for s in manifest.streams.values()]
        streams += [f"{one.name} (list of {', '.join(one.channels)})" for one in manifest.lists.values()]
        note(f"  {', '.join(streams)}")
        required = set(manifest.settings.get("required", ()))
        rows = [
            (
                f"  {key}",
                "secret" if rule.get("x-secret") else "setting",
                "needed" if key in required else "",
                rule["description"],
            )
            for key, rule in manifest.settings["properties"].items()
        ]
        if rows:
            table(["  setting", "", "", "write"], rows)
    done(f"{len(found)} connector(s)")


@app.command("check")
def check(
    system: Annotated[str | None, typer.Argument(help="Name of a system in onevoice.toml; all when left out.")] = None,
    config: ConfigPath = None,
) -> None:
    """Prove that a system, or each, answers and lets the hub in.

    Example: onevoice connector check crm
    """
    settings = loaded(config)
    if system is not None:
        check_system(settings, system)
        done(f"system {system} answers and lets the hub in")
        return
    problems = []
    for name in settings.systems:
        try:
            check_system(settings, name)
        except OnevoiceError as error:
            problems.append(name)
            out.print(f"{name}: {error}", style=BAD, soft_wrap=True, markup=False)
        else:
            done(f"system {name} answers and lets the hub in")
    if problems:
        raise OperatorError(f"{len(problems)} of {len(settings.systems)} system(s) do not let the hub in")
    done(f"{len(settings.systems)} system(s) answer and let the hub in")


@app.command("discover")
def discover(
    system: Annotated[str | None, typer.Argument(help="Name of a system in onevoice.toml; all when left out.")] = None,
    draft: Annotated[
        bool,
        typer.Option("--draft", help="Write a first schema for each stream that has none, from what the system shows."),
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Read one page of each stream of a system, or of each, and say which fields are mapped, ignored or unknown.

    Shows no values.

    Example: onevoice connector discover shop
    """
    settings = loaded(config)
    chosen = [system] if system is not None else list(settings.systems)
    for name in chosen:
        if draft:
            _draft(settings, name, alone=system is not None)
        else:
            _discover(settings, name, alone=system is not None)
    done(f"{len(chosen)} system(s) looked at")


def _discover(config: "Config", system: str, *, alone: bool) -> None:
    from onevoice.mapping import measure
    from onevoice.sdk import Reader
    from onevoice.workers.catalog import load_catalog

    catalog = load_catalog(config)
    connector = _built(config, system)
    try:
        if not isinstance(connector, Reader):
            if alone:
                raise ConfigurationError(f"system {system} pushes by itself: there is nothing to read")
            note(f"system {system} pushes by itself: there is nothing to read")
            return
        for stream in (s for s in catalog.streams_of(system) if s.polled):
            page = next(iter(connector.read(stream.name, None)), None)
            records = [record.data for record in page.records if record.data] if page else []
            coverage = measure(_file(config, system, stream.name), stream.source.schema)
            rows = [(path, f"{share:.0%}", _use(path, coverage)) for path, share in sorted(_fields(records).items())]
            out.print(f"\n[bold]{system} {stream.name}[/bold]: {len(records):,} records looked at")
            table(["field", "filled#", "use"], rows)
    finally:
        connector.close()


def _draft(config: "Config", system: str, *, alone: bool) -> None:
    """Write `schemas/<connector>/<stream>.json` where there is none."""
    import orjson

    from onevoice.sdk import Discoverer

    connector = _built(config, system)
    try:
        if not isinstance(connector, Discoverer):
            if alone:
                raise ConfigurationError(f"system {system}: its connector drafts no schema; write it by hand")
            note(f"system {system}: its connector drafts no schema")
            return
        manifest = manifest_of(config, system)
        folder = config.root / "schemas" / manifest.id
        folder.mkdir(parents=True, exist_ok=True)
        for stream in manifest.streams:
            file = folder / f"{stream}.json"
            if file.exists():
                note(f"schemas/{manifest.id}/{stream}.json is there already and stays as it is")
                continue
            schema = connector.discover(stream)
            file.write_bytes(orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            done(f"schemas/{manifest.id}/{stream}.json: {len(schema['properties'])} field(s); read it, then map them")
    finally:
        connector.close()


def check_system(config: "Config", system: str) -> None:
    """Prove that a system answers and lets the hub in.

    Raises:
        ConfigurationError: there is no such system, or its settings are wrong.
        OperatorError: it does not let the hub in.
        TransientError: it does not answer.
    """
    connector = _built(config, system)
    try:
        connector.check()
    finally:
        connector.close()


def _built(config: "Config", system: str) -> "Connector":
    from onevoice.sdk.discovery import build
    from onevoice.workers.systems import settings_of

    return build(manifest_of(config, system), settings_of(config, system))


def _file(config: "Config", system: str, stream: str) -> Any:
    from onevoice.mapping import load_mappings

    return load_mappings(config.root / "mappings", config.systems[system].connector, system)[stream]


def _fields(records: list[dict[str, Any]]) -> dict[str, float]:
    """Return the share of records in which each field holds something."""
    filled: dict[str, int] = {}
    for record in records:
        for path, value in _leaves(record, ""):
            filled[path] = filled.get(path, 0) + (value not in (None, "", [], {}))
    return {path: count / len(records) for path, count in filled.items()}


def _leaves(value: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, item in value.items():
        found += _leaves(item, f"{prefix}{key}.") if isinstance(item, dict) and item else [(f"{prefix}{key}", item)]
    return found


def _use(path: str, coverage: Any) -> str:
    if path in coverage.mapped:
        return "mapped both ways" if path in coverage.invertible else "mapped in"
    if path in coverage.bookkeeping:
        return "key, version or time"
    return "ignored" if path in coverage.ignored else "unknown: map it or ignore it"


def _described(manifest: Any) -> dict[str, Any]:
    return {
        "title": manifest.title,
        "owner": manifest.owner,
        "kind": manifest.kind,
        "streams": manifest.streams,
        "lists": manifest.lists,
        "capabilities": manifest.capabilities,
        "settings": manifest.settings,
    }
