"""`python -m tests.faults.hub GUARD run …`: `onevoice run` with one of its guards off, or with all of them (`none`).

Only tests can switch a guard off: the hub has no setting for it. With a guard off the checker must find something, else
it could not see what the guard is for.

- inbox: whatever comes is news. Neither the id of a message nor the version of its record tells that it came before.
- lock: nobody waits for anybody. The lease of ingest is given to all who ask, and holds nobody off.
"""

from __future__ import annotations

import sys
from typing import Any

from onevoice.cli import main
from onevoice.store import Lease
from onevoice.workers.ingest import batch

GUARDS = {"inbox": "lost", "lock": "twice"}
"""Guard -> what the checker counts at the latest when it is off."""


def switch_off(guard: str) -> None:
    """Take one guard out of this process."""
    {"inbox": _without_inbox, "lock": _without_lock}[guard]()


def _without_inbox() -> None:
    accept = batch.accept

    def anything_is_news(record: Any, *others: Any, **named: Any) -> str:
        record.sequence, record.reading, record.content_hash = "", -1, ""
        return accept(record, *others, **named)

    batch.known_effects = lambda *_: {}
    batch.accept = anything_is_news


def _without_lock() -> None:
    def given(cls: type[Lease], _store: Any, name: str, holder: str, *, seconds: float = 30.0) -> Lease:
        return cls(name, holder, 0, seconds)

    Lease.take = classmethod(given)  # type: ignore[method-assign,assignment]
    Lease.hold = lambda *_: None  # type: ignore[method-assign]


if __name__ == "__main__":
    if sys.argv[1] != "none":
        switch_off(sys.argv[1])
    del sys.argv[1]
    main()
