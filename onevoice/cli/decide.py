"""`onevoice decide`: what would be decided for a customer, and why every other offer is not made."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from onevoice.cli.customer import Reference
from onevoice.cli.screen import BAD, done, note, out, print_json, progress, table
from onevoice.cli.setting import ConfigPath, Json, hub_of
from onevoice.errors import RefusedError

if TYPE_CHECKING:
    from onevoice.decisions.lift import Share
    from onevoice.workers.decisions import Tried

Channel = Annotated[str | None, typer.Option("--channel", help="Channel of the moment: phone, web, …")]
Department = Annotated[str | None, typer.Option("--department", help="Which part of the company asks.")]
Need = Annotated[str | None, typer.Option("--need", help="What the customer came for.")]
Draft = Annotated[bool, typer.Option("--draft", help="By the files in rules/, not by the live rules.")]

app = typer.Typer(name="decide", help="What is decided for a customer, and why.", no_args_is_help=True)


@app.command("try")
def try_decision(
    reference: Reference,
    kind: Annotated[str, typer.Option("--kind", help="offer, message, question or route.")] = "offer",
    channel: Channel = None,
    department: Department = None,
    need: Need = None,
    draft: Draft = False,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Decide for a customer by the rules that are live, keep nothing, and give a reason for every offer.

    Of kind route it says who would answer, and gives a reason for everybody who was passed over.

    Example: onevoice decide try phone:+442079460000 --channel phone --kind route --need billing
    """
    from onevoice.workers.customers import open_customers

    with hub_of(config) as hub:
        tried = open_customers(hub).decide(
            reference, kind=kind, channel=channel, department=department, need=need, draft=draft
        )
    if as_json:
        print_json(tried)
        return
    note(f"rules {tried.version}; " + ", ".join(f"{name} {value}" for name, value in tried.facts.items()) + "\n")
    if tried.route is not None:
        _print_route(tried.route.trace())
    else:
        _print_offers(tried)
    for name in tried.failed:
        out.print(f"raised, and so is out: {name}", style=BAD, markup=False)


@app.command("list")
def decide_list(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="One customer a line: an id, rec:…, phone:+… or email:…")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="CSV", help="Where to write what each would be given.")],
    kind: Annotated[str, typer.Option("--kind", help="offer, message, question or route.")] = "offer",
    channel: Channel = None,
    department: Department = None,
    draft: Draft = False,
    config: ConfigPath = None,
) -> None:
    """Decide for every customer of a list as if they came now, and keep nothing: what other rules would bring.

    Example: onevoice decide list customers.txt --channel web --draft --to given.csv
    """
    from onevoice.errors import ConfigurationError
    from onevoice.workers.customers import open_customers

    decided = refused = 0
    try:
        with hub_of(config) as hub, file.open(encoding="utf-8") as lines, to.open("w", newline="") as target:
            references = (line.strip() for line in lines if line.strip())
            writer = csv.writer(target)
            writer.writerow(["reference", "given", "score", "not_decided"])
            tried_all = open_customers(hub).decide_all(
                references, kind=kind, channel=channel, department=department, draft=draft
            )
            with progress(file.name) as advance:
                for reference, tried in tried_all:
                    if isinstance(tried, RefusedError):
                        refused += 1
                        writer.writerow([reference, "", "", str(tried)])
                    else:
                        decided += 1
                        writer.writerow([reference, *_given(tried), ""])
                    advance(1)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read, or {to} written ({type(error).__name__})") from None
    done(f"{decided:,} decided, {refused:,} not: {to}")


def _given(tried: "Tried") -> tuple[str, str]:
    """What was given and how it scored, the best first; of a route, who answers."""
    if tried.route is not None:
        return tried.route.to, ""
    return " ".join(one.offer for one in tried.chosen), " ".join(f"{one.score:.4g}" for one in tried.chosen)


def _print_offers(tried: "Tried") -> None:
    rows = [
        (
            one.offer,
            f"{one.score:.4g}",
            f"{one.propensity:.4g}",
            f"{one.weight:g}",
            f"{one.worth:g}",
            _told(one.because),
        )
        for one in tried.chosen
    ]
    table(["given", "score#", "propensity#", "weight#", "worth#", "because"], rows)
    out.print()
    table(["not given", "reason", ""], tried.rejected)


@app.command("explain")
def explain(
    decision: Annotated[UUID, typer.Argument(metavar="ID", help="Id of a decision, as its answer gave it.")],
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Make a stored decision again by the rules and counts of its time, and give a reason for every offer.

    Example: onevoice decide explain 0197a3c4-8a51-7cc2-a0a7-0f4c1d1f5a11
    """
    from onevoice.workers.customers import open_customers
    from onevoice.workers.decisions.desk import Desk

    with hub_of(config) as hub:
        found = Desk(hub.store, open_customers(hub)).explain(decision)
    if as_json:
        print_json(found)
        return
    facts = ", ".join(f"{name} {value}" for name, value in found.question["facts"].items())
    note(f"{found.made_at:%Y-%m-%d %H:%M:%S}, rules {found.ruleset}, counts {found.snapshot}; {facts}\n")
    if found.trace["route"] is not None:
        _print_route(found.trace["route"])
    else:
        rows = [(name, *(f"{number:.4g}" for number in numbers)) for name, *numbers in found.trace["chosen"]]
        table(["given", "score#", "propensity#", "weight#", "worth#"], rows)
        out.print()
        table(["not given", "reason", ""], found.rejected)
    for name in found.trace["failed"]:
        out.print(f"raised, and so was out: {name}", style=BAD, markup=False)
    if found.shadow is not None:
        given = found.shadow.to or ", ".join(name for name, _ in found.shadow.chosen) or "nothing"
        note(f"\nbeside it, kept and not shown: rules {found.shadow.ruleset} came to {given}")
    if not found.reproduced:
        raise RefusedError("decide: making it again gave another result; please report it as a defect")
    done("made again: the same, to the last bit")


@app.command("learn")
def learn(config: ConfigPath = None) -> None:
    """Count all outcomes into a new snapshot, by which decisions go from now on; the hub does so every hour by itself.

    Example: onevoice decide learn
    """
    from onevoice.workers.decisions.learning import learn as count_outcomes

    with hub_of(config) as hub:
        number = count_outcomes(hub.store)
    done(f"decisions go by snapshot {number}")


@app.command("lift")
def lift(
    experiment: Annotated[str, typer.Argument(help="As rules/decisions.yaml names it.")],
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show how many customers of each arm accepted something, and how much the decisions brought over the control arm.

    Intervals are at 95 %. One that lies on both sides of 0 shows nothing yet.

    Example: onevoice decide lift holdout
    """
    from onevoice.workers.decisions.learning import lift as count_lift

    with hub_of(config) as hub:
        found = count_lift(hub.store, experiment)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            one.arm,
            f"{one.probability:.3g}",
            one.customers,
            one.accepted,
            _percent(one.share.share),
            _between(one.share),
        )
        for one in found.arms
    ]
    table(["arm", "probability#", "customers#", "accepted#", "share#", "interval"], rows)
    if found.mixed:
        note(f"{found.mixed} customer(s) were in both arms and count in neither")
    if found.difference is None:
        done("nothing to compare yet: an arm is empty")
        return
    done(f"lift {_percent(found.difference.share)} points, between {_between(found.difference)}")


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _between(share: "Share") -> str:
    return f"{_percent(share.low)} and {_percent(share.high)}"


def _told(because: tuple[str, ...]) -> str:
    return "; ".join(because)


def _print_route(trace: dict[str, Any]) -> None:
    from onevoice.decisions import UNFIT_WORDS, Unfit

    out.print(f"{trace['to']} ({trace['kind']}) answers by {trace['channel'] or 'any channel'}", markup=False)
    out.print(f"because: {'; '.join(trace['because'])}\n", markup=False)
    rows = [
        (route, target, why, UNFIT_WORDS[Unfit(why)])
        for route, passed in trace["passed"].items()
        for target, why in passed.items()
    ]
    if rows:
        table(["route", "passed over", "reason", ""], rows)
