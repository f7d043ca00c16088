"""The tests' own way into Tryton: an administrator who shares no code with the connector."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import requests

ACTIVE_AND_NOT = {"active_test": False}
MECHANISM_FIELDS = [f"contact_mechanisms.{name}" for name in ("type", "value", "active")]
ADDRESS_FIELDS = [f"addresses.{name}" for name in ("street", "city", "postal_code", "country.code")]


class TrytonError(Exception):
    """Tryton said no."""


class TrytonClient:
    """Calls model methods as one user."""

    def __init__(self, url: str, database: str, user: str, password: str) -> None:
        self._url = f"{url}/{database}/rpc/"
        self._http = requests.Session()
        self._http.trust_env = False
        self._lock = threading.Lock()
        user_id, key, *_ = self._post("common.db.login", [user, {"password": password}])
        token = base64.b64encode(f"{user}:{user_id}:{key}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {token}"

    def call(self, method: str, *arguments: Any, context: Mapping[str, Any] | None = None) -> Any:
        """Call e.g. `party.party.write`."""
        return self._post(f"model.{method}", [*arguments, dict(context or {})])

    def party(self, key: str | int) -> dict[str, Any] | None:
        """A party as a person sees it: name, mechanisms by kind, addresses, names of its categories."""
        fields = ["name", "categories.name", "lang.code", "write_date", *MECHANISM_FIELDS, *ADDRESS_FIELDS]
        rows = self.call(
            "party.party.search_read", [["id", "=", int(key)]], 0, None, None, fields, context=ACTIVE_AND_NOT
        )
        if not rows:
            return None
        row = rows[0]
        mechanisms: dict[str, list[str]] = {}
        for mechanism in row["contact_mechanisms."]:
            if mechanism["active"]:
                mechanisms.setdefault(mechanism["type"], []).append(mechanism["value"])
        return {
            "name": row["name"],
            "lang": row["lang."] and row["lang."]["code"],
            "categories": sorted(category["name"] for category in row["categories."]),
            "addresses": row["addresses."],
            "mechanisms": mechanisms,
            "write_date": row["write_date"],
        }

    def mechanism(self, key: str | int, kind: str) -> int:
        """The id of a party's first mechanism of a kind."""
        fields = ["contact_mechanisms.type"]
        parts = self.call("party.party.read", [int(key)], fields)[0]["contact_mechanisms."]
        return next(int(part["id"]) for part in parts if part["type"] == kind)

    def create(self, model: str, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Create records and return their ids."""
        return [int(key) for key in self.call(f"{model}.create", list(rows))]

    def found_company(self) -> int:
        """Set up what selling needs: a currency and a company, in which this user works."""
        rounding = {"__class__": "Decimal", "decimal": "0.01"}
        pound = {"name": "Pound", "symbol": "£", "code": "GBP", "rounding": rounding, "digits": 2}
        (currency,) = self.create("currency.currency", [pound])
        (party,) = self.create("party.party", [{"name": "Shop Limited"}])
        (company,) = self.create("company.company", [{"party": party, "currency": currency}])
        users = self.call("res.user.search", [["login", "=", "admin"]], 0, None, None)
        self.call("res.user.write", users, {"companies": [["add", [company]]], "company": company})
        return company

    def hire(self, login: str, password: str, company: int) -> int:
        """Make an ordinary user of the company who may see its sales."""
        groups = self.call("res.group.search", [["name", "=", "Sales"]], 0, None, None)
        row = {"name": "Onevoice", "login": login, "password": password, "groups": [["add", groups]]}
        (user,) = self.create("res.user", [{**row, "companies": [["add", [company]]], "company": company}])
        return user

    def sell(self, party: str | int, company: int, price: str) -> int:
        """Enter a sale of one thing, as a quotation."""
        (gbp,) = self.call("currency.currency.search", [["code", "=", "GBP"]], 0, None, None)
        addresses = self.call("party.party.read", [int(party)], ["addresses"])[0]["addresses"]
        if not addresses:
            addresses = self.create("party.address", [{"party": int(party), "street": "1 High Street"}])
        amount = {"__class__": "Decimal", "decimal": price}
        line = {"type": "line", "quantity": 1, "unit_price": amount, "description": "A book"}
        row = {"company": company, "party": int(party), "currency": gbp, "lines": [["create", [line]]]}
        row |= dict.fromkeys(("invoice_address", "shipment_address"), addresses[0])
        (sale,) = self.call("sale.sale.create", [row], context={"company": company})
        self.call("sale.sale.quote", [sale], context={"company": company})
        return int(sale)

    def close(self) -> None:
        self._http.close()

    def _post(self, method: str, parameters: list[Any]) -> Any:
        with self._lock:
            answer = self._http.post(self._url, json={"id": 7, "method": method, "params": parameters}, timeout=30)
        answer.raise_for_status()
        document = answer.json()
        if "error" in document:
            raise TrytonError(document["error"])
        return document["result"]


def load_parties(
    client: TrytonClient,
    customers: Sequence[Mapping[str, Any]],
    addresses: Sequence[Mapping[str, Any]],
    flags: Mapping[str, int],
) -> dict[str, str]:
    """Enter the customers of the sample ERP as parties; returns customer number -> party id.

    Args:
        flags: column that says no -> id of the category for it.
    """
    countries = {
        row["code"]: row["id"] for row in client.call("country.country.search_read", [], 0, None, None, ["code"])
    }
    languages = {row["code"]: row["id"] for row in client.call("ir.lang.search_read", [], 0, None, None, ["code"])}
    main = {row["customer_no"]: row for row in addresses if row["kind"] == "main"}
    rows = []
    for customer in customers:
        mechanisms = [
            {"type": kind, "value": customer[kind]} for kind in ("email", "phone", "mobile") if customer[kind]
        ]
        row: dict[str, Any] = {
            "name": " ".join(filter(None, (customer["first_name"], customer["last_name"]))),
            "lang": languages.get((customer["language"] or "").lower()),
            "contact_mechanisms": [["create", mechanisms]] if mechanisms else [],
            "categories": [["add", [category for flag, category in flags.items() if customer[flag]]]],
        }
        if place := main.get(customer["customer_no"]):
            fields = {name: place[name] for name in ("street", "city", "postal_code")}
            row["addresses"] = [["create", [{**fields, "country": countries[place["country"]]}]]]
        rows.append(row)
    keys = [key for at in range(0, len(rows), 50) for key in client.create("party.party", rows[at : at + 50])]
    return {customer["customer_no"]: str(key) for customer, key in zip(customers, keys, strict=True)}
