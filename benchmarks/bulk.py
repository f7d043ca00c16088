"""`python -m benchmarks.bulk`: a first load from files, in bulk; with --compare over the bus too, to the same result.

Every file goes through `onevoice ingest` as a user would type it, on a private PostgreSQL (fsync on). The comparison is
SQL on both databases; customers go by their records there, since ids differ from run to run.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TextIO

import orjson
import psycopg
import typer

from benchmarks.ground import PROJECT, Ground, HubPlace
from benchmarks.mixes import mix_b
from benchmarks.population import Population

MILLION = 1_000_000
WAIT_SECONDS = 1_800.0
GROUPS = """
    select array_agg(r.system || ' ' || r.stream || ' ' || r.key order by r.system, r.stream, r.key),
           min(c.golden::text)
    from source_record r join customer c on c.id = r.customer_id group by r.customer_id
"""
SAME = (
    GROUPS,
    "select system, stream, key, sequence, reading, content_hash, canonical::text, flags::text from source_record",
    "select system, lane, stream, target from obligation",
    "select id, kind, channel, purpose, superseded_at is null from act",
    "select channel, point, purpose, listed from suppression_entry",
    "select system, stream, key, number, confirmed from reading",
    "select system, id, state from message",
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    records: Annotated[int, typer.Option(min=100, help="How many, about two of each customer.")] = 20_000,
    compare: Annotated[bool, typer.Option("--compare", help="Load them over the bus too, and compare.")] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same people.")] = 1,
) -> None:
    """Load the records of mix B from NDJSON files; exits with 1 where the two ways differ."""
    with tempfile.TemporaryDirectory(prefix="onevoice-bulk-") as name, Ground(Path(name)) as ground:
        files = _write(Path(name), records, seed)
        ground.load((), lambda _: None)
        place = ground.hub("bulk", (), ())
        began, most = time.monotonic(), 0.0
        for (system, stream), file in files.items():
            most = max(most, _ingest(place, file, system, stream, "--bulk"))
        seconds = time.monotonic() - began
        rate = records / seconds
        _say(f"bulk: {records:,} records in {seconds:.0f} s, {rate:,.0f}/s, at most {most / 1024:.0f} MiB")
        _say(f"at this rate a million would take {MILLION / rate / 60:.0f} min")
        if compare:
            live = ground.hub("live", (), ())
            _over_the_bus(live, files, records)
            differing = [s.split(" from ")[-1].split()[0] for s in SAME if _rows(place, s) != _rows(live, s)]
            _say(f"over the bus it is {'the same' if not differing else 'another: ' + ', '.join(differing)}")
            raise typer.Exit(int(bool(differing)))


def _write(folder: Path, records: int, seed: int) -> dict[tuple[str, str], Path]:
    files: dict[tuple[str, str], Path] = {}
    open_files: dict[tuple[str, str], TextIO] = {}
    for one in islice(mix_b(Population(seed), seed + 1), records):
        key = one.system, one.record.stream
        if key not in files:
            files[key] = folder / f"{one.system}.{one.record.stream}.ndjson"
            open_files[key] = files[key].open("w", encoding="utf-8")
        open_files[key].write(orjson.dumps(one.record.data).decode() + "\n")
    for file in open_files.values():
        file.close()
    return files


def _ingest(place: HubPlace, file: Path, system: str, stream: str, *more: str) -> float:
    """Run the command; returns the most memory that it took, in KiB."""
    what = ["ingest", str(file), "--system", system, "--stream", stream, *more, "--config", str(place.config)]
    process = subprocess.Popen([sys.executable, "-m", "onevoice", *what], cwd=PROJECT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"onevoice {' '.join(what[:3])} ended with {process.returncode}")
    return float(used.ru_maxrss)


def _over_the_bus(place: HubPlace, files: dict[tuple[str, str], Path], records: int) -> None:
    run = [sys.executable, "-m", "onevoice", "run", "--role", "ingest", "--config", str(place.config)]
    worker = subprocess.Popen(run, cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        for (system, stream), file in files.items():
            _ingest(place, file, system, stream)
        deadline = time.monotonic() + WAIT_SECONDS
        while next(iter(_rows(place, "select count(*) from message")))[0] < records:
            if time.monotonic() > deadline or worker.poll() is not None:
                raise SystemExit("the worker did not take all of it in")
            time.sleep(0.5)
    finally:
        worker.terminate()
        worker.wait(30)


def _rows(place: HubPlace, statement: str) -> list[tuple[Any, ...]]:
    def told() -> Iterator[tuple[Any, ...]]:
        with psycopg.connect(place.dsn) as connection:
            yield from connection.execute(statement)  # type: ignore[call-overload]

    return sorted(told(), key=repr)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    app()
