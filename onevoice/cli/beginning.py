"""`onevoice connector new`: the beginning of a connector."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import done, note, out
from onevoice.cli.setting import ConfigPath, config_path, loaded
from onevoice.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


class Kind(StrEnum):
    """What a system speaks."""

    REST = "rest"
    SOAP = "soap"
    SQL = "sql"
    FILE = "file"
    AMQP = "amqp"


class Direction(StrEnum):
    """Which way values go."""

    IN = "in"
    OUT = "out"
    BOTH = "both"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new")(new)


def new(
    name: Annotated[str, typer.Argument(help="Name of the connector, such as the product's.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What the system speaks.")],
    direction: Annotated[
        Direction,
        typer.Option("--direction", help="in: it is read; out: the hub's values stand there; both: each has its say."),
    ] = Direction.BOTH,
    stream: Annotated[str, typer.Option("--stream", help="What the system calls its people.")] = "people",
    config: ConfigPath = None,
) -> None:
    """Begin a connector: manifest, schema, mapping with a test, and a page of steps; nothing that exists is changed.

    Example: onevoice connector new club --kind rest --direction both --stream members
    """
    from onevoice.sdk.start import begun, settings_of

    root = _root(config)
    for path in begun(root, name, kind.value, direction.value, stream):
        done(str(path.relative_to(root)))
    note("Name the system in onevoice.toml, then follow the README:")
    out.print(settings_of(name, kind.value), soft_wrap=True, markup=False)


def _root(config: "Path | None") -> "Path":
    """Return the project's folder, also of one whose configuration names no system yet."""
    try:
        return loaded(config).root
    except ConfigurationError:
        return config_path(config).resolve().parent
