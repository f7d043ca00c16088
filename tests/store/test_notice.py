"""Notices: who listens is woken by a commit, and by nothing else."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from onevoice.store import Store, give_notice, listening, open_store

LONG = 20.0


def test_a_commit_wakes_who_listens_and_a_rollback_does_not(pg_url: str) -> None:
    store = open_store(pg_url)
    heard = threading.Event()

    def listen(ready: threading.Event) -> None:
        with listening(store, "test", lambda _: None) as wait:
            ready.set()
            wait(LONG)
            heard.set()

    ready = threading.Event()
    thread = threading.Thread(target=listen, args=(ready,))
    thread.start()
    try:
        assert ready.wait(LONG)
        with suppress(ZeroDivisionError), store.transaction() as connection:
            give_notice(connection, "test")
            raise ZeroDivisionError
        assert not heard.wait(0.3)
        began = time.monotonic()
        with store.transaction() as connection:
            give_notice(connection, "test")
        assert heard.wait(LONG)
        assert time.monotonic() - began < LONG / 2
    finally:
        thread.join(2 * LONG)
        store.close()


def test_without_notices_one_waits_as_told(store: Store) -> None:
    waited: list[float] = []
    with listening(store, "test", waited.append) as wait:
        wait(0.01)
    assert waited == ([0.01] if store.dialect == "sqlite" else [])
