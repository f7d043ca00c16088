"""What the commands share: which configuration, and the hub opened from it."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.errors import ConfigurationError

if TYPE_CHECKING:
    from onevoice.config import Config
    from onevoice.sdk.manifest import Manifest
    from onevoice.workers.hub import Hub

VARIABLE = "ONEVOICE_CONFIG"
FILE = "onevoice.toml"

ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="PATH", help=f"Where {FILE} is; else ${VARIABLE}, else ./{FILE}.", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Actor = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", help="Who decides, for the record; else your user name.")
]


def config_path(given: Path | None) -> Path:
    """Return where the configuration is: as given, as the environment says, or in this folder."""
    return given or Path(os.environ.get(VARIABLE) or FILE)


def loaded(given: Path | None) -> "Config":
    """Read the configuration.

    Raises:
        ConfigurationError: it is missing or wrong.
    """
    from onevoice.config import load_config

    return load_config(config_path(given))


@contextmanager
def hub_of(given: Path | None) -> Iterator["Hub"]:
    """Open the configured hub for a block.

    Raises:
        ConfigurationError: the configuration is wrong, or the store's schema is behind.
        TransientError: the store or the broker is away.
    """
    from onevoice.workers.hub import opened
    from onevoice.workers.run import require_current_schema

    config = loaded(given)
    require_current_schema(config)
    with opened(config) as hub:
        yield hub


def actor_of(given: str | None) -> str:
    """Return the name under which a person's decision is recorded."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # the user of a container may have no name
        return f"uid {os.getuid()}"


def manifest_of(config: "Config", system: str) -> "Manifest":
    """Return the manifest of a configured system's connector.

    Raises:
        ConfigurationError: there is no such system, or no such connector.
    """
    from onevoice.sdk.discovery import discover as find

    if system not in config.systems:
        raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(config.systems)}")
    wanted, found = config.systems[system].connector, find(config.root / "connectors")
    if wanted not in found:
        raise ConfigurationError(f"systems.{system}.connector: no connector {wanted!r}; there are: {', '.join(found)}")
    return found[wanted]
