"""Joins the commands into one and turns errors into one clear line and an exit code.

The one rule: no traceback and no value of a record reaches the screen through an error.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from onevoice.cli import (
    check,
    connector,
    consent,
    customer,
    database,
    decide,
    drift,
    housekeeping,
    identity,
    ingest,
    init,
    mapping,
    match,
    obligation,
    quarantine,
    rebuild,
    recover,
    register,
    review,
    rules,
    run,
    samples,
    status,
    sync,
    system,
)
from onevoice.cli.screen import failed
from onevoice.cli.setting import VARIABLE
from onevoice.errors import ConfigurationError, OnevoiceError, OperatorError, RecordError, TransientError

EXIT_CODES: tuple[tuple[type[OnevoiceError], int], ...] = (
    (ConfigurationError, 78),
    (TransientError, 75),
    (OperatorError, 77),
    (RecordError, 65),
    (OnevoiceError, 1),
)
DEFECT = 70
INTERRUPTED = 130

app = typer.Typer(
    name="onevoice",
    help="One master customer record across the systems a company has; each of them knows what the others know.",
    epilog=(
        "Exit codes: 0 done, 1 refused or not well, 2 wrong usage, 65 bad records, 70 a defect in the hub, "
        "75 try again later, 77 a person must act, 78 wrong configuration."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _everywhere(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="PATH", help="Where onevoice.toml is; or set $ONEVOICE_CONFIG.")
    ] = None,
) -> None:
    if config is not None:
        os.environ[VARIABLE] = str(config)  # a command's own --config, where given, wins over it


for module in (init, check, run, status, samples, sync, ingest, match, rebuild, housekeeping, recover):
    module.register(app)
for group in (
    customer,
    review,
    identity,
    consent,
    register,
    quarantine,
    drift,
    obligation,
    mapping,
    rules,
    decide,
    connector,
    system,
    database,
):
    app.add_typer(group.app)


def main() -> None:
    """Run a command; every error ends as one line on standard error and the exit code of its class."""
    try:
        app()
    except OnevoiceError as error:
        failed(str(error))
        sys.exit(next(code for kind, code in EXIT_CODES if isinstance(error, kind)))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - its text may hold what a record says; class and place find it
        failed(f"defect in the hub: {type(error).__name__} at {_origin(error)}; please report it")
        sys.exit(DEFECT)


def _origin(error: BaseException) -> str:
    """Return file and line of our own code nearest to the error."""
    where = "?"
    trace = error.__traceback__
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if {"onevoice", "connectors", "samples"} & set(file.parts[-4:-1]):
            where = f"{file.parent.name}/{file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
