"""`onevoice connector test`: connectors held to the contract over the systems that are configured."""

from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import BAD, done, note, out, print_json
from onevoice.cli.setting import ConfigPath, Json, loaded, manifest_of
from onevoice.errors import ConfigurationError

if TYPE_CHECKING:
    from onevoice.testing.contract import Subject


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("test")(examined)


def examined(
    system: Annotated[str | None, typer.Argument(help="Name of a system in onevoice.toml; all when left out.")] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="First record what is said to and by the system into fixtures/, personal values scrubbed."
        ),
    ] = False,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Examine the connector of a system, or of each, by the contract that all keep; reads a little, writes nothing.

    A connector that names its tier is held to the checks of that tier, less its exemptions; any other to all of them.
    Nothing is read off a queue (AMQP), since that would take it.

    Example: onevoice connector test shop
    """
    from onevoice.testing.contract import CHECKS, Subject, examine, harmless
    from onevoice.workers.systems import settings_of

    chosen = loaded(config)
    systems = list(chosen.systems) if system is None else [system]
    found = {}
    count = 0
    for name in systems:
        subject = Subject(
            manifest=manifest_of(chosen, name),
            root=chosen.root,
            settings=settings_of(chosen, name),
            region=chosen.systems[name].region,
        )
        if record:
            _record(subject)
        chosen_checks = harmless(subject.manifest)
        count += len(chosen_checks)
        found[name] = examine(subject, chosen_checks)
    problems = sum(len(finding.problems) for findings in found.values() for finding in findings)
    if as_json:
        print_json({name: {one.check: one.problems for one in findings} for name, findings in found.items()})
    else:
        for name, findings in found.items():
            out.print(f"[bold]{name}[/bold]")
            for one in findings:
                (out.print if one.problems else done)(f"{one.check} {CHECKS[one.check].title}")
                for problem in one.problems:
                    out.print(f"    {problem}", style=BAD, soft_wrap=True, markup=False)
    if problems:
        raise ConfigurationError(f"{problems} problem(s) in {len(systems)} system(s)")
    if not as_json:
        done(f"{count} check(s) hold for {len(systems)} system(s)")


def _record(subject: "Subject") -> None:
    """Write the recordings of a connector into its folder."""
    from onevoice.testing.exchanges import FOLDER, record

    folder = subject.manifest.folder / FOLDER
    folder.mkdir(exist_ok=True)
    for fixture in record(subject.manifest, subject.settings, subject.personal(), subject.make):
        (folder / fixture.name).write_bytes(fixture.dump())
        note(f"{FOLDER}/{fixture.name}: {len(fixture.exchanges)} exchange(s), {len(fixture.gives)} record(s); read it")
