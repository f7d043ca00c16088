"""`onevoice register`: who must not be called, as registers list it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onevoice.cli.screen import done, out, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of
from onevoice.errors import ConfigurationError

app = typer.Typer(name="register", help="Registers of who must not be called.", no_args_is_help=True)


@app.command("import")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One number or hash a line, as the register gives it.")],
    register: Annotated[str, typer.Option("--register", help="Its name in rules/countries.yaml.")],
    as_of: Annotated[datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The day that the list is of.")],
    additions: Annotated[bool, typer.Option("--additions", help="The file only adds; nobody is free by it.")] = False,
    may_shrink: Annotated[bool, typer.Option("--may-shrink", help="Fewer than four fifths are right.")] = False,
    config: ConfigPath = None,
) -> None:
    """Load a register: a newer complete one frees the numbers that are not in it any more.

    A file with a line that is no number or hash is refused whole, and so is one that is no newer or much smaller than
    what counts now.

    Example: onevoice register import tps.txt --register tps --as-of 2026-11-01
    """
    from onevoice.workers.registers import Registers

    try:
        with (
            hub_of(config) as hub,
            file.open(encoding="ascii", errors="replace") as lines,
            progress(file.name) as advance,
        ):
            registers = Registers(store=hub.store, gate=hub.gate, ingest=hub.ingest)
            loaded = registers.load(
                register,
                lines,
                as_of=as_of.replace(tzinfo=UTC),
                complete=not additions,
                may_shrink=may_shrink,
                advance=advance,
            )
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__})") from None
    done(f"{register}: {loaded.entries:,} entries count, as of {loaded.as_of:%Y-%m-%d}")


@app.command("list")
def show(as_json: Json = False, config: ConfigPath = None) -> None:
    """Show the registers that are declared, and what of them was loaded.

    Example: onevoice register list
    """
    from onevoice.workers.registers import Registers

    with hub_of(config) as hub:
        found = Registers(store=hub.store, gate=hub.gate, ingest=hub.ingest).loaded()
    if as_json:
        print_json(found)
        return
    rows = [(one.register, one.title, one.form, f"{one.entries:,}", one.as_of or "never loaded") for one in found]
    table(["register", "", "form", "entries", "as of"], rows)
    if not all(one.told for one in found):
        out.print("A load was cut off before every system was told of it; a running hub goes on with that by itself.")
