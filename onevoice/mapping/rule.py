"""The rules of a mapping file as values.

Takes what the YAML says of one field; gives a `Rule` or a `FlagRule`. The rule kept: an unknown key, a missing part or
a combination that means nothing is an error at load, with the nearest valid word.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from zoneinfo import available_timezones

from onevoice.mapping.paths import Target, parse_target

CONVERSIONS = frozenset(
    {"text", "date", "datetime", "phone", "email", "country", "language", "currency", "decimal", "bool", "name"}
    | {"address", "reference", "point"}
)
OBSERVED = frozenset({"withdrawn", "granted", "no act"})
_KEYS = frozenset(
    {"from", "as", "values", "otherwise", "back", "value", "compute", "direction", "write", "invalid"}
    | {"region", "style", "stream", "kind", "format", "zone", "join", "split", "when", "python", "slot"}
)
_OPTIONS = {
    "region": {"phone", "point"},
    "style": {"phone", "language", "name", "address"},
    "format": {"date", "datetime"},
    "zone": {"datetime"},
    "stream": {"reference"},
    "slot": {"reference"},
    "kind": {"point"},
}
_STYLES = {
    "phone": {"e164", "national", "international"},
    "language": {"lower", "upper"},
    "name": {"given-first", "family-first"},
    "address": {"postcode-city", "city-postcode"},
}
_WHOLE = frozenset({"name", "address"})
_EPOCHS = frozenset({"epoch", "epoch-ms"})
_READ_ONLY = frozenset({"valid_from", "valid_until"})  # they say when an entry holds; no golden record has them
_CHOICES = {"direction": {"in", "out"}, "write": {"always", "if-empty", "never"}, "invalid": {"drop"}}
_PERMISSIONS = {"denied", "allowed"}


class RuleProblem(Exception):  # noqa: N818 - never leaves the room: the loader adds the place
    """What is wrong with a rule.

    Args:
        message: what is wrong and what to write instead.
        key: the key inside the rule that it is about.
    """

    def __init__(self, message: str, *, key: tuple[Hashable, ...] = ()) -> None:
        super().__init__(message)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """How a text falls into parts: the separator, and the part of the target object that each piece fills."""

    by: str
    into: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one canonical path and one source path belong together.

    Attributes:
        source: dotted source path, the first of several; None for a constant or a computed value.
        others: the source paths after the first, in order.
        join: text between the values of several paths; None: the first that holds something counts.
        split: how the text falls into parts of an object.
        when: source path -> value, values, `present` or `absent`; the rule reads and writes only where all hold.
        python: name of the function in `functions.py` that makes the value.
        formats: of dates and times, the written one first.
        zone: of times that carry none.
        convert: name of the conversion; empty when the source's own type decides.
        values: source value -> canonical value; `back` names the written one where several read the same.
        outside: what a source value outside the table becomes; only meant where `has_otherwise`.
        direction: "in", "out" or "both".
        write: "always", "if-empty" or "never".
        drop_invalid: a value that cannot be converted counts as absent.
        region: region of national phone numbers, or `$.path` to a country field.
        stream, slot: of a reference, where its record is; `slot` names one of several that its source record gives.
    """

    target: Target
    source: str | None = None
    convert: str = ""
    values: Mapping[Any, Any] | None = None
    back: Mapping[Any, Any] | None = None
    has_otherwise: bool = False
    outside: Any = None
    constant: Any = None
    compute: str | None = None
    direction: str = "both"
    write: str = "always"
    drop_invalid: bool = False
    region: str | None = None
    style: str | None = None
    stream: str | None = None
    kind: str | None = None
    others: tuple[str, ...] = ()
    join: str | None = None
    split: Split | None = None
    when: Mapping[str, Any] | None = None
    python: str | None = None
    formats: tuple[str, ...] = ()
    zone: str | None = None
    slot: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """Return the source paths that the value is made of, in order."""
        return (self.source, *self.others) if self.source else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRule:
    """How a consent field is observed and written back.

    Attributes:
        source: path that is read; None when the field is written only.
        observed: source value -> "withdrawn", "granted" or None for no act.
        has_otherwise: a value outside `observed` means no act; without it such a value is an error.
        sink: path that is written; None when the field is read only.
        written: "denied" | "allowed" -> source value.
    """

    channel: str
    purpose: str
    source: str | None = None
    observed: Mapping[Any, str | None]
    has_otherwise: bool = False
    sink: str | None = None
    written: Mapping[str, Any]

    def __str__(self) -> str:
        return f"acts[{self.channel}/{self.purpose}]"


def nearest(word: object, known: object) -> str:
    """Return ` (did you mean ...?)` for the known word nearest to `word`, or nothing."""
    close = get_close_matches(str(word), [str(item) for item in known], n=1)  # type: ignore[attr-defined]
    return f" (did you mean `{close[0]}`?)" if close else ""


def parse_rule(path: object, spec: object) -> Rule | FlagRule:
    """Return the rule for one entry of `fields`.

    Raises:
        RuleProblem: the entry is malformed.
    """
    if isinstance(path, str) and path.startswith("acts["):
        return _parse_flag(path, spec)
    target = parse_target(str(path))
    if target is None:
        raise RuleProblem(f"`{path}` is no canonical path: write `field`, `field.part` or `list[kind].part`")
    if target.slot and not target.leaf and not (isinstance(spec, dict) and _is_whole(spec)):
        raise RuleProblem(f"`{path}` names a whole entry: say `split` or `as: address`, or fill it part by part")
    if target.leaf in _READ_ONLY and not (isinstance(spec, dict) and spec.get("direction") == "in"):
        raise RuleProblem(f"`{path}` is read and never written back: say `direction: in`")
    if isinstance(spec, str):
        return Rule(target=target, source=spec)
    if not isinstance(spec, dict):
        raise RuleProblem("a rule is a source path or a mapping with `from`, `value` or `compute`")
    _check_keys(spec)
    return _rule(target, spec)


def _rule(target: Target, spec: dict[str, Any]) -> Rule:
    one_way = "value" in spec or "compute" in spec
    otherwise = spec.get("otherwise")
    source = spec.get("from")
    paths: list[Any] = source if isinstance(source, list) else [source]
    split, form = spec.get("split"), spec.get("format", ())
    return Rule(
        target=target,
        source=paths[0],
        others=tuple(paths[1:]),
        join=spec.get("join"),
        split=Split(by=split["by"], into=tuple(split["into"])) if split else None,
        when=spec.get("when"),
        python=spec.get("python"),
        formats=(form,) if isinstance(form, str) else tuple(form),
        zone=spec.get("zone"),
        convert=str(spec.get("as", "")),
        values=spec.get("values"),
        back=spec.get("back"),
        has_otherwise="otherwise" in spec,
        outside=None if otherwise == "drop" else otherwise["value"] if isinstance(otherwise, dict) else None,
        constant=spec.get("value"),
        compute=spec.get("compute"),
        direction=str(spec.get("direction", "in" if one_way else "both")),
        write=str(spec.get("write", "always")),
        drop_invalid=spec.get("invalid") == "drop",
        region=spec.get("region"),
        style=spec.get("style"),
        stream=spec.get("stream"),
        slot=spec.get("slot"),
        kind=spec.get("kind"),
    )


def _check_keys(spec: dict[str, Any]) -> None:
    for key in spec:
        if key not in _KEYS:
            raise RuleProblem(f"unknown key `{key}`{nearest(key, _KEYS)}", key=(key,))
    if len({"value", "compute"} & spec.keys()) + ("from" in spec) != 1:
        raise RuleProblem("a rule has exactly one of `from`, `value` and `compute`")
    for key in ("compute", "region", "stream", "slot", "join", "python"):
        if key in spec and not (isinstance(spec[key], str) and spec[key]):
            raise RuleProblem(f"`{key}` must be text", key=(key,))
    for key, choices in _CHOICES.items():
        if key in spec and spec[key] not in choices:
            raise RuleProblem(f"`{key}` must be one of {', '.join(sorted(choices))}", key=(key,))
    if "compute" in spec and spec.get("direction") != "in":
        raise RuleProblem("a computed field cannot be written back: say `direction: in`", key=("compute",))
    if "value" in spec and spec["value"] is None:
        raise RuleProblem("a constant must have a value", key=("value",))
    _check_from(spec)
    _check_conversion(spec)
    _check_format(spec)
    _check_table(spec)


def _check_from(spec: dict[str, Any]) -> None:
    source = spec.get("from", "a path")
    several = isinstance(source, list) and len(source) > 1
    if not (several or isinstance(source, str)) or not all(isinstance(p, str) and p for p in source):
        raise RuleProblem("`from` must be a source path, or a list of two or more", key=("from",))
    if "join" in spec and not several:
        raise RuleProblem("`join` goes with a list of paths in `from`", key=("join",))
    when = spec.get("when", {"path": "present"})
    if not (isinstance(when, dict) and when and all(isinstance(path, str) for path in when)):
        raise RuleProblem("`when` must be {path: value, list of values, present or absent}", key=("when",))
    if "python" in spec and ("from" not in spec or {"as", "values", "join", "split", "compute"} & spec.keys()):
        raise RuleProblem("`python` goes with `from` alone", key=("python",))
    for key in ("python", "join"):  # where one text ends and the next begins is not told
        if key in spec and spec.get("direction") != "in":
            raise RuleProblem("this cannot be written back: say `direction: in`", key=(key,))
    if "when" in spec and "from" not in spec:
        raise RuleProblem("`when` goes with `from`", key=("when",))


def _is_whole(spec: dict[str, Any]) -> bool:
    return "split" in spec or spec.get("as") in _WHOLE


def _check_format(spec: dict[str, Any]) -> None:
    form = spec.get("format", "%Y")
    forms = form if isinstance(form, list) else [form]
    if not forms or not all(isinstance(one, str) and ("%" in one or one in _EPOCHS) for one in forms):
        message = "`format` must be a pattern such as `%d.%m.%Y`, a list of them, `epoch` or `epoch-ms`"
        raise RuleProblem(message, key=("format",))
    if _EPOCHS & set(forms) and (len(forms) > 1 or spec.get("as") != "datetime" or "zone" in spec):
        raise RuleProblem("`epoch` and `epoch-ms` stand alone, with `as: datetime`", key=("format",))
    if "zone" in spec and spec["zone"] not in available_timezones():
        raise RuleProblem(
            f"`zone` must be a zone such as Europe/Berlin{nearest(spec['zone'], available_timezones())}", key=("zone",)
        )
    if "split" not in spec:
        return
    split = spec["split"]
    fits = isinstance(split, dict) and set(split) == {"by", "into"} and isinstance(split["by"], str) and split["by"]
    into = split["into"] if fits else None
    if not (isinstance(into, list) and len(into) > 1 and all(isinstance(part, str) for part in into)):
        raise RuleProblem("`split` must be {by: text, into: [part, part]}", key=("split",))
    if {"as", "values", "join"} & spec.keys() or "from" not in spec:
        raise RuleProblem("`split` stands for itself: no `as`, `values` or `join` beside it", key=("split",))


def _check_conversion(spec: dict[str, Any]) -> None:
    name = str(spec.get("as", ""))
    if name and name not in CONVERSIONS:
        raise RuleProblem(f"unknown conversion `{name}`{nearest(name, CONVERSIONS)}", key=("as",))
    for option, conversions in _OPTIONS.items():
        if option in spec and name not in conversions:
            raise RuleProblem(f"`{option}` goes with `as: {' or '.join(sorted(conversions))}`", key=(option,))
    if name == "reference" and "stream" not in spec:
        raise RuleProblem("`as: reference` needs `stream:`, the stream that the key belongs to", key=("as",))
    if "style" in spec and spec["style"] not in _STYLES[name]:
        raise RuleProblem(f"`style` must be one of {', '.join(sorted(_STYLES[name]))}", key=("style",))
    if spec.get("style") == "national" and str(spec.get("region", "$.")).startswith("$."):
        raise RuleProblem("`style: national` needs a literal `region`, or it would not read back", key=("style",))
    if "kind" in spec and spec["kind"] not in ("phone", "email"):
        raise RuleProblem("`kind` must be phone or email", key=("kind",))


def _check_table(spec: dict[str, Any]) -> None:
    if "values" not in spec:
        if "back" in spec or "otherwise" in spec:
            raise RuleProblem("`back` and `otherwise` go with `values`")
        return
    if "as" in spec or "invalid" in spec or "from" not in spec:
        raise RuleProblem("`values` stands for itself: no `as` or `invalid` beside it, but a `from`", key=("values",))
    for key in ("values", "back"):
        if key in spec and not (isinstance(spec[key], dict) and spec[key]):
            raise RuleProblem(f"`{key}` must be a table", key=(key,))
    otherwise = spec.get("otherwise", "drop")
    if otherwise != "drop" and not (isinstance(otherwise, dict) and set(otherwise) == {"value"}):
        raise RuleProblem("`otherwise` must be `drop` or `{value: ...}`", key=("otherwise",))


def _parse_flag(path: str, spec: object) -> FlagRule:
    channel, slash, purpose = path.removeprefix("acts[").removesuffix("]").partition("/")
    if not (slash and channel and purpose and path.endswith("]")):
        raise RuleProblem(f"`{path}` must be `acts[channel/purpose]`")
    if not (isinstance(spec, dict) and spec and set(spec) <= {"in", "out"}):
        raise RuleProblem("an act has `in:` (how it is observed), `out:` (how it is written) or both")
    source, observed, has_otherwise = _observation(spec["in"]) if "in" in spec else (None, {}, False)
    sink, written = _writing(spec["out"]) if "out" in spec else (None, {})
    return FlagRule(
        channel=channel,
        purpose=purpose,
        source=source,
        observed=observed,
        has_otherwise=has_otherwise,
        sink=sink,
        written=written,
    )


def _observation(spec: Any) -> tuple[str, dict[Any, str | None], bool]:
    form = "`in:` must be {from: path, values: {value: withdrawn | granted | no act}, otherwise: no act}"
    if not (isinstance(spec, dict) and {"from", "values"} <= set(spec) <= {"from", "values", "otherwise"}):
        raise RuleProblem(form, key=("in",))
    if not (isinstance(spec["from"], str) and isinstance(spec["values"], dict)):
        raise RuleProblem(form, key=("in",))
    if spec.get("otherwise", "no act") != "no act" or not set(spec["values"].values()) <= OBSERVED:
        raise RuleProblem(form, key=("in", "values"))
    observed = {raw: None if said == "no act" else said for raw, said in spec["values"].items()}
    return spec["from"], observed, "otherwise" in spec


def _writing(spec: Any) -> tuple[str, dict[str, Any]]:
    form = "`out:` must be {to: path, from: permission, values: {denied: value, allowed: value}, otherwise: leave}"
    if not (isinstance(spec, dict) and {"to", "from", "values"} <= set(spec) <= {"to", "from", "values", "otherwise"}):
        raise RuleProblem(form, key=("out",))
    if spec["from"] != "permission" or spec.get("otherwise", "leave") != "leave" or not isinstance(spec["to"], str):
        raise RuleProblem(form, key=("out",))
    if not (isinstance(spec["values"], dict) and spec["values"] and set(spec["values"]) <= _PERMISSIONS):
        raise RuleProblem(f"{form}; unknown is never written", key=("out", "values"))
    return spec["to"], dict(spec["values"])
