"""A mapping as a pair of functions, compiled once from its file and the two schemas.

Takes source records and gives canonical ones with the flags observed and the origin of each value; takes canonical
records and permissions and gives source fields to write. The rule kept: get(put(s, c)) == c on everything it writes.
"""

import hashlib
import json
from collections.abc import Callable
from collections.abc import Mapping as Table
from datetime import datetime
from typing import Any, TypeAlias

from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping.file import MappingFile
from onevoice.mapping.observation import Observer, make_observer
from onevoice.mapping.paths import flatten, pointer, put_source, read_source
from onevoice.mapping.slot import WHOLE, instances_of, schema_of_slot
from onevoice.mapping.step import Step, make_step
from onevoice.mapping.times import moment
from onevoice.messages import Json, Lane, Mapped, ObservedFlag, Permission
from onevoice.versions import version_text

_UNREADABLE = object()

# What fills one object, one entry of a list or one value: head, slot, (leaf, reader) of each rule, constants by leaf.
_Group: TypeAlias = tuple[str, str | None, tuple[tuple[str, Callable[[Json], Any]], ...], dict[str, Any]]


class Mapping:
    """A compiled mapping.

    Attributes:
        name: system and stream, for messages.
        to: canonical type.
        version_id: changes when anything changes that decides what a record becomes: file, source schema or region.
        writable: the hub may write records of this stream.
        acts: (channel, purpose) of the permissions that the stream has fields for.
        if_empty: source paths that are written only where the system holds nothing.
        slot: what the mapping is called under `also`; empty for the record itself.
        origins: canonical leaf or flag -> the source paths that it is made from.
        sources: all source paths that are read.
    """

    def __init__(
        self, file: MappingFile, version_id: str, steps: tuple[Step, ...], observers: tuple[Observer, ...]
    ) -> None:
        self.name, self.stream, self.slot, self.to = file.name, file.stream, file.slot, file.to
        self.version_id, self.writable = version_id, file.writable
        self._key, self._version, self._occurred_at = file.key, file.version, file.occurred_at
        self._groups = _grouped(steps)
        self._observers = tuple(observer.observe for observer in observers if observer.observe is not None)
        self.origins = _origins(steps, observers)
        self._writers = tuple(step for step in steps if step.put is not None) if file.writable else ()
        self._sinks = tuple(observer for observer in observers if observer.sink) if file.writable else ()
        self._by_source = {source: step for step in self._writers for source in step.sources}
        self._chosen = tuple(step for step in self._writers if step.place is not None and len(step.sources) > 1)
        self._by_sink = {observer.sink: observer for observer in self._sinks}
        self._instances = instances_of(file)
        self.sources = frozenset(source for group in self.origins.values() for source in group)
        self.acts = tuple((sink.channel, sink.purpose) for sink in self._sinks)
        self.if_empty = frozenset(source for step in self._writers if step.if_empty for source in step.sources)

    def key(self, data: Json) -> str:
        """Return the record's key as text.

        Raises:
            RecordError: the record has none.
        """
        value = read_source(data, self._key)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise RecordError(f"{self.name}: the key field holds no key", pointers=(pointer(self._key),))
        return str(value)

    def version(self, data: Json) -> str:
        """Return the source version as sortable text.

        Raises:
            RecordError: the record has none.
        """
        try:
            text = version_text(read_source(data, self._version))
        except TypeError:
            text = ""
        if not text:
            raise RecordError(f"{self.name}: the version field holds no version", pointers=(pointer(self._version),))
        return text

    def occurred_at(self, data: Json) -> datetime | None:
        """Return the time that the record's values date from, UTC; None when the mapping or the record names none.

        Raises:
            RecordError: the field holds no time with zone.
        """
        raw = read_source(data, self._occurred_at) if self._occurred_at else None
        if raw is None or raw == "":
            return None
        try:
            return moment(raw)
        except ValueError:
            where = (pointer(self._occurred_at or ""),)
            raise RecordError(f"{self.name}: `occurred_at` is no time with zone", pointers=where) from None

    def to_canonical(self, data: Json) -> Mapped:
        """Return the canonical record, the flags observed, and the origin of each leaf and flag that there may be.

        Raises:
            RecordError: a value cannot be read; names the step and the pointer, not the value.
        """
        canonical: Json = {}
        for head, slot, gets, constants in self._groups:
            part: Json = {} if slot is None else {"kind": slot}
            for leaf, get in gets:
                value = get(data)
                if value is not None:
                    part[leaf] = value
            if gets and len(part) == (slot is not None):
                continue
            if constants:
                part.update(constants)
            if "" in part:
                part = _with_whole(part)
            if slot is not None:
                canonical.setdefault(head, []).append(part)
            else:
                canonical[head] = part
        return Mapped(type=self.to, canonical=canonical, flags=self.observe(data), origins=self._origins_in(data))

    def _origins_in(self, data: Json) -> dict[str, tuple[str, ...]]:
        """Of several fields that a value may come from, the one that it does come from."""
        if not self._chosen:
            return self.origins
        found = dict(self.origins)
        for step in self._chosen:
            place = step.place(data) if step.place is not None else None
            found |= dict.fromkeys(step.origins, (place,) if place is not None else step.sources)
        return found

    def records(self, data: Json) -> list[tuple[str, Json, Mapped]]:
        """Return what a slot gives: ending of the key, the part of the source record that is read, what it becomes.

        Raises:
            RecordError: as `to_canonical`, its pointers into the whole record; or entries of a list look alike.
        """
        found = []
        for ending, place, part in self._instances(data):
            try:
                found.append((ending, part, self.to_canonical(part)))
            except RecordError as error:
                within = tuple(_within(place, pointer) for pointer in error.pointers)
                raise RecordError(str(error), pointers=within) from None
        return found

    def observe(self, data: Json) -> tuple[ObservedFlag, ...]:
        """Return what the record's consent fields say, without mapping the rest.

        Raises:
            RecordError: a field holds what its table does not know.
        """
        return tuple([look(data) for look in self._observers])

    def to_source(
        self,
        canonical: Json,
        permissions: Table[tuple[str, str], Permission],
        lane: Lane,
        gaps: dict[str, str] | None = None,
        *,
        data: Json | None = None,
    ) -> dict[str, Any]:
        """Return the value of each source path that this lane writes; what is absent or unknown is left out.

        Args:
            canonical: the record as it should be.
            permissions: (channel, purpose) -> permission; what is missing counts as unknown.
            lane: the suppression lane renders the permissions alone, the record lane everything else.
            data: the record as it stands, by which some rules know where they write, or whether; None: none yet.
            gaps: takes source path -> reason of each value that the mapping has no way to write; the rest is written.

        Raises:
            RecordError: a canonical value is in no table of the mapping, and no `gaps` were given.
        """
        if lane is Lane.SUPPRESSION:
            sinks = ((sink, permissions.get((sink.channel, sink.purpose))) for sink in self._sinks)
            return {sink.sink: sink.written[said] for sink, said in sinks if said in sink.written}
        flat = flatten(canonical)
        fields = {}
        for step in self._writers:
            path = step.sources[0] if step.place is None else step.place(data or {})
            if path is None:
                continue
            value = _whole(step, flat) if step.parts else flat.get(step.path)
            try:
                written = None if value is None or value == "" else step.write(value)
            except RecordError as error:
                if gaps is None:
                    raise
                gaps[path] = str(error)
                continue
            if written is not None:
                fields[path] = written
        return fields

    def difference(self, data: Json, fields: Table[str, Any]) -> dict[str, Any]:
        """Return those of `fields` that the record does not yet say, judged on canonical values.

        A number in another notation or a letter in another case is no difference when it reads the same.
        """
        return {path: value for path, value in fields.items() if self._differs(data, path, value)}

    def writable_paths(self, lane: Lane) -> frozenset[str]:
        """Return the source paths that a lane may write."""
        return frozenset(self._by_sink if lane is Lane.SUPPRESSION else self._by_source)

    def read_source(self, data: Json, path: str) -> Any:
        """Return what stands at a dotted source path; None when nothing does."""
        return read_source(data, path)

    def _differs(self, data: Json, path: str, value: Any) -> bool:
        if read_source(data, path) == value:
            return False
        changed = put_source(data, path, value)
        if path in self._by_sink:
            observe = self._by_sink[path].observe
            return observe is None or _tried(observe, data) != _tried(observe, changed)
        step = self._by_source.get(path)
        return step is None or _tried(step.get, data) != _tried(step.get, changed)


def compile_mapping(file: MappingFile, *, source: Json, canonical: Json, region: str) -> Mapping:
    """Return the two-way function of a mapping file.

    Args:
        file: the mapping.
        source: schema of the stream's records, references inlined; of an entry of `each` its own is taken from it.
        canonical: schema of the canonical type, references inlined.
        region: region of telephone numbers where neither rule nor record names one, e.g. GB.

    Raises:
        ConfigurationError: two rules fill one canonical path or write one source path, or an expression is malformed.
    """
    decisive = json.dumps([file.version_id, source, region], sort_keys=True)
    version_id = hashlib.sha256(decisive.encode()).hexdigest()[:12]
    source = schema_of_slot(file, source)
    steps = tuple(make_step(rule, file=file, source=source, canonical=canonical, region=region) for rule in file.rules)
    observers = tuple(make_observer(rule, file) for rule in file.flags)
    sinks = [source for step in steps if step.put for source in step.sources]
    sinks += [observer.sink for observer in observers if observer.sink]
    twice = sorted({path for path in sinks if sinks.count(path) > 1})
    if twice and file.writable:
        raise ConfigurationError(f"{file.path}: {twice[0]} is written by two rules: give one of them `direction: in`")
    return Mapping(file, version_id, steps, observers)


def _grouped(steps: tuple[Step, ...]) -> tuple[_Group, ...]:
    places: dict[tuple[str, str | None], list[Step]] = {}
    for step in steps:
        if step.reads:
            places.setdefault((step.head, step.slot), []).append(step)
    return tuple(
        (
            head,
            slot,
            tuple((step.leaf, step.get) for step in inside if not step.constant),
            {step.leaf: step.get({}) for step in inside if step.constant},
        )
        for (head, slot), inside in places.items()
    )


def _with_whole(part: Json) -> Any:
    """Return one value, or an object that one rule gives as a whole and others give parts of."""
    whole = part.pop("")
    return {**part, **whole} if part else whole


def _whole(step: Step, flat: Json) -> Json | None:
    return {leaf: flat[path] for leaf in step.parts if (path := f"{step.path}.{leaf}") in flat} or None


def _origins(steps: tuple[Step, ...], observers: tuple[Observer, ...]) -> dict[str, tuple[str, ...]]:
    origins: dict[str, tuple[str, ...]] = {}
    for step in steps:
        if step.reads:
            origins |= step.origins
    return origins | {one.path: one.origin for one in observers if one.observe is not None}


def _within(place: str, pointer: str) -> str:
    whole = f"/{WHOLE}/"
    return f"/{pointer.removeprefix(whole)}" if pointer.startswith(whole) else f"{place}{pointer}"


def _tried(read: Callable[[Json], object], data: Json) -> object:
    try:
        return read(data)
    except RecordError:
        return _UNREADABLE
