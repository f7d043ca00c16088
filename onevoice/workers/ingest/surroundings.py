"""What stands around records: who holds their block keys, and how many people each of their contact points.

Takes keys, gives holders. The rules: a key is looked up once, as it stands when it is first asked for; nobody's own is
a contact point that too many hold to be counted one by one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from onevoice.identity import Model, Profile, block_keys, holders_of, profile, score
from onevoice.store import count_by_key, rows_by_keys, rows_up_to
from onevoice.store.tables import record_key
from onevoice.workers.ingest.loaded import Loaded
from onevoice.workers.ingest.record import Record

POINTS = ("email:", "phone:")

Number: TypeAlias = int
"""A record's id as a plain number: sets of these are several times as fast as sets of UUIDs, and sort alike."""


@dataclass(slots=True)
class Surroundings:
    """Who holds the keys: `held` has the usable ones, `crowded` how many hold each of those that too many do."""

    loaded: Loaded
    model: Model
    profiles: dict[Number, Profile] = field(default_factory=dict)
    records: dict[Number, Record] = field(default_factory=dict)
    held: dict[str, set[Number]] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    def look(self, keys: Iterable[str]) -> None:
        """Find the holders of those keys that were not looked at yet, and the people on each contact point."""
        asked = sorted(set(keys) - self.held.keys() - self.crowded.keys())
        columns, connection = [record_key.c.key, record_key.c.record_id], self.loaded.connection
        found: dict[str, set[Number]] = {key: set() for key in asked}
        for row in rows_up_to(connection, record_key, columns, key="key", keys=asked, most=self.model.cap + 1):
            found[row.key].add(row.record_id.int)
        crowded = [key for key, numbers in found.items() if len(numbers) > self.model.cap]
        self.crowded |= count_by_key(connection, record_key, key="key", keys=crowded)
        for key in crowded:
            del found[key]
        self._load(set().union(*found.values()))
        self.held |= found
        self.people |= {
            key: holders_of([self.profiles[number] for number in numbers], self.model)
            for key, numbers in found.items()
            if key.startswith(POINTS)
        }
        # Too many to count one by one: nobody's own.
        self.people |= dict.fromkeys(crowded, self.model.cap + 1)

    def holders(self, keys: Collection[str]) -> set[Number]:
        """Return all holders of keys, crowded or not."""
        columns = [record_key.c.record_id]
        rows = rows_by_keys(self.loaded.connection, record_key, columns, key=["key"], keys=[(key,) for key in keys])
        found = {row.record_id.int for row in rows}
        self._load(found)
        return found

    def between(self, members: Mapping[UUID, Record]) -> Callable[[UUID, UUID], float]:
        """Return what scores any two of the members, compared before or not; nothing is read until it is asked."""
        seen = set[UUID]()

        def scored(a: UUID, b: UUID) -> float:
            if not seen:
                seen.update(members)
                self.profiles |= {
                    i.int: profile(record.canonical, record.type, self.model)
                    for i, record in members.items()
                    if i.int not in self.profiles
                }
                points = {key for i in members for key in block_keys(self.profiles[i.int]) if key.startswith(POINTS)}
                self.look(points)
            return score(self.profiles[a.int], self.profiles[b.int], self.model, self.people).score

        return scored

    def _load(self, numbers: set[Number]) -> None:
        missing = [UUID(int=number) for number in numbers - self.profiles.keys()]
        for record in self.loaded.by_ids(missing).values():
            self.records[record.id.int] = record
            self.profiles[record.id.int] = profile(record.canonical, record.type, self.model)
