"""A first draft of a mapping, from a schema or from sample records.

Takes field names and types; gives the text of a mapping file and, for samples, the schema that they fit. The rule kept:
a field is mapped only where its name says plainly what it is; every other one is listed for a person to decide.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from onevoice.mapping.conversion import source_types
from onevoice.mapping.fields import source_paths, target_schema
from onevoice.mapping.paths import parse_target
from onevoice.mapping.step import field_schema
from onevoice.messages import Json

_KEYS = ("id", "key", "uid", "uuid", "number", "no", "customerno", "customerid", "contactid", "partyid", "code")
_VERSIONS = (
    "systemmodstamp",
    "updatedat",
    "changedat",
    "modifiedat",
    "lastmodified",
    "updated",
    "modified",
    "writedate",
)
_SLOTS = ("billing", "shipping", "work", "home")
_NOISE = ("mailing", "primary", "default", "main", "postal", "address", "contact", "customer")
_ADDRESS = {
    "street": ("street", "street1", "line1", "addressline1"),
    "city": ("city", "town"),
    "region": ("region", "state", "county"),
    "postal_code": ("postalcode", "postcode", "zip", "zipcode"),
    "country": ("country", "countrycode"),
}
_PLAIN = {
    "name.prefix": ("salutation", "prefix"),
    "name.given": ("firstname", "givenname", "given", "forename"),
    "name.middle": ("middlename", "middle"),
    "name.family": ("lastname", "familyname", "family", "surname"),
    "name.suffix": ("suffix",),
    "name": ("name", "fullname", "displayname", "companyname"),
    "birth_date": ("birthdate", "dateofbirth", "birthday", "dob"),
    "language": ("language", "locale", "lang"),
    "vat_number": ("vatnumber", "vatid", "vat"),
    "register_number": ("registernumber",),
    "emails[{slot}].address": ("email", "emailaddress", "mail"),
    "phones[mobile].number": ("mobile", "mobilephone", "cell", "cellphone"),
    "phones[landline].number": ("phone", "telephone", "tel", "phonenumber"),
} | {f"addresses[{{slot}}].{part}": names for part, names in _ADDRESS.items()}
_AS = {"birth_date": "date", "language": "language", "address": "email", "number": "phone", "country": "country"}
_BY_NAME = {name: target for target, names in _PLAIN.items() for name in names}


def draft_mapping(stream: str, to: str, source: Json, canonical: Json) -> str:
    """Return the text of a mapping file for a stream.

    Args:
        stream: the stream's name.
        to: canonical type.
        source: schema of the stream.
        canonical: schema of the canonical type, references inlined.
    """
    paths = source_paths(source)
    key, version = _named(paths, _KEYS), _named(paths, _VERSIONS)
    rules: dict[str, str] = {}
    rest = []
    for path in paths:
        target = _target(path, source, canonical)
        if target is not None and target not in rules:
            rules[target] = path
        elif path not in (key, version):
            rest.append(path)
    country = next((path for target, path in rules.items() if target.endswith(".country")), None)
    lines = [f"stream: {stream}", f"to: {to}"]
    lines += [f"key: {key or 'TODO'}", f"version: {version or 'TODO'}", "fields:"]
    lines += [f"  {target}: {_rule(target, path, canonical, country)}" for target, path in rules.items()]
    if rest:
        lines += ["# Not recognised: give each a rule above, or a reason under `ignore:`.", *(f"# - {p}" for p in rest)]
    return "\n".join(lines) + "\n"


def schema_of(records: Sequence[Json], title: str) -> Json:
    """Return a JSON Schema that the sample records fit; what every record has, and never null, is required."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_object(records)}


def _object(records: Sequence[Json]) -> Json:
    names = list(dict.fromkeys(name for record in records for name in record))
    values = {name: [record[name] for record in records if name in record] for name in names}
    required = [name for name, found in values.items() if len(found) == len(records) and None not in found]
    return {
        "type": "object",
        "required": required,
        "properties": {name: _field(found) for name, found in values.items()},
    }


def _field(values: Sequence[Any]) -> Json:
    present = [value for value in values if value is not None]
    kinds = sorted({_kind(value) for value in present}) or ["string"]
    nullable = ["null"] if len(present) < len(values) else []
    types: Any = kinds + nullable if len(kinds) + len(nullable) > 1 else kinds[0]
    if kinds == ["object"]:
        return {**_object(present), "type": types}
    schema: Json = {"type": types}
    if kinds == ["array"]:
        entries = [entry for value in present for entry in value]
        if entries and all(isinstance(entry, dict) for entry in entries):
            schema["items"] = _object(entries)
    if kinds == ["string"]:
        for form, parse in (("date", date.fromisoformat), ("date-time", _zoned)):
            if present and all(_parses(parse, value) for value in present):
                schema["format"] = form
                break
    return schema


def _kind(value: Any) -> str:
    for kind, name in ((bool, "boolean"), (int, "integer"), (float, "number"), (dict, "object"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "string"


def _zoned(text: str) -> None:
    if "T" not in text or datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("no time with zone")


def _parses(parse: Any, text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def _named(paths: Iterable[str], names: Sequence[str]) -> str | None:
    by_word = {_word(path): path for path in paths if "." not in path}
    return next((by_word[name] for name in names if name in by_word), None)


def _target(path: str, source: Json, canonical: Json) -> str | None:
    if source_types(field_schema(source, path) or {}) != {"string"}:
        return None
    word = _word(path.rpartition(".")[2])
    outer = _word(path.rpartition(".")[0])
    slot = next((slot for slot in _SLOTS if slot in outer or word.startswith(slot)), "main")
    for before in (*_SLOTS, *_NOISE, ""):
        short = word.removeprefix(before)
        pattern = _BY_NAME.get(word) or _BY_NAME.get(short if short else word)
        if pattern is not None:
            text = pattern.format(slot=slot)
            target = parse_target(text)
            return text if target is not None and target_schema(canonical, target) is not None else None
    return None


def _rule(target: str, path: str, canonical: Json, country: str | None) -> str:
    leaf = target.rpartition(".")[2]
    schema: Mapping[str, Any] = canonical["properties"].get("name", {})
    convert = "name" if target == "name" and "properties" in schema else _AS.get(leaf)
    if convert is None:
        return path
    region = f", region: $.{country}" if convert == "phone" and country else ""
    dirty = ", invalid: drop" if convert in ("phone", "email") else ""
    return f"{{from: {path}, as: {convert}{region}{dirty}}}"


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix("__c"))
