"""`make races TRIALS=10000`: exits with 1 where a contact was wrong or withheld, or the races were not evenly spread.

`WITHOUT=recheck` lets everything through at the last moment; the checker must then count wrong contacts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from onevoice.store import open_store
from onevoice.store.migrate import upgrade
from onevoice.testing.servers import PrivatePostgres
from tests.races.race import Race

LEAST_DELIVERED, LEAST_EACH_SIDE = 0.30, 0.20


def main() -> int:
    trials = int(os.environ.get("TRIALS") or 1000)
    recheck = os.environ.get("WITHOUT") != "recheck"
    began = time.monotonic()
    with PrivatePostgres(fsync=False) as server, tempfile.TemporaryDirectory() as folder:
        url = server.url(server.create_database())
        upgrade(url)
        store = open_store(url, pool_size=60)
        race = Race(store=store, folder=Path(folder), trials=trials, capped=max(1, trials // 500), recheck=recheck)
        found = race.run(pairs=4)
        store.close()
    spread = {name: getattr(found, name) / found.trials for name in ("delivered", "before", "after")}
    shares = ", ".join(f"{name} {share:.0%}" for name, share in spread.items())
    print(f"{shares}; {race.capped} times 50 workers at a cap of one; {time.monotonic() - began:.0f} s")
    print(found.line())
    even = spread["delivered"] >= LEAST_DELIVERED and min(spread["before"], spread["after"]) >= LEAST_EACH_SIDE
    if not recheck:
        return 0 if found.wrong_contacts > 0 else 1
    return 0 if even and not found.wrong_contacts and not found.wrongly_withheld else 1


if __name__ == "__main__":
    sys.exit(main())
