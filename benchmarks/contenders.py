"""The runs themselves: the floor, the rival and the hub, each in processes of its own, on the same servers.

The hub runs as a user runs it, `onevoice run`, ingest in one process, relay and delivery in another. What it committed
is read from its own ledger of messages afterwards; what the hub itself sent in (its readings of what it wrote) is
worked off in the same time, but not counted.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.feed import Feeder, fill
from benchmarks.ground import PROJECT, Ground, HubPlace
from benchmarks.messages import PREFIX, Message
from benchmarks.meter import Meter
from benchmarks.target import Told

WARM_SECONDS = 3.0
EARLY_SECONDS = 10.0
START_SECONDS = 60.0
STOP_SECONDS = 40.0
ROLES = {"ingest": ("ingest",), "relay and delivery": ("relay", "delivery")}

_OWED = "select count(*) from obligation where next_attempt_at is not null"
_COMMITTED = f"select count(*) from message where id like '{PREFIX}%%' and finished_at > %s and finished_at <= %s"
_BATCHES = """
select count(*), avg(n), percentile_disc(0.5) within group (order by n), max(n)
from (select count(*) n from message where finished_at > %s and finished_at <= %s group by finished_at) b
"""
_FIRST = "select min(finished_at) from message where finished_at > %s"
_STATES = "select state, count(*) from message where finished_at > %s and finished_at <= %s group by state"
_VERIFIED = "select count(*) from obligation where verified_at > %s and verified_at <= %s"
_OWN = f"select count(*) from message where id not like '{PREFIX}%%' and finished_at > %s and finished_at <= %s"


class BenchmarkError(Exception):
    """A run could not be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one contender did.

    Attributes:
        per_second: messages committed per second of the window.
        cpu_us: processor microseconds per message, by process.
        mix: how often each kind of message was among those fed.
        facts: whatever else is worth knowing of this run.
    """

    name: str
    messages: int
    seconds: float
    cpu_us: dict[str, float]
    mix: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Messages committed per second."""
        return self.messages / self.seconds if self.seconds else 0.0


def run_floor(ground: Ground, messages: Sequence[Message]) -> Outcome:
    """Store the messages with the floor."""
    return _run_baseline(ground, "floor", "benchmarks.baseline.floor", messages, [])


def run_rival(ground: Ground, messages: Sequence[Message], seconds: float, *, tuned: bool) -> Outcome:
    """Store the messages with the FastStream consumer, for so many seconds; as written first, or tuned."""
    prefetch, connections = (40, 10) if tuned else (1, 1)
    arguments = ["--seconds", str(seconds), "--prefetch", str(prefetch), "--connections", str(connections)]
    name = "faststream, tuned" if tuned else "faststream"
    return _run_baseline(ground, name, "benchmarks.baseline.faststream_consumer", messages, arguments)


def run_hub(
    ground: Ground, name: str, place: HubPlace, messages: Sequence[Message], seconds: float, tick: Callable[[], None]
) -> Outcome:
    """Run the hub on the messages for so many seconds after the warm-up.

    Raises:
        BenchmarkError: the hub ended, commits nothing, or had not enough messages to last.
    """
    with ExitStack() as stack, psycopg.connect(place.dsn, autocommit=True) as connection:
        hubs = {name: stack.enter_context(_onevoice(place, name, roles)) for name, roles in ROLES.items()}
        feeder = Feeder(place.amqp, messages, Told(place.config.parent))
        feeder.start()
        stack.callback(feeder.stop)
        began = _first_commit(connection, hubs, tick)
        _sleep_until(began + timedelta(seconds=WARM_SECONDS), connection, tick)
        start = _now(connection)
        meter = Meter(
            {role: hub.pid for role, hub in hubs.items()}
            | {"postgresql": ground.postgres.pid, "rabbitmq": ground.rabbit.pid, "feeder": os.getpid()}
        )
        _sleep_until(start + timedelta(seconds=min(EARLY_SECONDS, seconds / 2)), connection, tick)
        early = _one(connection, _OWED)
        _sleep_until(start + timedelta(seconds=seconds), connection, tick)
        end, cpu, late = _now(connection), meter.seconds(), _one(connection, _OWED)
        if feeder.fed >= len(messages):
            raise BenchmarkError(f"{name}: the {len(messages)} messages did not last; raise --rate")
        if any(hub.poll() is not None for hub in hubs.values()):
            raise BenchmarkError(f"{name}: the hub ended; see {place.config.parent}/*.log")
        span = (start, end)
        count = _one(connection, _COMMITTED, *span)
        batches = connection.execute(_BATCHES, span).fetchone() or (0, 0, 0, 0)
        return Outcome(
            name=name,
            messages=count,
            seconds=(end - start).total_seconds(),
            cpu_us=_per_message(cpu, count),
            mix=dict(Counter(message.told.kind for message in messages[: feeder.fed])),
            facts={
                "batches": batches[0],
                "batch_size": round(float(batches[1] or 0), 1),
                "batch_median": batches[2],
                "batch_largest": batches[3],
                "own_readings": _one(connection, _OWN, *span),
                "proven": _one(connection, _VERIFIED, *span),
                "owed_early": early,
                "owed_late": late,
                "quarantined": _one(connection, "select count(*) from quarantine"),
                "states": dict(connection.execute(_STATES, span).fetchall()),
            },
        )


def _run_baseline(
    ground: Ground, name: str, module: str, messages: Sequence[Message], arguments: Sequence[str]
) -> Outcome:
    place = name.replace(", ", "_")
    amqp = ground.rabbit.url(ground.rabbit.create_vhost(place))
    fill(amqp, place, messages)
    ground.postgres.create_database(place)
    command = [sys.executable, "-m", module, "--amqp", amqp, "--queue", place, "--dsn", ground.dsn(place)]
    meter = Meter({"postgresql": ground.postgres.pid, "rabbitmq": ground.rabbit.pid})
    done = subprocess.run(
        [*command, "--count", str(len(messages)), *arguments],
        cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise BenchmarkError(f"{name}: ended with {done.returncode}: {done.stderr.strip()[-2000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    ground.rabbit.delete_vhost(place)
    ground.postgres.drop_database(place)
    return Outcome(
        name=name,
        messages=said["messages"],
        seconds=said["seconds"],
        cpu_us=_per_message(meter.seconds() | {"consumer": said["cpu"]}, said["messages"]),
        mix=dict(Counter(message.told.kind for message in messages[: said["messages"]])),
    )


@contextmanager
def _onevoice(place: HubPlace, name: str, roles: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "onevoice", "run", "--config", str(place.config)]
    for role in roles:
        command += ["--role", role]
    log_path: Path = place.config.parent / f"{name.split(maxsplit=1)[0]}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _first_commit(
    connection: psycopg.Connection[Any], hubs: dict[str, subprocess.Popen[bytes]], tick: Callable[[], None]
) -> datetime:
    deadline = time.monotonic() + START_SECONDS
    began = _now(connection)
    while time.monotonic() < deadline:
        found: datetime | None = _one(connection, _FIRST, began)
        if found is not None:
            return found
        if any(hub.poll() is not None for hub in hubs.values()):
            break
        tick()
        time.sleep(0.2)
    raise BenchmarkError("the hub commits nothing: see its logs")


def _sleep_until(moment: datetime, connection: psycopg.Connection[Any], tick: Callable[[], None]) -> None:
    while (left := (moment - _now(connection)).total_seconds()) > 0:
        tick()
        time.sleep(min(left, 0.5))


def _now(connection: psycopg.Connection[Any]) -> datetime:
    now: datetime = _one(connection, "select clock_timestamp()")
    return now


def _one(connection: psycopg.Connection[Any], statement: str, *parameters: object) -> Any:
    row = connection.execute(statement, parameters or None).fetchone()
    assert row is not None
    return row[0]


def _per_message(cpu: dict[str, float], messages: int) -> dict[str, float]:
    return {name: round(1e6 * seconds / max(messages, 1), 1) for name, seconds in cpu.items()}
