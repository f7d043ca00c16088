"""Consent fields, compiled: what a record says at one version, and what a permission makes of the field.

Takes a flag rule; gives an `Observer`. The rule kept: a flag is an observation, never an act by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onevoice.errors import RecordError
from onevoice.mapping.file import MappingFile
from onevoice.mapping.paths import make_reader, pointer
from onevoice.mapping.rule import FlagRule
from onevoice.messages import Json, ObservedFlag, Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """A compiled flag rule.

    Attributes:
        path: `acts[channel/purpose]`.
        origin: the source path that is read.
        observe: source record -> flag; None when the field is only written.
        sink: source path that is written; empty when the field is only read.
        written: permission -> source value.
    """

    path: str
    channel: str
    purpose: str
    origin: tuple[str, ...]
    observe: Callable[[Json], ObservedFlag] | None
    sink: str
    written: dict[Permission | None, Any]


def make_observer(rule: FlagRule, file: MappingFile) -> Observer:
    """Return the compiled form of one flag rule."""
    return Observer(
        path=str(rule),
        channel=rule.channel,
        purpose=rule.purpose,
        origin=(rule.source,) if rule.source else (),
        observe=_observation(rule, rule.source, file.name) if rule.source else None,
        sink=rule.sink or "",
        written={Permission(said): value for said, value in rule.written.items()},
    )


def _observation(rule: FlagRule, path: str, name: str) -> Callable[[Json], ObservedFlag]:
    none = ObservedFlag(channel=rule.channel, purpose=rule.purpose, observed=None)
    known = {
        raw: none if said is None else ObservedFlag(channel=rule.channel, purpose=rule.purpose, observed=said)
        for raw, said in rule.observed.items()
    }

    read = make_reader(path)

    def observe(data: Json) -> ObservedFlag:
        raw = read(data)
        if raw is None or raw == "":
            return none
        try:
            flag = known.get(raw)
        except TypeError:  # a list or an object is in no table
            flag = None
        if flag is not None:
            return flag
        if rule.has_otherwise:
            return none
        reason = f"{name}: {rule} from {path}: the table has no such value"
        raise RecordError(reason, pointers=(pointer(path),))

    return observe
