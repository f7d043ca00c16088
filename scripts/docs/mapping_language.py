"""The page about the mapping language: its words from the parser, its checks from lint, an example from a real file.

The one rule: a word that the parser knows and nobody explained, or the reverse, is an error.
"""

import re
from pathlib import Path

from onevoice.mapping import layout, rule
from onevoice.mapping.lint import TWO_WAY_LEAST
from scripts.docs.markdown import code, codes, page, table
from tests.mapping import desk

_FILE_KEYS = {
    "stream": "the stream's name",
    "to": "the canonical type: person, organisation, relationship, interaction, act or order",
    "key": "source path of the record's key",
    "version": "source path of its version: a whole number, a time or text whose order is that of the versions",
    "fields": "canonical path: rule",
    "occurred_at": "source path of the time that its values date from; else the time of reading counts",
    "writable": "the hub may write records of this stream; the manifest must say so too",
    "create": "whose records the hub makes where the system has none: `never` (when absent), `when_needed` (who "
    "ordered or accepted an offer) or `all`; the manifest must say how",
    "contract": "what becomes of a record that is not what its schema says; see below; else `quarantine record`",
    "also": "name: what else one record gives; see below",
    "ignore": "source path: why it is not mapped; an object ignores all below it",
    "tests": "cases with `name`, `in`, `canonical`, `flags`, `also`, run by `onevoice mapping test`, in and back again",
}
_MODES = {
    "quarantine record": ("taken in", "the record waits in quarantine, whole"),
    "quarantine field": (
        "taken in",
        "the field waits with its message, keeping the last value that could be read; the rest is taken in",
    ),
    "evolve": ("taken in", "the rules read it if they can; a record that they cannot read waits in quarantine"),
    "freeze": ("the record waits", "the record waits, and the stream is not read until its schema is mended"),
}
_SLOT_KEYS = {
    "to": "its canonical type",
    "fields": "its rules, as above",
    "when": "`{path: value}`: the record gives it only where this holds, as in a rule",
    "each": "source path of a list of objects: one record for each entry; interactions, acts and orders only",
    "by": "with `each`: the path in an entry that tells it from the others",
}
_RULE_KEYS = {
    "from": "source path, dotted; or a list of paths, of which the first that holds something counts, both ways",
    "join": "with a list in `from`: the texts joined by this, blank ones left out; `direction: in`",
    "split": "`{by: text, into: [part, …]}`: the text falls into parts of the object, the last takes the rest",
    "when": "`{path: value}`: the rule reads and writes only where every path holds the value, one of a list, or is "
    "`present` or `absent`",
    "python": "name of a typed function in `functions.py` beside the file, over the values of `from`, None where "
    "blank; the last resort, `direction: in`",
    "format": "of dates and times: a pattern of `strptime`, a list whose first is written, `epoch` or `epoch-ms`",
    "zone": "of times that carry none, such as `Europe/Berlin`; they are written in it too",
    "as": "conversion",
    "values": "table: source value: canonical value",
    "otherwise": "what a source value outside the table becomes: `drop`, or `{value: …}`",
    "back": "table: canonical value: the source value to write, where several read the same",
    "value": "a constant, set wherever something else in its object is",
    "compute": "a JSONata expression over the source record; one way",
    "direction": "`in`, `out` or `both` (when absent; `in` for `value`); a `compute` must say `in`",
    "write": "`always` (when absent), `if-empty` (only into a gap, or over the hub's own value) or `never`",
    "invalid": "`drop`: a value that cannot be read counts as absent, instead of failing the record",
    "region": "of national telephone numbers: a code such as `GB`, or `$.path` to a country field; else the system's",
    "style": "how it is written back",
    "stream": "for `as: reference`: the stream that the key belongs to",
    "slot": "for `as: reference`: which of the records that its source record gives",
    "kind": "for `as: point`: the kind of contact point, where the value does not tell",
}
_ALSO = desk.MAPPING[desk.MAPPING.index("also:") : desk.MAPPING.index("ignore:")]
_CONVERSIONS = {
    "text": "text without blanks at its ends; a whole number is read as text and written back as a number",
    "date": "ISO 8601 day, or what `format` says",
    "datetime": "ISO 8601 time with a zone, or what `format` and `zone` say, made UTC with six fraction digits",
    "phone": "any notation, made E.164",
    "email": "an address in lower case",
    "country": "ISO 3166-1 alpha-2, upper case",
    "language": "the language of a tag, lower case",
    "currency": "ISO 4217, upper case",
    "name": "a whole name into prefix, given and family name; one word is a family name",
    "address": "street, town with postal code and country in one text, by commas or lines",
    "decimal": "an exact number as text",
    "bool": "true or false, also as text",
    "reference": "the key of a record of the same system",
    "point": "a contact point, `phone:+…` or `email:…`",
}
_CHECKS = {
    "unknown-canonical-path": "the canonical schema has no such path",
    "unknown-source-path": "the stream's schema has no such field",
    "missing-target": "a canonical field that the schema requires has no rule, or one that reads what may be null",
    "written-twice": "two rules write one source field",
    "forgotten-field": "a source field is neither mapped nor ignored",
    "ignored-but-mapped": "a field is both",
    "two-way-coverage": "too few mapped fields of a writable stream go both ways",
    "type-clash": "what the rule gives does not fit the other end",
    "not-invertible": "the rule cannot be written back and does not say `direction: in`",
    "many-to-one": "several source values read the same and `back` names none of them",
    "outside-table": "a value that the schema allows is not in the table",
    "unknown-slot": "a reference names nothing that stands under `also`",
    "unknown-channel": "a flag names no channel",
    "flag-round-trip": "what is written for a permission would be observed as something else",
}


def mapping_page(root: Path) -> str:
    """Return the page.

    Raises:
        ValueError: parser or lint and the explanations differ.
    """
    _hold("keys of a file", layout.KEYS, _FILE_KEYS)
    _hold("contract modes", layout.CONTRACTS, dict.fromkeys(_MODES, ""))
    _hold("keys under also", layout.SLOT_KEYS, _SLOT_KEYS)
    _hold("keys of a rule", rule._KEYS, _RULE_KEYS)
    _hold("conversions", rule.CONVERSIONS, _CONVERSIONS)
    _hold("checks of lint", _codes_of(root), _CHECKS)
    needed = set(layout.REQUIRED)
    return page(
        "The mapping language",
        "One YAML file for each connector and stream, `mappings/<connector>/<stream>.yaml`; a file in "
        "`mappings/<system>/` says over it what is otherwise in one installation: rules, reasons and what stands under "
        "`also` key by key, an empty value takes one away, everything else whole. It is declared once and runs both "
        "ways.",
        "## The file",
        table(
            ["key", "needed", "meaning"],
            [[code(k), "yes" if k in needed else "", text] for k, text in _FILE_KEYS.items()],
        ),
        "## Paths",
        "A canonical path is `birth_date`, `name.given` or `emails[main].address`: an entry of a list is addressed by "
        "its kind; `name` or `addresses[main]` is filled as a whole by `split`, `as: name` or `as: address`. A source "
        "path is dotted: `main_address.city`.",
        "## Rules",
        "A rule is a source path, or a mapping with exactly one of `from`, `value` and `compute`.",
        table(["key", "meaning"], [[code(k), _RULE_KEYS[k]] for k in sorted(_RULE_KEYS)]),
        "## Conversions",
        "Without `as` and `values`, text is read as `text` and everything else as it is. What would not read back as "
        "the same value (a time that its format cannot tell, a name in more parts than the text can) is not written.",
        table(
            ["`as`", "reads", "options"],
            [[code(name), text, _options(name)] for name, text in _CONVERSIONS.items()],
        ),
        "## Consent fields",
        f"`acts[channel/purpose]` has `in:`, `out:` or both. `in` names a field and says what its values mean, one of "
        f"{codes(sorted(rule.OBSERVED))}; `otherwise: no act` takes every other value as silence. A flag is an "
        "observation: it becomes an act only where it changes from version to version, or at first sight, and it can "
        f"withdraw, never grant. `out` says what to write for {codes(sorted(rule._PERMISSIONS))}; unknown is never "
        "written. The suppression lane alone writes these fields.",
        "## Several records from one",
        "Under `also`, each with a name of its own, stands what a source record gives besides the one that `to` names: "
        "a partner, a relationship, the calls in a list, an act.",
        table(["key", "meaning"], [[code(k), _SLOT_KEYS[k]] for k in _SLOT_KEYS]),
        "Each is a record of its own with the key `<key>#<name>`, with `each` `<key>#<name>/<what tells it apart>`; "
        "the keys of such a stream may hold no `#`. It has the version of its source record. A reference to the record "
        "itself is `{from: <key path>, as: reference, stream: <this stream>}`, to another one the same with `slot`. In "
        "an `each`, paths begin at the entry, and `$.` leads to the whole record: `$.id`.",
        "A person, organisation or relationship that a later version does not give any more is deleted with that "
        "version; interactions, acts and orders happened and stay, also when the record is deleted. Customers and "
        "consent fields go back into the source record, everything else is read only and does not count in the two-way "
        "coverage. A field of an entry is ignored as `calls[].done`.",
        "```yaml\n" + _ALSO + "```",
        "## A source that changes its shape",
        "`contract` says what becomes of a record with a field that the schema does not name, or with a value that "
        "does not fit. Every difference is reported with its path (`onevoice drift list`), and `onevoice drift patch` "
        "proposes the change of the schema. A new field stays in the stored record and no rule reads it; nothing is "
        "dropped.",
        table(["`contract`", "a new field", "a value that does not fit"], [[code(m), *_MODES[m]] for m in _MODES]),
        "Key and version must be readable under each of them. Over a field that waits the hub writes nothing, a "
        "consent field excepted.",
        "## What lint finds",
        f"`onevoice mapping lint` holds both ends of every rule to both schemas without running anything. A writable "
        f"stream needs {TWO_WAY_LEAST:.0%} of its mapped fields to go both ways.",
        table(["check", "meaning"], [[code(name), _CHECKS[name]] for name in sorted(_CHECKS)]),
        "## Example: `mappings/sample_crm/Contact.yaml`",
        _example(root / "mappings" / "sample_crm" / "Contact.yaml"),
    )


def _hold(what: str, known: object, explained: dict[str, str]) -> None:
    words = set(known)  # type: ignore[call-overload]
    if words != explained.keys():
        raise ValueError(f"{what}: explain or drop in {__name__}: {sorted(words ^ explained.keys())}")


def _codes_of(root: Path) -> set[str]:
    """Return the names of lint's checks: what stands there as a text of its own, in lower case with dashes."""
    folder = root / "onevoice" / "mapping"
    text = "".join((folder / name).read_text(encoding="utf-8") for name in ("lint.py", "lint_rules.py"))
    return set(re.findall(r"[,(] \"([a-z]+(?:-[a-z]+)+)\"", text)) - {"if-empty", "date-time"}


def _options(name: str) -> str:
    options = []
    for option, conversions in sorted(rule._OPTIONS.items()):
        if name in conversions:
            styles = f": {codes(sorted(rule._STYLES[name]))}" if option == "style" else ""
            options.append(f"{code(option)}{styles}")
    return "; ".join(options)


def _example(path: Path) -> str:
    text = path.read_text(encoding="utf-8").partition("\ntests:")[0]
    return f"```yaml\n{text}\n```"
