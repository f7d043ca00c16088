"""The rival: a FastStream consumer as one writes it by hand, one upsert and one commit a message, no logic.

Written down first, it has one message out and one database connection (`--prefetch 1 --connections 1`); tuned, forty
and ten. Run by `python -m benchmarks`; prints one JSON line when it has stored `--count` messages or `--seconds` have
passed since the first one.
"""

import argparse
import asyncio
import json
import time
from typing import Any

from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from psycopg_pool import AsyncConnectionPool

TABLE = """
create table if not exists rival (
  system text, key text, version text not null, data jsonb, primary key (system, key))
"""
UPSERT = """
insert into rival values (%s, %s, %s, %s)
on conflict (system, key) do update set version = excluded.version, data = excluded.data
where rival.version < excluded.version
"""


async def consume(wanted: argparse.Namespace) -> None:
    """Consume until enough is stored."""
    broker = RabbitBroker(wanted.amqp, logger=None)
    done = asyncio.Event()
    stored, began = 0, 0.0
    async with AsyncConnectionPool(
        wanted.dsn, min_size=wanted.connections, max_size=wanted.connections, open=False
    ) as pool:
        async with pool.connection() as connection:
            await connection.execute(TABLE)

        @broker.subscriber(
            RabbitQueue(wanted.queue, queue_type=QueueType.QUORUM, durable=True, declare=False),
            channel=Channel(prefetch_count=wanted.prefetch),
        )
        async def store(event: dict[str, Any]) -> None:
            nonlocal stored, began
            began = began or time.perf_counter()
            row = (event["source"], event["subject"], event["sequence"], json.dumps(event["data"]))
            async with pool.connection() as one:
                await one.execute(UPSERT, row)
            stored += 1
            if stored >= wanted.count or time.perf_counter() - began >= wanted.seconds:
                done.set()

        await broker.start()
        await done.wait()
        seconds, messages = time.perf_counter() - began, stored
        await broker.stop()
    print(json.dumps({"messages": messages, "seconds": seconds, "cpu": time.process_time()}))


def main() -> None:
    """Read the arguments and consume."""
    parser = argparse.ArgumentParser()
    for name in ("--amqp", "--queue", "--dsn"):
        parser.add_argument(name, required=True)
    for name in ("--count", "--prefetch", "--connections"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    asyncio.run(consume(parser.parse_args()))


if __name__ == "__main__":
    main()
