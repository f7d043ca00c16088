"""One rule, compiled: how a canonical leaf is read from a source record and written back.

Takes a rule and the two schemas; gives a `Step`. The rule kept: what cannot be read or written becomes a RecordError
with the step and the pointer; the value itself goes nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onevoice.errors import ConfigurationError, RecordError
from onevoice.mapping.conversion import make_conversion
from onevoice.mapping.expression import compile_expression, named_fields
from onevoice.mapping.fields import group_schema
from onevoice.mapping.file import MappingFile
from onevoice.mapping.function import load_function
from onevoice.mapping.paths import Target, make_reader, pointer
from onevoice.mapping.rule import Rule
from onevoice.mapping.several import condition, first_of, joined, place_of
from onevoice.mapping.table import Conversion
from onevoice.messages import Json

Read = Callable[[Json], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A compiled rule.

    Attributes:
        path: canonical path; `head`, `slot` and `leaf` are its parts, `leaf` empty when the head itself is meant.
        sources: source paths that it reads.
        origins: canonical leaf -> `sources`; several leaves when the value is an object.
        get: source record -> canonical value, None when absent.
        put: canonical value -> source value; None when the rule does not write.
        place: source record -> the source path that holds the value, or would; None where that is always the first.
        parts: leaves of the object that the value is; none when it is a leaf itself.
    """

    path: str
    head: str
    slot: str | None
    leaf: str
    sources: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    get: Read
    put: Callable[[Any], Any] | None
    place: Callable[[Json], str | None] | None
    reads: bool
    constant: bool
    parts: tuple[str, ...]
    if_empty: bool
    name: str

    def write(self, value: Any) -> Any:
        """Return the source value for a canonical one; None to leave the field as it is.

        Raises:
            RecordError: the rule has no source value for it.
        """
        try:
            return None if self.put is None else self.put(value)
        except ValueError:
            raise RecordError(
                f"{self.name}: {self.path} cannot be written to {self.sources[0]}: the value is in no table",
                pointers=(f"/{self.path}",),
            ) from None


def field_schema(schema: Json, path: str) -> Json | None:
    """Return the schema of a dotted path, `[]` for the entries of a list; None when the schema names no such field."""
    node: Any = schema
    for name in path.split("."):
        node = node.get("properties", {}).get(name.removesuffix("[]"))
        if name.endswith("[]") and isinstance(node, dict):
            node = node.get("items")
        if not isinstance(node, dict):
            return None
    return dict(node)


def make_step(rule: Rule, *, file: MappingFile, source: Json, canonical: Json, region: str) -> Step:
    """Return the compiled form of one rule.

    Raises:
        ConfigurationError: an expression is malformed.
    """
    put = None
    sources = rule.reads
    if rule.python is not None:
        get = _function(rule, rule.python, file)
    elif rule.source is not None:
        conversion = make_conversion(rule, field_schema(source, rule.source) or {}, region)
        get = _reader(rule, conversion, file.name)
        put = conversion.put if rule.direction != "in" and rule.write != "never" else None
    elif rule.compute is not None:
        sources = named_fields(rule.compute, source.get("properties", {}))
        get = _computer(rule, rule.compute, sources, file)
    else:
        constant = rule.constant
        get = lambda _data: constant  # noqa: E731 - the other branches give closures too
    if rule.when is not None:
        get = _only_when(condition(rule.when), get)
    target = rule.target
    parts = tuple(leaf for leaf in parts_of(canonical, target) if leaf != "kind")
    leaves = [f"{target}.{leaf}" for leaf in parts] or [str(target)]
    return Step(
        path=str(target),
        head=target.head,
        slot=target.slot,
        leaf=target.leaf or "",
        sources=sources,
        origins=dict.fromkeys(leaves, sources),
        get=get,
        put=put,
        place=place_of(sources, rule.when) if put is not None and (rule.others or rule.when) else None,
        reads=rule.direction != "out",
        constant=rule.source is None and rule.compute is None,
        parts=parts,
        if_empty=rule.write == "if-empty",
        name=file.name,
    )


def parts_of(canonical: Json, target: Target) -> Json:
    """Return the schemas of the leaves of an object or list entry that is filled as a whole; none for a leaf."""
    schema = group_schema(canonical, target) if target.leaf is None else None
    return dict((schema or {}).get("properties", {}))


def _reader(rule: Rule, conversion: Conversion, name: str) -> Read:
    drop, convert, of_record, read = rule.drop_invalid, conversion.get, conversion.of_record, _raw(rule)

    def get(data: Json) -> Any:
        raw = read(data)
        if raw is None or raw == "":
            return None
        try:
            return convert(raw, data) if of_record else convert(raw)
        except ValueError:
            if drop:
                return None
            how = (
                "`values`"
                if rule.values is not None
                else "`split`"
                if rule.split
                else f"`as: {rule.convert or 'text'}`"
            )
            raise _unreadable(rule, name, how) from None

    return get


def _raw(rule: Rule) -> Read:
    if not rule.others:
        return make_reader(rule.source or "")
    return first_of(rule.reads) if rule.join is None else joined(rule.reads, rule.join)


def _unreadable(rule: Rule, name: str, how: str) -> RecordError:
    reason = f"{name}: {rule.target} from {', '.join(rule.reads)}: {how} cannot read the value"
    return RecordError(reason, pointers=tuple(pointer(path) for path in rule.reads))


def _only_when(holds: Callable[[Json], bool], get: Read) -> Read:
    return lambda data: get(data) if holds(data) else None


def _function(rule: Rule, name: str, file: MappingFile) -> Read:
    try:
        function = load_function(file.functions_folder, name)
    except ValueError as error:
        raise ConfigurationError(f"{file.path}: {rule.target}: {error}") from None
    readers = [make_reader(path) for path in rule.reads]

    def get(data: Json) -> Any:
        try:
            value = function(*[None if (raw := read(data)) == "" else raw for read in readers])
        except Exception:  # noqa: BLE001 - its text may hold values
            raise _unreadable(rule, file.name, f"`python: {name}`") from None
        return None if value == "" else value

    return get


def _computer(rule: Rule, expression: str, sources: tuple[str, ...], file: MappingFile) -> Read:
    try:
        compute = compile_expression(expression)
    except ValueError as error:
        raise ConfigurationError(f"{file.path}: {rule.target}: not a JSONata expression: {error}") from None

    def get(data: Json) -> Any:
        try:
            value = compute(data)
        except Exception:  # noqa: BLE001 - its text may hold values
            reason = f"{file.name}: {rule.target}: the expression of `compute` fails on this record"
            raise RecordError(reason, pointers=tuple(pointer(source) for source in sources)) from None
        return None if value == "" else value

    return get
