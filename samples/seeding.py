"""Filling the four systems with one population.

`seed(directory, ...)` writes `crm/`, `erp/`, `shop/` and `callcentre/` under the directory and `truth.csv` (system,
stream, key, person) beside them. One rule: truth.csv is written last, so where it is, all the rest is.
"""

from __future__ import annotations

import csv
from pathlib import Path

from samples.callcentre.store import CallCentreStore
from samples.crm.store import CrmStore
from samples.erp import database as erp
from samples.population import Population, generate
from samples.shop.store import ShopStore

TRUTH = "truth.csv"


def erp_url_in(directory: Path) -> str:
    """The URL of the ERP's database when it is SQLite."""
    return f"sqlite:///{directory / 'erp' / erp.FILE}"


def seed(directory: Path, people: int = 2000, seed: int = 1, erp_url: str | None = None) -> Population:
    """Fill empty systems; `erp_url` names another database for the ERP than SQLite.

    Raises FileExistsError when the directory has been seeded before.
    """
    if (directory / TRUTH).exists():
        raise FileExistsError(f"{directory / TRUTH} exists: the company is there already, choose another folder")
    for system in ("crm", "erp", "shop", "callcentre"):
        (directory / system).mkdir(parents=True, exist_ok=True)
    population = generate(people, seed)
    records = population.records
    crm = CrmStore(directory / "crm")
    crm.load({"Contact": records["crm", "Contact"], "Case": records["crm", "Case"]})
    crm.close()
    shop = ShopStore(directory / "shop")
    shop.load({"customers": records["shop", "customers"], "orders": records["shop", "orders"]})
    shop.close()
    centre = CallCentreStore(directory / "callcentre")
    centre.load({"call": records["callcentre", "call"], "do_not_call": records["callcentre", "do_not_call"]})
    centre.close()
    url = erp_url or erp_url_in(directory)
    erp.create(url)
    erp.load(url, records["erp", "customers"], population.erp_addresses, records["erp", "orders"])
    _write_truth(directory / TRUTH, population)
    return population


def _write_truth(path: Path, population: Population) -> None:
    scratch = path.with_suffix(".tmp")
    with scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("system", "stream", "key", "person"))
        writer.writerows((*source, person) for source, person in population.truth.items())
    scratch.replace(path)
