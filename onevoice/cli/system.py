"""`onevoice system`: what a person tells the hub about a connected system."""

import typer

from onevoice.cli.screen import done
from onevoice.cli.setting import ConfigPath, hub_of
from onevoice.cli.sync import System
from onevoice.errors import ConfigurationError

app = typer.Typer(name="system", help="Connected systems.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `resume` a subcommand although it is the only one."""


@app.command("resume")
def resume(system: System, config: ConfigPath = None) -> None:
    """Take a system out of parking, once what kept the hub out is mended; what it is owed goes on.

    Example: onevoice system resume crm
    """
    with hub_of(config) as hub:
        if system not in hub.catalog.systems:
            raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(hub.catalog.systems)}")
        was_parked = system in hub.systems.parked()
        hub.systems.resume(system)
    done(f"system {system} is in use again" if was_parked else f"system {system} was not parked")
