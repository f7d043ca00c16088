"""`onevoice rules`: the draft checked, tested and compared; which version is live, which decides beside it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from onevoice.cli.screen import BAD, done, note, out, print_json, progress, table
from onevoice.cli.setting import Actor, ConfigPath, Json, actor_of, hub_of, loaded
from onevoice.errors import ConfigurationError, OnevoiceError

if TYPE_CHECKING:
    from onevoice.workers.decisions import Rulebook
    from onevoice.workers.hub import Hub

app = typer.Typer(
    name="rules",
    help="The rules that decide: check, test, compare, make live, roll back. The files in rules/ are the draft.",
    no_args_is_help=True,
)

Version = Annotated[
    str | None,
    typer.Argument(metavar="[VERSION]", help="A version that is kept; else the draft.", show_default=False),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, for the record.")]


@app.command("lint")
def lint(config: ConfigPath = None) -> None:
    """Find every problem of decisions.yaml, tables.yaml and offers.yaml in rules/.

    Example: onevoice rules lint
    """
    from onevoice.workers.decisions import lint_rules

    problems = lint_rules(loaded(config).root / "rules")
    for problem in problems:
        out.print(problem, style=BAD, soft_wrap=True, markup=False)
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) in the rules")
    done("the rules are sound")


@app.command("test")
def run_tests(config: ConfigPath = None) -> None:
    """Run the tests in rules/tests.yaml: facts, and the offers that must come out.

    Example: onevoice rules test
    """
    from onevoice.workers.decisions import failing_rule_tests

    failing = failing_rule_tests(loaded(config).root / "rules")
    for line in failing:
        out.print(line, style=BAD, soft_wrap=True, markup=False)
    if failing:
        raise ConfigurationError(f"{len(failing)} test(s) of the rules fail")
    done("the tests of the rules hold")


@app.command("attributes")
def attributes(as_json: Json = False, config: ConfigPath = None) -> None:
    """List what expressions may read: the hub's attributes, those declared, and the answers of tables.

    Example: onevoice rules attributes
    """
    from onevoice.workers.decisions import load_rules

    found = load_rules(loaded(config).root / "rules").ruleset.attributes.values()
    if as_json:
        print_json(list(found))
        return
    rows = [(one.name, one.kind.value, ", ".join(sorted(one.values or ())) or "-", one.words) for one in found]
    table(["attribute", "kind", "one of", ""], rows)


@app.command("diff")
def diff(
    version: Version = None,
    newest: Annotated[int, typer.Option("--last", min=1, help="How many decisions, the newest first.")] = 10_000,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show which of the newest decisions would come out otherwise by the draft, or by a version that is kept.

    Sums and numbers of orders stay as they were counted: another window, currency or state of orders shows in new
    decisions alone.

    Example: onevoice rules diff --last 1000
    """
    from onevoice.workers.decisions.difference import difference

    with hub_of(config) as hub:
        book = _rulebook(hub)
        with hub.store.transaction() as connection:
            rules = book.version(connection, version) if version is not None else book.draft()
        with progress("decisions", newest) as advance:
            found = difference(hub.store, book, rules, newest=newest, advance=advance)
    if as_json:
        print_json(found)
        return
    rows = [
        (one.offer, one.before, one.after, ", ".join(f"{why} {count}" for why, count in one.lost_because) or "-")
        for one in found.offers
    ]
    if rows:
        table(["offer", "gave#", "would give#", "lost because"], rows)
    if found.examples:
        note(f"\nsome of them: {', '.join(map(str, found.examples))}")
    done(f"rules {found.version}: {found.changed} of {found.compared} decisions would come out otherwise")


@app.command("live")
def live(version: Version = None, reason: Reason = None, actor: Actor = None, config: ConfigPath = None) -> None:
    """Let the draft, or a version that is kept, decide from now on, in every process; its tests must hold.

    Example: onevoice rules live --reason "winter sale"
    """
    with hub_of(config) as hub:
        went = _rulebook(hub).publish(hub.store, "live", version, actor=actor_of(actor), reason=reason)
    done(f"rules {went} are live; 'onevoice rules rollback' takes that back")


@app.command("shadow")
def shadow(
    version: Version = None,
    end: Annotated[bool, typer.Option("--end", help="Let nothing decide beside the live rules any more.")] = False,
    reason: Reason = None,
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """Let the draft, or a version that is kept, decide beside the live rules: kept for comparison, given to nobody.

    Example: onevoice rules shadow
    """
    from onevoice.decisions.release import release

    with hub_of(config) as hub:
        if end:
            with hub.store.transaction() as connection:
                now = datetime.now(UTC)
                release(connection, "shadow", None, actor=actor_of(actor), reason=reason, now=now)
            done("nothing decides beside the live rules")
            return
        went = _rulebook(hub).publish(hub.store, "shadow", version, actor=actor_of(actor), reason=reason)
    done(f"rules {went} decide beside the live ones; 'onevoice rules versions' counts how often they differ")


@app.command("rollback")
def rollback(reason: Reason = None, actor: Actor = None, config: ConfigPath = None) -> None:
    """Let the version that was live before decide again, in every process; once more goes one further back.

    Example: onevoice rules rollback --reason "adviser offered to everybody"
    """
    from onevoice.decisions.release import roll_back

    with hub_of(config) as hub, hub.store.transaction() as connection:
        version = roll_back(connection, actor=actor_of(actor), reason=reason, now=datetime.now(UTC))
    done(f"rules {version} are live again")


@app.command("versions")
def versions(as_json: Json = False, config: ConfigPath = None) -> None:
    """List every release, the newest first: which version was live or shadow from when on, and who said so.

    Example: onevoice rules versions
    """
    from onevoice.decisions.release import releases, standing
    from onevoice.workers.decisions.shadow import count_shadow

    with hub_of(config) as hub:
        draft = _draft_version(_rulebook(hub))
        with hub.store.transaction() as connection:
            found, now = releases(connection), standing(connection)
            fared = count_shadow(connection, now.shadow) if now.shadow is not None else None
    if as_json:
        print_json({"live": now.live, "shadow": now.shadow, "draft": draft, "fared": fared, "releases": found})
        return
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}", one.role, one.version, one.actor, one.reason) for one in found]
    table(["since", "role", "version", "by", "why"], rows)
    out.print()
    out.print(f"live {now.live or '-'}, draft {draft or 'does not lint'}", markup=False)
    if fared is not None:
        out.print(f"shadow {now.shadow}: {fared.differed} of {fared.decided} decisions differ from the live ones")


def _rulebook(hub: "Hub") -> "Rulebook":
    from onevoice.workers.customers import open_customers

    return open_customers(hub).rulebook


def _draft_version(book: "Rulebook") -> str | None:
    try:
        return book.draft().version
    except OnevoiceError:
        return None
