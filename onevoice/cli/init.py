"""`onevoice init`: begin a project, or prepare the broker of one that exists."""

from pathlib import Path
from typing import Annotated

import typer

from onevoice.cli.screen import done, note
from onevoice.cli.setting import FILE, ConfigPath, config_path


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Where the project is or will be.")] = None,
    config: ConfigPath = None,
) -> None:
    """Begin a project in DIR; in one that exists, prepare its RabbitMQ: queues, and a user for each AMQP system.

    Example: onevoice init shop-hub
    """
    from onevoice.config import load_config
    from onevoice.workers.init import prepare_broker, write_project

    path = folder / FILE if folder is not None else config_path(config)
    if not path.exists():
        for added in write_project(path.parent):
            if added.is_dir() or added.name == FILE:
                done(f"{added}{'/' if added.is_dir() else ''}")
        note(f"Next: name your systems in {path}, then 'onevoice check' and 'onevoice run'.")
        return
    settings = load_config(path)
    if settings.embedded:
        done(f"{path} is there, and the embedded queue needs no preparation")
        return
    prepared = prepare_broker(settings)
    done(f"RabbitMQ has the {len(prepared.queues)} queues of this hub")
    for user in prepared.users:
        done(f"broker user {user} may publish as {user}.* and nothing else")
