"""The floor: take messages from a quorum queue and store them, 500 at a time, in one table; no logic at all.

Each batch goes by COPY into a temporary table and from there as an upsert into one table, is committed, and only then
acknowledged. Run by `python -m benchmarks`; prints one JSON line when it has stored `--count` messages.
"""

import argparse
import json
import time

import orjson
import pika
import psycopg

from onevoice.bus.rabbitmq.consumer import RabbitConsumer

BATCH = 500
TABLE = """
create table if not exists floor (
  system text, stream text, key text, version text not null, data jsonb, primary key (system, stream, key));
create temp table incoming (like floor) on commit delete rows;
"""
UPSERT = """
insert into floor select distinct on (system, stream, key) * from incoming order by system, stream, key, version desc
on conflict (system, stream, key) do update set version = excluded.version, data = excluded.data
"""


def main() -> None:
    """Consume and store until `--count` messages are in."""
    parser = argparse.ArgumentParser()
    for name in ("--amqp", "--queue", "--dsn"):
        parser.add_argument(name, required=True)
    parser.add_argument("--count", type=int, required=True)
    wanted = parser.parse_args()
    consumer = RabbitConsumer(pika.URLParameters(wanted.amqp), wanted.queue, prefetch=2 * BATCH)
    stored, began, cpu = 0, 0.0, 0.0
    with psycopg.connect(wanted.dsn) as connection:
        connection.execute(TABLE)
        connection.commit()
        while stored < wanted.count:
            deliveries = consumer.take(BATCH, 1.0)
            if deliveries and not began:
                began, cpu = time.perf_counter(), time.process_time()
            with connection.cursor() as cursor:
                with cursor.copy("copy incoming from stdin") as copy:
                    for delivery in deliveries:
                        event = orjson.loads(delivery.body)
                        system, _, stream = delivery.routing_key.partition(".")
                        data = orjson.dumps(event["data"]).decode()
                        copy.write_row((event["source"], stream or system, event["subject"], event["sequence"], data))
                cursor.execute(UPSERT)
            connection.commit()
            consumer.ack(deliveries)
            stored += len(deliveries)
    seconds = time.perf_counter() - began
    print(json.dumps({"messages": stored, "seconds": seconds, "cpu": time.process_time() - cpu}))
    consumer.close()


if __name__ == "__main__":
    main()
