"""`onevoice drift`: where records are no longer what their schema says, and the patch that would allow it."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import age, done, note, print_json, table
from onevoice.cli.setting import ConfigPath, Json, hub_of
from onevoice.cli.sync import System
from onevoice.errors import ConfigurationError

if TYPE_CHECKING:
    from onevoice.workers.drift import DriftReport

app = typer.Typer(name="drift", help="Where records are no longer what their schema says.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False, config: ConfigPath = None) -> None:
    """List what records show that their schema does not say, and what becomes of such records; no values are shown.

    A report is closed by mending the schema: what was seen under an older one is not listed.

    Example: onevoice drift list
    """
    from onevoice.workers.drift import drift_reports

    with hub_of(config) as hub, hub.store.transaction() as connection:
        found = drift_reports(connection, hub.catalog)
    if as_json:
        print_json(found)
    elif not found:
        note("All records are what their schemas say.")
    else:
        table(["stream", "field", "is", "records#", "since", "first record", "contract"], [_row(one) for one in found])
        note("\n'onevoice drift patch SYSTEM STREAM' proposes what to change in the schema.")


@app.command("patch")
def patch(
    system: System,
    stream: Annotated[str, typer.Argument(help="The stream.")],
    write: Annotated[bool, typer.Option("--write", help="Change the schema file; it is written out anew.")] = False,
    config: ConfigPath = None,
) -> None:
    """Print the JSON Patch (RFC 6902) of a stream's schema that would let through all that was seen.

    With --write it is applied to the file. Then map or ignore the new fields, as 'onevoice mapping lint' says, and
    reprocess what waits in quarantine.

    Example: onevoice drift patch crm Contact
    """
    from onevoice.contracts import apply_patch, proposed_patch
    from onevoice.workers.drift import drift_reports

    with hub_of(config) as hub, hub.store.transaction() as connection:
        found = [one for one in drift_reports(connection, hub.catalog, system) if one.stream == stream]
        known = hub.catalog.streams.get((system, stream))
        root, connector = hub.config.root, hub.config.systems[system].connector if known else ""
    if known is None:
        raise ConfigurationError(f"no stream {stream!r} of a system {system!r}; see 'onevoice status'")
    operations = proposed_patch(known.source.schema, [one.drift for one in found])
    if not operations:
        note("Nothing to change: all records are what the schema says.")
        return
    typer.echo(json.dumps(operations, indent=2))
    if write:
        file = root / "schemas" / connector / f"{stream}.json"
        changed = apply_patch(json.loads(file.read_text(encoding="utf-8")), operations, str(file))
        file.write_text(json.dumps(changed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        done(f"{file} changed; now: onevoice mapping lint {system}")


def _row(one: "DriftReport") -> tuple[object, ...]:
    said = {"new": "a new field: ", "type": "of another type: "}
    kind, _, rest = one.what.partition(" ")
    what = f"{said[kind]}{rest}" if kind in said else one.what if one.what == "missing" else f"no `{one.what}`"
    return f"{one.system}.{one.stream}", one.path, what, one.records, age(one.first_seen_at), one.first_key, one.mode
