"""What the demonstration looks at: the hub's tables and each system's own store, never through a connector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Engine, create_engine, text

from samples.stores import Stores

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class HubTables:
    """Reads the hub's store directly."""

    engine: Engine

    @classmethod
    def at(cls, url: str) -> "HubTables":
        """Open the tables for reading."""
        return cls(create_engine(url))

    def records(self) -> int:
        """Source records in the master."""
        return int(self._one("select count(*) from source_record"))

    def customers(self) -> int:
        """Customers in the master."""
        return int(self._one("select count(*) from customer"))

    def open_obligations(self) -> int:
        """What some system is still owed."""
        return int(self._one("select count(*) from obligation where state <> 'verified'"))

    def quarantined(self) -> int:
        """Records that wait in quarantine."""
        return int(self._one("select count(*) from quarantine where resolved_at is null"))

    def groups(self) -> dict[tuple[str, str, str], str]:
        """(system, stream, key) -> customer, for every person's record."""
        statement = text("select system, stream, key, customer_id from source_record where customer_id is not null")
        with self.engine.connect() as connection:
            return {(row[0], row[1], row[2]): str(row[3]) for row in connection.execute(statement)}

    def close(self) -> None:
        """Give back the connections."""
        self.engine.dispose()

    def _one(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of the population with a record in each of the three systems."""

    crm: str
    erp: str
    shop: str
    mobile: str
    email: str


def opted_out_by_phone(stores: Stores, person: Person) -> Mapping[str, Callable[[], bool]]:
    """Return, per system, a look into its own store: does it know not to call?"""
    return {
        "crm": lambda: (stores.crm_contact(person.crm) or {}).get("DoNotCall") is True,
        "erp": lambda: bool((stores.erp_customer(person.erp) or {}).get("phone_opt_out")),
        "shop": lambda: (stores.shop_customer(person.shop) or {}).get("accepts_phone_marketing") is False,
        "callcentre": lambda: stores.callcentre_listed("phone", person.mobile),
    }


def holds_email(stores: Stores, person: Person, address: str) -> Mapping[str, Callable[[], bool]]:
    """Return, per system, a look into its own store: does it have this address?"""
    return {
        "crm": lambda: (stores.crm_contact(person.crm) or {}).get("Email") == address,
        "erp": lambda: (stores.erp_customer(person.erp) or {}).get("email") == address,
        "shop": lambda: (stores.shop_customer(person.shop) or {}).get("email") == address,
    }


def await_each(looks: Mapping[str, Callable[[], bool]], seconds: float) -> dict[str, float]:
    """Look until each says yes, or time is up; returns milliseconds since the call for those that did."""
    start = monotonic()
    known: dict[str, float] = {}
    while len(known) < len(looks) and monotonic() - start < seconds:
        for system, look in looks.items():
            if system not in known and look():
                known[system] = (monotonic() - start) * 1000
        sleep(POLL_SECONDS)
    return known


def await_true(look: Callable[[], bool], seconds: float) -> bool:
    """Look until it is true, or time is up."""
    deadline = monotonic() + seconds
    while monotonic() < deadline:
        if look():
            return True
        sleep(POLL_SECONDS)
    return look()
