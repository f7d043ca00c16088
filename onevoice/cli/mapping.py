"""`onevoice mapping`: hold the mapping files to their schemas and tests, and try one record both ways."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from onevoice.cli.screen import BAD, done, note, out, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, config_path, hub_of, loaded
from onevoice.cli.sync import System
from onevoice.errors import ConfigurationError, RecordError

if TYPE_CHECKING:
    from onevoice.config import Config
    from onevoice.contracts import Contract, Contracts
    from onevoice.mapping import Mapping, MappingFile, Problem
    from onevoice.messages import Mapped

app = typer.Typer(
    name="mapping", help="The mapping files: draft, lint, tests, one record both ways.", no_args_is_help=True
)

Owner = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A system or connector; all when left out.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """A mapping file with the contracts that it joins; `others` are those of the types under `also`."""

    file: "MappingFile"
    source: "Contract"
    canonical: "Contract"
    others: dict[str, "Contract"]
    region: str

    @classmethod
    def of(cls, file: "MappingFile", contracts: "Contracts", connector: str, region: str) -> "Linted":
        """Return the file with its contracts."""
        return cls(
            file=file,
            source=contracts.source(connector, file.stream),
            canonical=contracts.canonical(file.to),
            others={slot.to: contracts.canonical(slot.to) for slot in file.also.values()},
            region=region,
        )

    def slots(self) -> "list[Linted]":
        """Return what else the file gives, each as a mapping of its own."""
        return [replace(self, file=slot, canonical=self.others[slot.to]) for slot in self.file.also.values()]


@app.command("lint")
def lint(name: Owner = None, config: ConfigPath = None) -> None:
    """Find what is wrong with the mapping files without running them, and how much of each stream goes both ways.

    Example: onevoice mapping lint
    """
    from onevoice.mapping import measure

    rows, problems = [], []
    for one in mapping_files(loaded(config), name):
        coverage = measure(one.file, one.source.schema)
        problems += problems_of(one)
        rows.append(
            (
                _place(one.file.path),
                one.file.to,
                "writable" if one.file.writable else "read",
                len(coverage.mapped),
                len(coverage.ignored),
                len(coverage.forgotten),
                f"{coverage.two_way:.0%}",
            )
        )
    table(["file", "to", "", "mapped#", "ignored#", "forgotten#", "both ways#"], rows)
    for problem in problems:
        out.print(str(problem), style=BAD, soft_wrap=True, markup=False)
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) in the mappings")
    done(f"{len(rows)} mapping files are sound")


@app.command("test")
def run_cases(name: Owner = None, config: ConfigPath = None) -> None:
    """Run the tests that stand in the mapping files, in, out and back again, and round trips of generated records.

    Example: onevoice mapping test
    """
    files = mapping_files(loaded(config), name)
    writable = [part for one in files for part in (one, *one.slots()) if part.file.writable]
    failing = [text for one in files for text in failing_cases(one)]
    with progress("round trips", total=len(writable)) as advance:
        broken = _broken_laws(writable, advance)
    failing += broken or []
    for text in failing:
        out.print(text, style=BAD, soft_wrap=True, markup=False)
    if failing:
        raise ConfigurationError(f"{len(failing)} mapping test(s) fail")
    if broken is None:
        note("no round trips were generated: that needs hypothesis (pip install hypothesis)")
    tried = "" if broken is None else f", and the round trips of {len(writable)} writable ones"
    done(f"{sum(len(one.file.tests) for one in files)} tests in {len(files)} mapping files hold{tried}")


@app.command("try")
def try_record(
    system: System,
    stream: Annotated[str, typer.Argument(help="The stream.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="One record as JSON, - for standard input; else the first test."),
    ] = None,
    config: ConfigPath = None,
) -> None:
    """Map one record and back, and say which rule made each value. It prints the record that it is given.

    Example: onevoice mapping try crm Contact contact.json
    """
    one = _one(loaded(config), system, stream)
    record = _read(file) if file is not None else _first_test(one)
    one.source.check(record)
    for part in (one, *one.slots()):
        mapping = _compiled(part)
        for ending, read, mapped in mapping.records(record):
            _show_in(part, mapping, ending, mapped)
            part.canonical.check(mapped.canonical)
            _show_out(mapping, mapped, read)


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="The mapping file as it is.")],
    new: Annotated[Path, typer.Argument(help="The mapping file as it would be, of the same stream.")],
    system: Annotated[str, typer.Option(help="Whose stored records.")],
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show which stored records another mapping would change, and in what; no values are shown, nothing is changed.

    Example: onevoice mapping diff mappings/sample_crm/Contact.yaml drafts/Contact.yaml --system crm
    """
    from onevoice.workers.remap import compare_mappings

    one = _file_of(loaded(config), system, new)
    before, after = _parts(_file_of(loaded(config), system, old)), _parts(one)
    with hub_of(config) as hub, progress("records") as advance:
        found = compare_mappings(hub.store, system, before, after, advance)
    if as_json:
        print_json(found)
        return
    rows = [(path, c.appears, c.differs, c.goes, ", ".join(c.keys)) for path, c in sorted(found.paths.items())]
    rows += [(reason, 0, 0, c.goes, ", ".join(c.keys)) for reason, c in sorted(found.refused.items())]
    if rows:
        table(["what", "appears#", "differs#", "goes#", "the first records"], rows)
    done(f"{found.changed:,} of {found.records:,} records of {one.file.name} would change")


@app.command("apply")
def apply(
    system: System,
    stream: Annotated[str, typer.Argument(help="The stream.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records; run it again for more.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after the counts.")] = False,
    config: ConfigPath = None,
) -> None:
    """Map stored records anew that another mapping or schema made: first the counts, then a question, then in batches.

    What the mapping cannot take stays as it stands and is counted with the reason. It may be stopped at any moment:
    what is done is done. Restart the hub before, so that what comes in goes by the same mapping.

    Example: onevoice mapping apply crm Contact
    """
    from onevoice.workers.remap import apply_mapping, find_outdated

    with hub_of(config) as hub:
        found = hub.catalog.streams.get((system, stream))
        if found is None:
            raise ConfigurationError(f"no stream {stream!r} of a system {system!r}; see 'onevoice status'")
        with progress("counting") as advance:
            outdated = find_outdated(hub.store, hub.catalog, found, advance)
        rows = [(reason, c.goes, ", ".join(c.keys)) for reason, c in sorted(outdated.refused.items())]
        if rows:
            table(["cannot be taken, stays as it stands", "records#", "the first records"], rows)
        note(f"{outdated.records:,} records of {system} {stream} stand as another mapping or schema made them")
        if not outdated.records or not (yes or typer.confirm("Map them anew?")):
            return
        with progress("records", total=min(outdated.records, limit or outdated.records)) as advance:
            changed = apply_mapping(hub.store, hub.ingest, found, limit=limit, progress=advance)
    done(f"{changed:,} records changed")


@app.command("infer")
def infer(
    stream: Annotated[str, typer.Argument(help="The stream's name.")],
    file: Annotated[
        Path,
        typer.Argument(help="The stream's JSON Schema, or sample records as JSON; - for standard input."),
    ],
    to: Annotated[str, typer.Option(help="Canonical type of the records.")] = "person",
    schema: Annotated[bool, typer.Option("--schema", help="Print the schema that the samples fit instead.")] = False,
    config: ConfigPath = None,
) -> None:
    """Print a first draft of a mapping: what field names say plainly is mapped, the rest is listed for you to decide.

    Example: onevoice mapping infer customers samples.json > mappings/shop2/customers.yaml
    """
    from onevoice.contracts import Contracts
    from onevoice.mapping import draft_mapping, schema_of

    content = _documents(file)
    is_schema = len(content) == 1 and isinstance(content[0].get("properties"), dict)
    source = content[0] if is_schema else schema_of(content, stream)
    if schema:
        print_json(source)
        return
    canonical = Contracts(_root(config) / "schemas").canonical(to)
    typer.echo(draft_mapping(stream, to, source, canonical.schema), nl=False)


def mapping_files(config: "Config", name: str | None = None) -> list[Linted]:
    """Return every mapping file of the project: those of its systems, and of connectors that no system uses.

    Args:
        config: the project.
        name: only those of this system or connector.

    Raises:
        ConfigurationError: a file or schema is malformed or missing, or there is no such system or connector.
    """
    from onevoice.contracts import Contracts
    from onevoice.mapping import load_mappings

    contracts = Contracts(config.root / "schemas")
    found: dict[Path, Linted] = {}
    owners = list(_owners(config))
    known = {word for owner, connector, _ in owners for word in (owner, connector)}
    if name is not None and name not in known:
        raise ConfigurationError(f"no system or connector {name!r}; there are: {', '.join(sorted(known))}")
    for owner, connector, region in owners:
        if name not in (None, owner, connector):
            continue
        for file in load_mappings(config.root / "mappings", connector, owner).values():
            found.setdefault(file.path, Linted.of(file, contracts, connector, region))
    return [found[path] for path in sorted(found)]


def problems_of(one: Linted) -> "list[Problem]":
    """Return what lint finds."""
    from onevoice.mapping import lint as lint_file

    others = {to: contract.schema for to, contract in one.others.items()}
    return lint_file(one.file, one.source.schema, one.canonical.schema, others)


def failing_cases(one: Linted) -> list[str]:
    """Return one line for each test in the file that does not hold; it names paths, not values."""
    from onevoice.mapping import run_tests

    results = run_tests(one.file, source=one.source, canonical=one.canonical, region=one.region, others=one.others)
    return [
        f"{_place(result.file)}:{result.line}: {result.name}: {problem}"
        for result in results
        for problem in result.problems
    ]


def _broken_laws(files: list[Linted], advance: Callable[[int], None]) -> list[str] | None:
    """Return one line for each law that generated records break; None where hypothesis is not installed."""
    try:
        from onevoice.testing.round_trips import broken_laws
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        return None
    lines = []
    for one in files:
        found = broken_laws(one.file, one.source.schema, one.canonical.schema, one.region)
        lines += [f"{_place(one.file.path)}: {line}" for line in found]
        advance(1)
    return lines


def _root(given: Path | None) -> Path:
    """Return the project's folder, also while its configuration names no system yet."""
    try:
        return loaded(given).root
    except ConfigurationError:
        return config_path(given).parent


def _owners(config: "Config") -> Iterator[tuple[str, str, str]]:
    from onevoice.mapping.coverage import ANY_REGION
    from onevoice.sdk.discovery import discover

    for name, system in config.systems.items():
        yield name, system.connector, system.region
    used = {system.connector for system in config.systems.values()}
    for connector in discover(config.root / "connectors"):
        if connector not in used and (config.root / "mappings" / connector).is_dir():
            yield connector, connector, ANY_REGION


def _one(config: "Config", system: str, stream: str) -> Linted:
    from onevoice.contracts import Contracts
    from onevoice.mapping import load_mappings

    chosen = config.systems.get(system)
    if chosen is None:
        raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(config.systems)}")
    files = load_mappings(config.root / "mappings", chosen.connector, system)
    if stream not in files:
        raise ConfigurationError(f"system {system} has no mapping for {stream!r}; it has {', '.join(files)}")
    return Linted.of(files[stream], Contracts(config.root / "schemas"), chosen.connector, chosen.region)


def _file_of(config: "Config", system: str, path: Path) -> Linted:
    from onevoice.contracts import Contracts
    from onevoice.mapping import read_mapping

    chosen = config.systems.get(system)
    if chosen is None:
        raise ConfigurationError(f"no system {system!r}; onevoice.toml has {', '.join(config.systems)}")
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file")
    base = config.root / "mappings" / chosen.connector / path.name
    over = path.resolve().parent == config.root / "mappings" / system and base.is_file()
    file = read_mapping(path, system, base if over else None)
    return Linted.of(file, Contracts(config.root / "schemas"), chosen.connector, chosen.region)


def _parts(one: Linted) -> "list[tuple[Mapping, Contract]]":
    return [(_compiled(part), part.canonical) for part in (one, *one.slots())]


def _compiled(one: Linted) -> "Mapping":
    from onevoice.mapping import compile_mapping

    return compile_mapping(one.file, source=one.source.schema, canonical=one.canonical.schema, region=one.region)


def _read(file: Path) -> dict[str, Any]:
    records = _documents(file)
    if len(records) != 1:
        raise RecordError(f"{file}: not one JSON object")
    return records[0]


def _documents(file: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a file: one, a list of them, or one a line."""
    try:
        content = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({type(error).__name__})") from None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = _lines(file, content)
    records = found if isinstance(found, list) else [found]
    if not records or not all(isinstance(record, dict) for record in records):
        raise RecordError(f"{file}: no JSON objects")
    return records


def _lines(file: Path, content: bytes) -> list[Any]:
    try:
        return [orjson.loads(line) for line in content.splitlines() if line.strip()]
    except orjson.JSONDecodeError:
        raise RecordError(f"{file}: not JSON") from None


def _first_test(one: Linted) -> dict[str, Any]:
    if not one.file.tests:
        raise ConfigurationError(f"{_place(one.file.path)}: has no tests; give a record as FILE")
    case = one.file.tests[0]
    note(f"the record of the file's first test, {case['name']!r}\n")
    record: dict[str, Any] = case["in"]
    return record


def _show_in(one: Linted, mapping: "Mapping", ending: str, mapped: "Mapped") -> None:
    from onevoice.mapping import flatten

    told = [*flatten(mapped.canonical).items()]
    told += [(f"acts[{flag.channel}/{flag.purpose}]", flag.observed or "no act") for flag in mapped.flags]
    rows = []
    for path, value in told:
        origin = ", ".join(mapped.origins.get(path, ())) or "-"
        rows.append((path, value, origin, _rule_of(one.file, path)))
    table([mapping.to, "", "from", "rule"], rows, title=f"in, by {_place(one.file.path)}{ending}")


def _show_out(mapping: "Mapping", mapped: "Mapped", record: dict[str, Any]) -> None:
    from onevoice.messages import Lane, Permission

    out.print()
    if not mapping.writable:
        note(f"{mapping.name.partition(' ')[2]} is only read: nothing is written back\n")
        return
    written = mapping.to_source(mapped.canonical, {}, Lane.RECORD, data=record)
    differing = mapping.difference(record, written)
    rows: list[tuple[object, ...]] = [
        (path, value, mapping.read_source(record, path), "differs" if path in differing else "")
        for path, value in written.items()
    ]
    for act in mapping.acts:
        for permission in (Permission.DENIED, Permission.ALLOWED):
            for path, value in mapping.to_source({}, {act: permission}, Lane.SUPPRESSION).items():
                rows.append((path, value, mapping.read_source(record, path), f"when {act[0]}/{act[1]} is {permission}"))
    table(["field", "written", "in the record", ""], rows, title="and back")


def _rule_of(file: "MappingFile", path: str) -> str:
    """Return the line of the rule that fills a canonical path, or of the rule for the object that holds it."""
    candidates = [path]
    while "." in candidates[-1]:
        candidates.append(candidates[-1].rpartition(".")[0])
    key = next((("fields", p) for p in candidates if ("fields", p) in file.marks), None)
    if key is None:
        return "-"
    where, line, _ = file.place(key)
    text = where.read_text(encoding="utf-8").splitlines()[line - 1].strip()
    return f"{line}: {text}" if where == file.path else f"{where.parent.name}/{where.name}:{line}: {text}"


def _place(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
