"""How much of a source record a mapping covers, one way and both.

Takes a mapping file and the source schema; gives counts and the fields that were forgotten.
"""

from dataclasses import dataclass

from onevoice.mapping.conversion import make_conversion
from onevoice.mapping.expression import named_fields
from onevoice.mapping.fields import source_paths
from onevoice.mapping.file import MappingFile
from onevoice.mapping.rule import Rule
from onevoice.mapping.step import field_schema
from onevoice.messages import Json

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
        invertible: mapped fields whose rule also runs backwards.
    """

    total: int
    mapped: frozenset[str]
    bookkeeping: frozenset[str]
    ignored: frozenset[str]
    forgotten: tuple[str, ...]
    invertible: frozenset[str]

    @property
    def two_way(self) -> float:
        """Return the share of mapped fields that go both ways, 0 to 1; 1 when none is mapped."""
        return len(self.invertible) / len(self.mapped) if self.mapped else 1.0


def measure(file: MappingFile, source: Json) -> Coverage:
    """Return the coverage of a mapping over its source schema."""
    paths = source_paths(source)
    computed = {
        name for rule in file.rules if rule.compute for name in named_fields(rule.compute, source.get("properties", {}))
    }
    flags = {path for flag in file.flags for path in (flag.source, flag.sink) if path}
    mapped = frozenset(computed | flags | {path for rule in file.rules for path in rule.reads})
    two_way = {rule.source for rule in file.rules if rule.source and is_invertible(rule, source)}
    two_way |= {flag.source for flag in file.flags if flag.source and flag.sink == flag.source}
    regions = {rule.region.removeprefix("$.") for rule in file.rules if rule.region and rule.region.startswith("$.")}
    asked = {path for rule in file.rules for path in rule.when or ()}
    named = regions | asked | {file.key, file.version} | ({file.occurred_at} if file.occurred_at else set())
    ignored = frozenset(path for path in paths if is_ignored(file, path))
    return Coverage(
        total=len(paths),
        mapped=mapped,
        bookkeeping=frozenset(named) - mapped,
        ignored=ignored,
        forgotten=tuple(path for path in paths if path not in mapped | named | ignored),
        invertible=frozenset(two_way),
    )


def is_ignored(file: MappingFile, path: str) -> bool:
    """Return whether the file ignores a source path, by itself or with the object that holds it."""
    return any(path == name or path.startswith(f"{name}.") for name in file.ignore)


def is_invertible(rule: Rule, source: Json) -> bool:
    """Return whether a rule reads and writes its field."""
    if rule.source is None or rule.direction != "both":
        return False
    return make_conversion(rule, field_schema(source, rule.source) or {}, ANY_REGION).put is not None
