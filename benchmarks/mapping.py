"""`python -m benchmarks.mapping`: CRM contacts to canonical persons on one core, both schema checks included.

The hub's compiled mapping beside a function written by hand and beside jsonata-python, all of which must give the same
canonical records first. Seconds are of the processor; each contender does the contacts several times, of which the
first, with no telephone number seen before, and the best are shown.
"""

import gc
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import jsonata
import phonenumbers
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.population import Population
from onevoice.contracts import Contract, Contracts
from onevoice.mapping import compile_mapping, load_mappings
from onevoice.mapping.phone import to_e164
from onevoice.messages import Json

ROOT = Path(__file__).parents[1]
CONNECTOR, STREAM, REGION = "sample_crm", "Contact", "GB"
GOAL = 50_000
PASSES = 4

Mapper: TypeAlias = Callable[[Json], Json]


def main(
    contacts: Annotated[int, typer.Option(min=1000, help="Contacts in a pass.")] = 20_000,
    slow_contacts: Annotated[int, typer.Option(min=100, help="Contacts in a pass of jsonata-python.")] = 1_000,
) -> None:
    """Measure how many contacts a second are checked, mapped and checked again.

    Example: python -m benchmarks.mapping
    """
    contracts = Contracts(ROOT / "schemas")
    source, canonical = contracts.source(CONNECTOR, STREAM), contracts.canonical("person")
    records = _contacts(contacts)
    mappers: dict[str, tuple[Mapper, int]] = {
        "the mapping, compiled": (_compiled(source, canonical), contacts),
        "written by hand": (_by_hand, contacts),
        "jsonata-python": (_by_jsonata(), slow_contacts),
    }
    _hold_equal(records[:1000], {name: mapper for name, (mapper, _) in mappers.items()})
    table = Table(title=f"Contacts a second on one core, both schema checks included (goal {GOAL:,})")
    for name in ("", "numbers seen first", "best pass", "µs a contact"):
        table.add_column(name, justify="right" if name else "left")
    for name, (mapper, count) in mappers.items():
        first, best = _measure(records[:count], mapper, source, canonical)
        table.add_row(name, f"{1 / first:,.0f}", f"{1 / best:,.0f}", f"{best * 1e6:.1f}")
    Console().print(table)


def _contacts(count: int) -> list[Json]:
    found: list[Json] = []
    customers = Population(11).customers(4 * count, settled=False, kind="new")
    for known in customers:
        found += [told.record.data for told in known.records if told.system == "crm" and told.record.data]
        if len(found) >= count:
            break
    return found[:count]


def _measure(records: Sequence[Json], mapper: Mapper, source: Contract, canonical: Contract) -> tuple[float, float]:
    to_e164.cache_clear()
    _number.cache_clear()
    passes = []
    for _ in range(PASSES):
        gc.collect()
        begin = time.process_time()
        for record in records:
            source.check(record)
            canonical.check(mapper(record))
        passes.append((time.process_time() - begin) / len(records))
    return passes[0], min(passes)


def _hold_equal(records: Sequence[Json], mappers: dict[str, Mapper]) -> None:
    for record in records:
        results = {name: mapper(record) for name, mapper in mappers.items()}
        if any(result != results["the mapping, compiled"] for result in results.values()):
            raise SystemExit(f"the contenders do not agree on one record: {', '.join(results)}")


def _compiled(source: Contract, canonical: Contract) -> Mapper:
    file = load_mappings(ROOT / "mappings", CONNECTOR, CONNECTOR)[STREAM]
    mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=REGION)
    return lambda record: mapping.to_canonical(record).canonical


@lru_cache(maxsize=1 << 16)
def _number(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _by_hand(record: Json) -> Json:
    name = {
        part: text.strip()
        for part, field in (
            ("prefix", "Salutation"),
            ("given", "FirstName"),
            ("middle", "MiddleName"),
            ("family", "LastName"),
        )
        if (text := record.get(field))
    }
    person: Json = {"name": name} if name else {}
    if record.get("Birthdate"):
        person["birth_date"] = record["Birthdate"]
    if record.get("Language__c"):
        person["language"] = record["Language__c"].lower()[:2]
    if record.get("Email"):
        person["emails"] = [{"kind": "main", "address": record["Email"].strip().lower()}]
    region = record.get("MailingCountryCode") or REGION
    phones = [
        {"kind": kind, "number": number}
        for kind, field in (("mobile", "MobilePhone"), ("landline", "Phone"))
        if record.get(field) and (number := _number(record[field], region))
    ]
    if phones:
        person["phones"] = phones
    address = {
        part: record[field].strip()
        for part, field in (
            ("street", "MailingStreet"),
            ("city", "MailingCity"),
            ("postal_code", "MailingPostalCode"),
            ("country", "MailingCountryCode"),
        )
        if record.get(field)
    }
    if address:
        person["addresses"] = [{"kind": "main", **address}]
    return person


_JSONATA = """(
  $region := MailingCountryCode ? MailingCountryCode : "GB";
  $given := function($text) { $text ? $trim($text) };
  $mobile := MobilePhone ? $number164(MobilePhone, $region);
  $landline := Phone ? $number164(Phone, $region);
  {
    "name": {"prefix": $given(Salutation), "given": $given(FirstName), "middle": $given(MiddleName),
             "family": $given(LastName)},
    "birth_date": Birthdate ? Birthdate,
    "language": Language__c ? $substring($lowercase(Language__c), 0, 2),
    "emails": Email ? [{"kind": "main", "address": $lowercase($trim(Email))}],
    "phones": $mobile or $landline ? [$mobile ? {"kind": "mobile", "number": $mobile},
                                       $landline ? {"kind": "landline", "number": $landline}],
    "addresses": [{"kind": "main", "street": $given(MailingStreet), "city": $given(MailingCity),
                   "postal_code": $given(MailingPostalCode), "country": $given(MailingCountryCode)}]
  }
)"""


def _by_jsonata() -> Mapper:
    expression = jsonata.Jsonata(_JSONATA)
    expression.register_lambda("number164", _number)

    def mapper(record: Json) -> Json:
        person: dict[str, Any] = expression.evaluate(record)
        return person

    return mapper


if __name__ == "__main__":
    typer.run(main)
