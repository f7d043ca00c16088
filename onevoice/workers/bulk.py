"""Bulk: records go into the master straight from where they are read, by the functions of the door and of ingest.

For initial loads: there is no broker between, and nothing is urgent. The one rule: what stands afterwards is what the
same records would have brought about over the bus; a load that was cut is begun again, and what it had taken in costs
nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import structlog

from onevoice.bus import Delivery
from onevoice.bus.envelope import envelope_json
from onevoice.bus.topology import routing_key
from onevoice.errors import RecordError, TransientError
from onevoice.messages import SourceRecord
from onevoice.store import INGEST, Store, keep_out
from onevoice.workers.door import Numbered, confirm, envelope_of, number, one_version_each
from onevoice.workers.door_check import Checked, check
from onevoice.workers.fault import place_of
from onevoice.workers.ingest import Ingest
from onevoice.workers.ingest.prepare import Incoming, Rejected
from onevoice.workers.ingest.set_aside import keep, quarantine_row

BATCH = 2000

log = structlog.get_logger("onevoice")
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Records that are news, numbered, checked and mapped; `failed` where that met a defect."""

    numbered: Numbered
    deliveries: Sequence[Delivery]
    prepared: Sequence[Incoming | Rejected]
    failed: Exception | None = None


@dataclass(slots=True, kw_only=True)
class Bulk:
    """Loads records of one system at a time; a running hub goes on meanwhile, in turn with it.

    Attributes:
        counts: what became of the records: `applied`, `stale`, `quarantined` and so on; `known` were there before.
    """

    store: Store
    ingest: Ingest
    counts: Counter[str] = field(default_factory=Counter)

    def load(self, system: str, records: Iterable[SourceRecord], *, progress: Progress | None = None) -> None:
        """Take all records in; the next are numbered, checked and mapped while the last are committed.

        Raises:
            TransientError: the store is away; begin again.
        """
        waiting = iter(records)
        with ThreadPoolExecutor(1, thread_name_prefix="prepare") as ahead:
            following: Future[list[_Part]] | None = None
            sizes: list[int] = []
            while True:
                batch = list(islice(waiting, BATCH))
                current, following = following, ahead.submit(self._prepare, system, batch) if batch else None
                sizes.append(len(batch))
                if current is not None:
                    for part in current.result():
                        self._commit(part)
                    if progress is not None:
                        progress(sizes[-2])
                if not batch:
                    return

    def _prepare(self, system: str, batch: Sequence[SourceRecord]) -> list[_Part]:
        good, bad = check(system, batch)
        if bad:
            with self.store.transaction() as connection:
                keep(connection, bad)
            self.counts["quarantined"] += len(bad)
        return list(self._parts(system, good, one_version_each(good)))

    def _parts(self, system: str, good: Sequence[Checked], rounds: Sequence[Sequence[Checked]]) -> Iterator[_Part]:
        now = datetime.now(UTC)
        news = 0
        for some in rounds:
            with self.store.transaction() as connection:
                numbered = number(connection, system, some)
            news += len(numbered)
            envelopes = [envelope_of(system, one.record, row, now=now) for one, row in numbered]
            deliveries = [
                Delivery(
                    body=envelope_json(one),
                    routing_key=routing_key(system, one.stream),
                    user_id=None,
                    redelivered=0,
                    tag=None,
                )
                for one in envelopes
            ]
            try:
                yield _Part(numbered=numbered, deliveries=deliveries, prepared=self.ingest.prepare(deliveries))
            except Exception as error:  # noqa: BLE001 - the record that breaks it is found and set aside when its turn comes
                yield _Part(numbered=numbered, deliveries=deliveries, prepared=(), failed=error)
        self.counts["known"] += len(good) - news

    def _commit(self, part: _Part) -> None:
        if not part.numbered:
            return
        try:
            if part.failed is not None:
                raise part.failed
            with self.store.transaction() as connection:
                keep_out(connection, INGEST)
                result = self.ingest.commit(connection, part.prepared)
                confirm(connection, part.numbered)
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - one record that the code cannot bear must not stop its neighbours
            self._take_apart(part, error)
        else:
            self.counts.update(result.counts)

    def _take_apart(self, part: _Part, error: Exception) -> None:
        """Halve until the record that breaks it stands alone, then set it aside."""
        if len(part.numbered) > 1:
            middle = len(part.numbered) // 2
            for half in (slice(middle), slice(middle, None)):
                self._commit(self._again(part.numbered[half], part.deliveries[half]))
            return
        log.error("record_set_aside", error=type(error).__name__, at=place_of(error))
        known = isinstance(error, RecordError)  # its text is ours and holds no values
        reason = str(error) if known else f"defect in the hub: {type(error).__name__}"
        with self.store.transaction() as connection:
            keep(connection, [quarantine_row(part.deliveries[0], step="ingest", reason=reason)])
            confirm(connection, part.numbered)
        self.counts["quarantined"] += 1

    def _again(self, numbered: Numbered, deliveries: Sequence[Delivery]) -> _Part:
        try:
            return _Part(numbered=numbered, deliveries=deliveries, prepared=self.ingest.prepare(deliveries))
        except Exception as error:  # noqa: BLE001 - as above
            return _Part(numbered=numbered, deliveries=deliveries, prepared=(), failed=error)
