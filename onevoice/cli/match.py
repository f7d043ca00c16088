"""`onevoice match`: who is who in a CSV file, by the very code that groups customers live."""

import csv
from collections.abc import Iterable
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
    config: ConfigPath = None,
) -> None:
    """Find which records of a file are of one customer; no store, broker or server is needed.

    Columns, any of: record_id, system, kind, given_name, middle_name, family_name, birth_date, organisation_name,
    organisation_id, email, phone, street, city, region, postal_code, country, national_id. The rules are those of the
    project, or those that come with the hub where there is none. Equal rows in any order give equal files.

    Example: onevoice match people.csv --out customers.csv --explain pairs.csv
    """
    from onevoice.errors import ConfigurationError
    from onevoice.mapping.phone import known_region
    from onevoice.workers.matching import match_rows, read_rows

    if region and known_region(region) is None:
        raise ConfigurationError(f"--region {region}: write the two letters of a country, such as GB")
    with progress(f"{file.name}: read") as advance:
        rows = []
        for row in read_rows(file):
            rows.append(row)
            advance(1)
    with progress(f"{file.name}: compare", total=len(rows)) as advance:
        matched = match_rows(rows, _model(config), region=region.upper(), advance=advance)
    _write(customers, ("record_id", "customer_id"), matched.customers.items())
    if explain is not None:
        _write(explain, ("record_a", "record_b", "outcome", "score", "evidence"), _pairs(matched))
    table(("records in a customer#", "customers#"), matched.sizes.items())
    done(
        f"{len(matched.customers):,} records are {len(matched.grouping.groups):,} customers; "
        f"{matched.reviews:,} pair(s) of customers are for a person to judge"
    )


def _model(config: Path | None) -> "Model":
    from onevoice.config import load_config
    from onevoice.identity import Model
    from onevoice.workers.init import starter_folder
    from onevoice.workers.model import load_model

    project = config_path(config)
    if config or project.exists():
        return load_model(load_config(project))
    return Model.load(starter_folder("rules") / "identity.yaml")


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
