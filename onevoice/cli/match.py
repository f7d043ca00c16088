"""`onevoice match`: who is who in a CSV file, by the very code that groups customers live."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import done, progress, table
from onevoice.cli.setting import ConfigPath, config_path

if TYPE_CHECKING:
    from onevoice.identity import Model
    from onevoice.workers.matching import MatchedFile


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("match")(match)


def match(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV in UTF-8 whose first line names the columns.")],
    customers: Annotated[
        Path, typer.Option("--out", metavar="CSV", help="Where to write the customer of each record.")
    ],
    explain: Annotated[
        Path | None, typer.Option("--explain", metavar="CSV", help="Where to write the pairs, with all evidence.")
    ] = None,
    region: Annotated[
        str, typer.Option("--region", metavar="CC", help="Country of telephone numbers whose row names none.")
    ] = "",
    fit: Annotated[
        bool, typer.Option("--fit", help="First learn a model from the file, and keep it where the hub finds it.")
    ] = False,
    config: ConfigPath = None,
) -> None:
    """Find which records of a file are of one customer; no store, broker or server is needed.

    Columns, any of: record_id, system, kind, given_name, middle_name, family_name, birth_date, organisation_name,
    organisation_id, email, phone, street, city, region, postal_code, country, national_id. The rules are those of the
    project, or those that come with the hub where there is none. Equal rows in any order give equal files.
    With --fit a model is learned as by 'onevoice identity train' and written beside the rules of the project, where the
    hub uses it from its next start; without a project, into the current folder.

    Example: onevoice match people.csv --out customers.csv --explain pairs.csv
    """
    from onevoice.workers.matching import checked_region, match_rows

    country, model = checked_region(region), project_model(config)
    rows = read(file)
    if fit:
        model = _fitted(rows, model, country, config)
    with progress(f"{file.name}: compare", total=len(rows)) as advance:
        matched = match_rows(rows, model, region=country, advance=advance)
    _write(customers, ("record_id", "customer_id"), matched.customers.items())
    if explain is not None:
        _write(explain, ("record_a", "record_b", "outcome", "score", "evidence"), _pairs(matched))
    table(("records in a customer#", "customers#"), matched.sizes.items())
    done(
        f"{len(matched.customers):,} records are {len(matched.grouping.groups):,} customers; "
        f"{matched.reviews:,} pair(s) of customers are for a person to judge"
    )


def read(file: Path) -> list[Mapping[str, str]]:
    """Read the rows of a file, with a progress bar."""
    from onevoice.workers.matching import read_rows

    with progress(f"{file.name}: read") as advance:
        rows = []
        for row in read_rows(file):
            rows.append(row)
            advance(1)
    return rows


def project_model(config: Path | None) -> "Model":
    """Return the model of the project, or the one that comes with the hub where there is none."""
    from onevoice.config import load_config
    from onevoice.identity import Model
    from onevoice.workers.init import starter_folder
    from onevoice.workers.model import load_model

    project = config_path(config)
    if config or project.exists():
        return load_model(load_config(project))
    return Model.load(starter_folder("rules") / "identity.yaml")


def _fitted(rows: Sequence[Mapping[str, str]], model: "Model", region: str, config: Path | None) -> "Model":
    from onevoice.cli.identity import show
    from onevoice.config import load_config
    from onevoice.identity import TRAINED
    from onevoice.workers.training import ROUNDS, fit

    project = config_path(config)
    folder = load_config(project).root / "rules" if config or project.exists() else Path()
    with progress("learn", total=ROUNDS) as advance:
        trained = fit([rows], model, region=region, advance=advance)
    trained.write(folder / TRAINED)
    show(trained.content)
    done(f"{folder / TRAINED}: written")
    return trained.model


def _pairs(matched: "MatchedFile") -> list[tuple[str, ...]]:
    from onevoice.identity.explain import WORDS

    return [
        (
            a[2],
            b[2],
            scored.outcome,
            f"{scored.score:g}",
            "; ".join(f"{WORDS[found.comparison][found.level]} ({found.weight:+g})" for found in scored.evidence),
        )
        for (a, b), scored in sorted(matched.grouping.pairs.items())
    ]


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    from onevoice.errors import ConfigurationError

    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be written; correct the path") from error
