"""What happens in the company while it is shot at: customers come, edit their accounts, order, call, and want no calls.

Everything goes through the systems' own doors for people. What a door took is in that system's own store, from which
the checker reads it; a request into a system that is down simply did not happen.
"""

from __future__ import annotations

import random
import threading
from types import TracebackType
from typing import Any, Self

import requests

from samples.company import Company
from samples.population import Population

PAUSE_SECONDS = 0.25
GIVEN = ("Ada", "Bela", "Cyril", "Dora", "Egon", "Flora", "Gerda", "Hugo", "Ines", "Jonas")
FAMILY = ("Ash", "Brook", "Cliff", "Dale", "Elder", "Ford", "Grove", "Hill", "Inch", "Knoll")


class Traffic:
    """Runs in a thread from `with` to its end; `accepted` counts what the doors took."""

    def __init__(self, company: Company, population: Population, seed: int) -> None:
        self.accepted = 0
        self._company = company
        self._chance = random.Random(seed)
        self._accounts = [record["id"] for record in population.records["shop", "customers"]]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._end.wait(PAUSE_SECONDS):
                self._happen(session)

    def _happen(self, session: requests.Session) -> None:
        number = self._chance.randrange(10**6)
        account = self._chance.choice(self._accounts)
        system, path, body = self._chance.choice(
            (
                ("shop", f"/storefront/customers/{account}", {"email": f"moved{number}@example.com"}),
                ("shop", f"/storefront/customers/{account}/orders", {}),
                *(("shop", "/storefront/customers", self._newcomer(number)),) * 3,
                ("callcentre", "/desktop/calls", {"number": f"+447400{number:06}", "kind": "call"}),
                ("callcentre", "/desktop/do-not-call", {"number": f"+447400{number:06}"}),
            )
        )
        self._post(session, f"{self._company.urls[system]}{path}", body)

    def _newcomer(self, number: int) -> dict[str, Any]:
        """Somebody like nobody else, whom the other systems lack."""
        given, family = (self._chance.choice(some) for some in (GIVEN, FAMILY))
        return {
            "first_name": given,
            "last_name": f"{family}{FAMILY[number % len(FAMILY)].lower()}",
            "birth_date": f"{1940 + number % 60}-{number % 12 + 1:02}-{number % 28 + 1:02}",
            "email": f"{given}.{number}@newcomers.example".lower(),
        }

    def _post(self, session: requests.Session, url: str, body: dict[str, Any]) -> None:
        try:
            answer = session.post(url, json=body, timeout=10)
        except requests.RequestException:
            return
        self.accepted += answer.ok
