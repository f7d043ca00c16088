"""A process that uses the bus and is then killed: `publish N` or `take N`; says so on a line and waits."""

import json
import sys
import time

from onevoice.bus import RECORDS_QUEUE, open_bus
from onevoice.store import open_store
from tests.bus.contract import TOPOLOGY, envelope


def main() -> None:
    settings = json.loads(sys.argv[1])
    store = open_store(settings["store"])
    bus = open_bus(settings["url"], store, TOPOLOGY)
    if settings["action"] == "publish":
        bus.publish_records([envelope(number) for number in range(settings["count"])])
    else:
        consumer = bus.consume(RECORDS_QUEUE, prefetch=settings["count"])
        taken = 0
        while taken < settings["count"]:
            taken += len(consumer.take(settings["count"], 10))
    sys.stdout.write("done\n")
    sys.stdout.flush()
    time.sleep(120)


if __name__ == "__main__":
    main()
