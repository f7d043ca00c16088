"""What can be seen without speaking to a system: manifest, schemas, mappings, settings (K1, K2)."""

from collections.abc import Iterator
from typing import Any

from onevoice.errors import ConfigurationError, OnevoiceError
from onevoice.mapping import lint, measure, run_tests
from onevoice.sdk import Connector, Receiver, RecordCreator, RecordFinder
from onevoice.sdk.exchange import Limits, limited
from onevoice.sdk.manifest import Manifest, StreamSpec
from onevoice.testing.contract.subject import Subject

_MARK = "0nev01ce-s3cret"


def complete(subject: Subject) -> Iterator[str]:
    """K1: manifest, mappings, schemas, and tests in the mappings are there, sound, and say the same."""
    manifest = subject.manifest
    files = subject.files()
    for name in sorted(files.keys() - manifest.streams.keys()):
        yield f"mappings/{manifest.id}/{name}.yaml: the manifest has no such stream"
    for name, spec in manifest.streams.items():
        if name not in files:
            yield f"mappings/{manifest.id}/{name}.yaml is missing"
            continue
        file = files[name]
        try:
            source, canonical = subject.contracts(name)
            others = {slot.to: subject.canonical(slot.to) for slot in file.also.values()}
        except OnevoiceError as error:
            yield str(error)
            continue
        yield from map(str, lint(file, source.schema, canonical.schema, {to: one.schema for to, one in others.items()}))
        cases = run_tests(file, source=source, canonical=canonical, region=subject.region, others=others)
        yield from (f"{name}: test {case.name!r}: {problem}" for case in cases for problem in case.problems)
        if not cases:
            yield f"{name}: the mapping has no test"
        if file.writable and not spec.writable:
            yield f"{name}: the mapping is writable and the manifest's stream is not"
        for word, path in (("key", file.key), ("version", file.version)):
            if word in spec.declared and spec.declared[word] != path:
                yield f"{name}: {word} is {spec.declared[word]} in the manifest and {path} in the mapping"
    yield from _capable(subject)


def _capable(subject: Subject) -> Iterator[str]:
    able, manifest = subject.manifest.capabilities, subject.manifest
    pushed = any(spec.mode == "push" for spec in manifest.streams.values())
    with subject.connected() as connector:
        if able.push != (pushed or isinstance(connector, Receiver)):
            yield f"capabilities.push is {able.push}, and the streams and ports say otherwise"
        yield from _creates(manifest, connector)
    without_code = manifest.entry is None and manifest.kind != "file"
    if without_code and (able.deletes == "told") != any(map(_tells_deletes, manifest.streams.values())):
        yield f"capabilities.deletes is {able.deletes}, and the streams say otherwise"
    if (able.suppression in ("list", "file")) != bool(manifest.lists):
        yield f"capabilities.suppression is {able.suppression}, and the lists say otherwise"


def _creates(manifest: Manifest, connector: Connector) -> Iterator[str]:
    able, creating = manifest.capabilities.create, any(spec.create is not None for spec in manifest.streams.values())
    if able != "none" and not creating:
        yield f"capabilities.create is {able}, and no stream has `create`"
    if creating and not isinstance(connector, RecordCreator):
        yield "a stream has `create`, and the connector lacks create()"
    if creating and able == "lookup" and not isinstance(connector, RecordFinder):
        yield "capabilities.create is lookup, and the connector lacks find()"
    for name, spec in manifest.streams.items():
        if spec.create is not None and not spec.writable:
            yield f"{name}: has `create` and is not writable"


def _tells_deletes(spec: StreamSpec) -> bool:
    """A stream of a connector without code tells of deletes where its declaration says how."""
    return bool(spec.declared.keys() & {"deleted", "marked_deleted", "log"})


def settings_named(subject: Subject) -> Iterator[str]:
    """K2: a missing, an unknown and a plain-text secret setting are named; a secret stands in no repr and no error."""
    values: dict[str, Any] = dict(subject.settings.values)
    secrets = dict(subject.settings.secrets)
    for name in subject.manifest.settings.get("required", ()):
        yield from _named(
            subject,
            name,
            {key: value for key, value in values.items() if key != name},
            {key: value for key, value in secrets.items() if key != name},
        )
    yield from _named(subject, "n0_such_setting", {**values, "n0_such_setting": 1}, secrets)
    for name in subject.manifest.secrets():
        yield from _named(subject, name, {**values, name: _MARK}, secrets)
    marked = dict.fromkeys(subject.manifest.secrets(), _MARK)
    if not marked:
        return
    said = ""
    try:
        with limited(Limits(again_seconds=(0.0, 0.0))), subject.connected(subject.unreachable, marked) as connector:
            said = repr(connector)
            if (
                subject.unreachable is not None
            ):  # a system in use is not tried with a wrong password: it may lock us out
                connector.check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not show the secret
        said += f"{error!r} {error}"
    if _MARK in said:
        yield "a secret is shown"


def _named(subject: Subject, name: str, values: dict[str, Any], secrets: dict[str, str]) -> Iterator[str]:
    try:
        with subject.connected(values, secrets):
            yield f"setting {name} is wrong and nobody says so"
    except ConfigurationError as error:
        if name not in str(error):
            yield f"setting {name} is wrong and the message does not name it"
        if _MARK in str(error):
            yield f"the message on {name} shows the secret"
    except Exception as error:  # noqa: BLE001 - the kind of it is the finding
        yield f"setting {name} is wrong and that ends in {type(error).__name__}"


def all_mapped(subject: Subject) -> Iterator[str]:
    """K6: every source field is mapped or ignored with a reason, and what is read becomes a canonical record."""
    for name, file in subject.files().items():
        source, _ = subject.contracts(name)
        yield from (f"{name}: {path} is neither mapped nor ignored" for path in measure(file, source.schema).forgotten)
