"""How much of a source record a mapping covers, one way and both.

Takes a mapping file and the source schema; gives counts and the fields that were forgotten.
"""

from dataclasses import dataclass

from onevoice.mapping.conversion import make_conversion
from onevoice.mapping.expression import named_fields
from onevoice.mapping.fields import source_paths
from onevoice.mapping.file import MappingFile
from onevoice.mapping.rule import Rule
from onevoice.mapping.slot import in_record, schema_of_slot
from onevoice.mapping.step import field_schema
from onevoice.messages import PARTY_TYPES, Json

ANY_REGION = "GB"  # only what a conversion can do counts here, and no region changes that


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The fields of a source record by what the mapping does with them.

    Attributes:
        total: leaves of the source schema.
        mapped: fields that fill something canonical or are an observed flag.
        bookkeeping: key, version, time, region and condition fields that fill nothing else.
        ignored: fields left out for a reason.
        forgotten: the rest.
        one_way: mapped fields that nobody asks to go back: those of what happened and is only told by the record.
        invertible: mapped fields whose rule also runs backwards.
    """

    total: int
    mapped: frozenset[str]
    bookkeeping: frozenset[str]
    ignored: frozenset[str]
    forgotten: tuple[str, ...]
    one_way: frozenset[str]
    invertible: frozenset[str]

    @property
    def two_way(self) -> float:
        """Return the share of mapped fields that go both ways, 0 to 1, `one_way` left out; 1 when there is none."""
        asked = self.mapped - self.one_way
        return len(self.invertible) / len(asked) if asked else 1.0


def measure(file: MappingFile, source: Json) -> Coverage:
    """Return the coverage of a mapping over its source schema, what it gives under `also` included."""
    parts = [file, *file.also.values()]
    lists = {part.each for part in parts if part.each}
    paths = source_paths(source, lists)
    both = [_fields(part, source) for part in parts if not part.slot or part.to in PARTY_TYPES]
    others = [_fields(part, source) for part in parts if part.slot and part.to not in PARTY_TYPES]
    mapped = frozenset().union(*(found.mapped for found in (*both, *others)))
    named = frozenset().union(*(found.named for found in (*both, *others)))
    ignored = frozenset(path for path in paths if is_ignored(file, path))
    return Coverage(
        total=len(paths),
        mapped=mapped,
        bookkeeping=named - mapped,
        ignored=ignored,
        forgotten=tuple(path for path in paths if path not in mapped | named | ignored),
        one_way=mapped - frozenset().union(*(found.mapped for found in both)),
        invertible=frozenset().union(*(found.invertible for found in both)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    mapped: frozenset[str]
    named: frozenset[str]
    invertible: frozenset[str]


def _fields(part: MappingFile, source: Json) -> _Fields:
    """What one part of a mapping does with the fields, by their paths in the whole record."""
    shape = schema_of_slot(part, source)
    known = shape.get("properties", {})
    computed = {name for rule in part.rules if rule.compute for name in named_fields(rule.compute, known)}
    flags = {path for flag in part.flags for path in (flag.source, flag.sink) if path}
    mapped = computed | flags | {path for rule in part.rules for path in rule.reads}
    two_way = {path for rule in part.rules if is_invertible(rule, shape) for path in rule.reads}
    two_way |= {flag.source for flag in part.flags if flag.source and flag.sink == flag.source}
    regions = {rule.region.removeprefix("$.") for rule in part.rules if rule.region and rule.region.startswith("$.")}
    asked = {path for rule in part.rules for path in rule.when or ()} | set(part.when or ())
    own = {part.by} if part.by else set()
    head = {part.key, part.version} | ({part.occurred_at} if part.occurred_at else set())
    return _Fields(
        mapped=frozenset(in_record(part, path) for path in mapped),
        named=frozenset(in_record(part, path) for path in regions | asked | own) | head,
        invertible=frozenset(in_record(part, path) for path in two_way),
    )


def is_ignored(file: MappingFile, path: str) -> bool:
    """Return whether the file ignores a source path, by itself or with the object that holds it."""
    return any(path == name or path.startswith((f"{name}.", f"{name}[].")) for name in file.ignore)


def is_invertible(rule: Rule, source: Json) -> bool:
    """Return whether a rule reads and writes its field."""
    if rule.source is None or rule.direction != "both":
        return False
    return make_conversion(rule, field_schema(source, rule.source) or {}, ANY_REGION).put is not None
