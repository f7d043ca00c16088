"""Match a file: the very code that groups customers live, over the rows of a CSV file, with no store and no server.

Takes a CSV file with any of `COLUMNS`, gives each row its customer. The rules: every row comes out exactly once, and
equal rows in any order give equal results; what cannot be read is told with its line, never with its values.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from onevoice.errors import ConfigurationError
from onevoice.identity import Grouping, Model, Profile, group_all, profile
from onevoice.identity.batch import Advance, Record
from onevoice.mapping.phone import known_region, to_e164
from onevoice.messages import Json

COLUMNS = (
    "record_id", "system", "kind", "given_name", "middle_name", "family_name", "birth_date", "organisation_name",
    "organisation_id", "email", "phone", "street", "city", "region", "postal_code", "country", "national_id",
)  # fmt: skip
_KINDS = {"": "person", "person": "person", "organisation": "organisation"}
_MOST_LETTERS = 1 << 20  # of one value; the reader's own limit is lower than a long comment


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedFile:
    """What became of a file.

    Attributes:
        customers: record id -> customer id, which is the smallest record id of the customer; in order of record id.
        grouping: groups and pairs; the records' keys are their ids.
    """

    customers: dict[str, str]
    grouping: Grouping

    @classmethod
    def of(cls, grouping: Grouping) -> Self:
        """Return what a grouping means for the file."""
        customers = {key: min(found)[2] for found in grouping.groups for _, _, key in found}
        return cls(customers=dict(sorted(customers.items())), grouping=grouping)

    @property
    def sizes(self) -> dict[int, int]:
        """Number of records in a customer -> how many customers have as many."""
        counted: dict[int, int] = {}
        for found in self.grouping.groups:
            counted[len(found)] = counted.get(len(found), 0) + 1
        return dict(sorted(counted.items()))

    @property
    def reviews(self) -> int:
        """Items for a person: any two customers between whom evidence of review or better stands."""
        between = {
            frozenset((self.customers[a[2]], self.customers[b[2]]))
            for a, b in self.grouping.pairs
            if self.customers[a[2]] != self.customers[b[2]]
        }
        return len(between)


def read_rows(path: Path) -> Iterator[Mapping[str, str]]:
    """Yield the rows of a CSV file (UTF-8, first line names the columns).

    Raises:
        ConfigurationError: the file cannot be read, has a column that is not known or none at all, or a line is
            broken; the message names the line.
    """
    csv.field_size_limit(_MOST_LETTERS)
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            for values in reader:
                line = reader.line_num
                if not values:
                    continue
                if len(values) != len(header):
                    raise ConfigurationError(
                        f"{path.name}: line {line} has {len(values)} values, the first line names {len(header)} columns"
                    )
                yield dict(zip(header, values, strict=True))
                line += 1
    except OSError as error:
        raise ConfigurationError(f"{path}: the file cannot be read; correct the path") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name}: after line {line}: not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise ConfigurationError(
            f"{path.name}: line {line}: not CSV, as an open quote or a null byte is not"
        ) from error


def match_rows(
    rows: Sequence[Mapping[str, str]], model: Model, *, region: str = "", advance: Advance = lambda _: None
) -> MatchedFile:
    """Group rows into customers.

    Args:
        rows: the rows, each with any of `COLUMNS`; without `record_id` a row goes by its line among the data.
        model: the model with its settings.
        region: country of telephone numbers whose row names none, such as GB; blank means the `usual_region`.
        advance: told how many records were compared since it was told last.

    Raises:
        ConfigurationError: two rows have one record id, or a kind is not known; the message names the row.
    """
    profiles = profiles_of(rows, model, region=region)
    return MatchedFile.of(group_all(profiles, model, advance))


def profiles_of(rows: Sequence[Mapping[str, str]], model: Model, *, region: str = "") -> dict[Record, Profile]:
    """Return what matching sees of rows, by record.

    Raises:
        ConfigurationError: as `match_rows`.
    """
    home = region or usual_region(rows)
    profiles: dict[Record, Profile] = {}
    for number, row in enumerate(rows, start=1):
        record_id = row.get("record_id", "").strip() or f"row-{number:09d}"
        record = ("", "", record_id)
        if record in profiles:
            raise ConfigurationError(f"row {number}: its record_id stands twice; give every row one of its own")
        kind = _KINDS.get(row.get("kind", "").strip().lower())
        if kind is None:
            raise ConfigurationError(f"row {number}: kind: write person or organisation, or leave it blank")
        if kind == "person" and _is_organisation(row):
            kind = "organisation"
        profiles[record] = profile(canonical(row, kind, home), kind, model)
    return profiles


def checked_region(text: str) -> str:
    """Return the two letters of a country as they are written.

    Raises:
        ConfigurationError: there is no such country.
    """
    if text and known_region(text) is None:
        raise ConfigurationError(f"--region {text}: write the two letters of a country, such as GB")
    return text.upper()


def usual_region(rows: Sequence[Mapping[str, str]]) -> str:
    """Return the country that most rows with a country name, for those that name none; blank where it is not most."""
    named = Counter(known_region(row.get("country")) for row in rows if row.get("country"))
    country, number = max(named.items(), key=lambda one: (one[1], one[0] or ""), default=(None, 0))
    return country if country and 2 * number > named.total() else ""


def canonical(row: Mapping[str, str], kind: str, region: str) -> Json:
    """Return a row as the canonical record that a mapping would make of it."""
    of = {name: value.strip() for name, value in row.items() if value and value.strip()}
    place = {name: of[name] for name in ("street", "city", "region", "postal_code") if name in of}
    country = known_region(of.get("country")) or region
    shared: Json = {
        "emails": [{"kind": "main", "address": of["email"]}] if "email" in of else [],
        "phones": [{"kind": "main", "number": _number(of["phone"], country)}] if "phone" in of else [],
        "addresses": [{"kind": "main", **place}] if place else [],
    }
    if kind == "organisation":
        return {**shared, "name": of.get("organisation_name"), "register_number": of.get("organisation_id")}
    return {
        **shared,
        "name": {"given": of.get("given_name"), "middle": of.get("middle_name"), "family": of.get("family_name")},
        "birth_date": _date(of.get("birth_date", "")),
        "national_id": of.get("national_id"),
    }


def _check_header(path: Path, header: Sequence[str]) -> None:
    unknown = sorted(set(header) - set(COLUMNS))
    if unknown or not header:
        what = f"unknown column {unknown[0]!r}" if unknown else "line 1 names no columns"
        raise ConfigurationError(f"{path.name}: {what}; known are {', '.join(COLUMNS)}")
    if len(set(header)) < len(header):
        raise ConfigurationError(f"{path.name}: line 1 names a column twice")


def _is_organisation(row: Mapping[str, str]) -> bool:
    named = row.get("given_name", "").strip() or row.get("family_name", "").strip()
    return bool(row.get("organisation_name", "").strip()) and not named and not row.get("kind", "").strip()


def _number(text: str, country: str) -> str:
    return (to_e164(text, country) if country or text.startswith("+") else None) or text


def _date(text: str) -> str:
    """A date with or without its hyphens; any other way of writing one cannot be read without guessing."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else text[:10]
