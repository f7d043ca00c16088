"""What stands around records: who holds their block keys, and how many people are at each contact point and home.

Takes keys, gives holders. The rules: a key is looked up once, as it stands when it is first asked for; nobody's own is
a contact point or home that too many hold to be counted one by one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from onevoice.identity import COUNTED, Profile, block_keys, people_at, score
from onevoice.store import count_by_key, rows_by_keys, rows_up_to
from onevoice.store.tables import record_key, source_record
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record
from onevoice.workers.ingest.seen import Seen

_WHO = [source_record.c[name] for name in ("id", "customer_id", "identity_hash")]
_SAID = [source_record.c[name] for name in ("id", "type", "canonical")]

Number: TypeAlias = int
"""A record's id as a plain number: sets of these are several times as fast as sets of UUIDs, and sort alike."""


@dataclass(slots=True)
class Surroundings:
    """Who holds the keys: `held` has the usable ones, `crowded` how many hold each of those that too many do."""

    loaded: Loaded
    seen: Seen
    profiles: dict[Number, Profile] = field(default_factory=dict)
    customers: dict[Number, UUID | None] = field(default_factory=dict)
    held: dict[str, set[Number]] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    def look(self, keys: Iterable[str]) -> None:
        """Find the holders of those keys that were not looked at yet, and the people at each point and home."""
        asked = sorted(set(keys) - self.held.keys() - self.crowded.keys())
        columns, connection = [record_key.c.key, record_key.c.record_id], self.loaded.connection
        found: dict[str, set[Number]] = {key: set() for key in asked}
        rows: Iterable[Any] = rows_up_to(
            connection, record_key, columns, key="key", keys=asked, most=self.seen.model.cap + 1
        )
        for key, record_id in rows:
            found[key].add(record_id.int)
        crowded = [key for key, numbers in found.items() if len(numbers) > self.seen.model.cap]
        self.crowded |= count_by_key(connection, record_key, key="key", keys=crowded)
        for key in crowded:
            del found[key]
        self._load(set().union(*found.values()))
        self.held |= found
        self.people |= {
            key: people_at(key, [self.profiles[number] for number in numbers], self.seen.model)
            for key, numbers in found.items()
            if key.startswith(COUNTED)
        }
        # Too many to count one by one: nobody's own.
        self.people |= dict.fromkeys(crowded, self.seen.model.cap + 1)

    def holders(self, keys: Collection[str]) -> set[Number]:
        """Return all holders of keys, crowded or not."""
        columns = [record_key.c.record_id]
        rows = rows_by_keys(self.loaded.connection, record_key, columns, key=["key"], keys=[(key,) for key in keys])
        found = {row.record_id.int for row in rows}
        self._load(found)
        return found

    def between(self, members: Mapping[UUID, Record]) -> Callable[[UUID, UUID], float]:
        """Return what scores any two of the members, compared before or not; nothing is read until it is asked."""
        looked = False

        def scored(a: UUID, b: UUID) -> float:
            nonlocal looked
            if not looked:
                looked = True
                self.profiles |= {
                    i.int: self.seen.profile(record.canonical, record.type, record.identity_hash)
                    for i, record in members.items()
                    if i.int not in self.profiles
                }
                keys = {key for i in members for key in block_keys(self.profiles[i.int]) if key.startswith(COUNTED)}
                self.look(keys)
            return score(self.profiles[a.int], self.profiles[b.int], self.seen.model, self.people).score

        return scored

    def _load(self, numbers: set[Number]) -> None:
        """Take in what matching sees of the records; what the batch has read already is as it stands there."""
        connection, missing = self.loaded.connection, list[tuple[UUID]]()
        for number in numbers - self.profiles.keys():
            here = self.loaded.get(record_id := UUID(int=number))
            if here is None:
                missing.append((record_id,))
            else:
                self.customers[number] = here.customer_id
                self.profiles[number] = self.seen.profile(here.canonical, here.type, here.identity_hash)
        unknown: list[tuple[UUID]] = []
        who: Iterable[Any] = rows_by_keys(connection, source_record, _WHO, key=["id"], keys=missing)
        for record_id, customer_id, digest in who:
            self.customers[record_id.int] = customer_id
            known = self.seen.get(digest)
            if known is None:
                unknown.append((record_id,))
            else:
                self.profiles[record_id.int] = known
        said: Iterable[Any] = rows_by_keys(connection, source_record, _SAID, key=["id"], keys=unknown)
        for record_id, record_type, canonical in said:
            self.profiles[record_id.int] = self.seen.of(canonical or {}, record_type)[1]
