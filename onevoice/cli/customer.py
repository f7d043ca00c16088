"""`onevoice customer`: who a customer is, why, and what a person decides about it.

It shows personal data: that is its use.
"""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.text import Text

from onevoice.cli.screen import BAD, GOOD, WARN, age, done, note, out, print_json, table
from onevoice.cli.setting import Actor, ConfigPath, Json, actor_of, hub_of
from onevoice.errors import RefusedError
from onevoice.messages import RecordRef

if TYPE_CHECKING:
    from onevoice.master.explain import Lost
    from onevoice.workers.customers import CustomerExplanation, Customers, JudgementResult, PairExplanation
    from onevoice.workers.hub import Hub

app = typer.Typer(name="customer", help="Who a customer is, why, and merging and splitting.", no_args_is_help=True)

REFERENCE = "An id, rec:<system>:<stream>:<key>, phone:+... or email:..."
Reference = Annotated[str, typer.Argument(metavar="REF", help=REFERENCE)]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who come after.")]
SHOWN_ENTRIES = 10
COLOURS = {"denied": BAD, "allowed": GOOD, "unknown": WARN}


@app.command("show")
def show(reference: Reference, as_json: Json = False, config: ConfigPath = None) -> None:
    """Show a customer: each golden value with where it came from, its records, its last interactions.

    Example: onevoice customer show phone:+442079460000
    """
    with hub_of(config) as hub:
        customers = customers_in(hub)
        view = customers.show(reference)
        explained = customers.explain(reference)
        entries = customers.timeline(reference, limit=SHOWN_ENTRIES)
    if as_json:
        print_json({"customer": view, "values": explained.values, "timeline": entries})
        return
    out.print(f"{view.type} {view.id}, revision {view.revision}, changed {age(view.updated_at)} ago\n")
    rows = [(v.path, _text(v.value), _origin(v.system, v.stream, v.key), v.rule) for v in explained.values]
    table(["value", "", "from", "rule"], rows)
    out.print()
    records = [(r.ref, r.id, "deleted there" if r.deleted else age(r.occurred_at)) for r in view.records]
    table(["record", "id", "as of"], records)
    if entries:
        out.print()
        table(["when", "what", "", "from"], [(age(e.time), e.type, _told(e.details), e.ref or "-") for e in entries])


@app.command("record")
def record(
    reference: Annotated[str, typer.Argument(metavar="REF", help="rec:<system>:<stream>:<key>")],
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Show one system's record as it says it, and what the hub has written into which of its fields.

    Example: onevoice customer record rec:crm:Contact:003A
    """
    with hub_of(config) as hub:
        found = customers_in(hub).record(reference)
    if as_json:
        print_json(found)
        return
    gone = ", deleted there" if found.deleted else ""
    out.print(f"{found.type} {found.ref}, version {found.sequence}, reading {found.reading}{gone}")
    out.print(f"customer {found.customer_id or '-'}, mapping version {found.mapping_version}\n", soft_wrap=True)
    table(["field", "value"], [(name, _text(value)) for name, value in (found.payload or {}).items()])
    if found.marks:
        out.print()
        rows = [
            (path, *(_text(mark[name]) if name in mark else "-" for name in ("sent", "written", "replaced", "version")))
            for path, mark in sorted(found.marks.items())
        ]
        table(["the hub wrote", "sent", "reads back", "in place of", "since version"], rows)


@app.command("explain")
def explain(
    reference: Reference,
    other: Annotated[str | None, typer.Argument(metavar="[OTHER]", help="Why is this one the same, or not?")] = None,
    as_json: Json = False,
    config: ConfigPath = None,
) -> None:
    """Say why a customer is who it is: values with the claims that lost, links with their evidence, judgements.

    With OTHER: why the two are one, or are not.

    Example: onevoice customer explain rec:crm:Contact:003A rec:shop:customers:17
    """
    with hub_of(config) as hub:
        customers = customers_in(hub)
        found = customers.explain(reference) if other is None else customers.explain_pair(reference, other)
    if as_json:
        print_json(found)
    else:
        _show_explanation(found)


@app.command("merge")
def merge(
    one: Reference,
    other: Annotated[str, typer.Argument(metavar="OTHER", help=REFERENCE)],
    reason: Reason,
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """Say that two customers are one; every system is told what changes for it.

    Example: onevoice customer merge rec:crm:Contact:003A email:ann@example.com --reason "same passport"
    """
    with hub_of(config) as hub:
        tell(customers_in(hub).merge(one, other, actor=actor_of(actor), reason=reason))


@app.command("split")
def split(
    reference: Reference,
    record: Annotated[list[str], typer.Option("--record", help="A record of somebody else: rec:...; repeatable.")],
    reason: Reason,
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """Say that some of a customer's records are somebody else's.

    Example: onevoice customer split 0197a3c4-... --record rec:shop:customers:17 --reason "father and son"
    """
    refs = [record_ref(text) for text in record]
    with hub_of(config) as hub:
        tell(customers_in(hub).split(reference, refs, actor=actor_of(actor), reason=reason))


@app.command("pin")
def pin(
    reference: Reference,
    path: Annotated[str, typer.Argument(metavar="PATH", help="As show and explain have it: name.family")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The value that is to stand.")],
    reason: Reason,
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """Fix one golden value, whatever the systems say; 'unmerge' with the pin's id takes it back.

    Example: onevoice customer pin rec:crm:Contact:003A name.family Lee-Hill --reason "saw the certificate"
    """
    with hub_of(config) as hub:
        tell(customers_in(hub).pin(reference, path, value, actor=actor_of(actor), reason=reason))


@app.command("unmerge")
def unmerge(
    judgement: Annotated[
        UUID, typer.Argument(metavar="JUDGEMENT", help="Its id, as merge, split, pin and explain show it.")
    ],
    actor: Actor = None,
    config: ConfigPath = None,
) -> None:
    """Take a merge, a split or a pin back, as if it had never been said.

    Example: onevoice customer unmerge 0197a3c4-8a51-7cc2-a0a7-0f4c1d1f5a11
    """
    with hub_of(config) as hub:
        tell(customers_in(hub).retract(judgement, actor=actor_of(actor)), retracted=True)


def customers_in(hub: "Hub") -> "Customers":
    """Return the customers of a hub."""
    from onevoice.workers.customers import open_customers

    return open_customers(hub)


def tell(result: "JudgementResult", *, retracted: bool = False) -> None:
    """Print what was decided, what came of it, and how to take it back."""
    for said in result.judgements:
        done(f"{'retracted' if retracted else 'judged'} {said.verdict}: {said.a} and {said.b}  (judgement {said.id})")
    if result.pin is not None:
        done(f"{'unpinned' if retracted else 'pinned'} {result.pin.path}  (pin {result.pin.id})")
        if not retracted:
            note(f"back: onevoice customer unmerge {result.pin.id}")
    note(f"now: {', '.join(f'customer {c}' for c in result.customers)}")
    if not retracted and result.judgements:
        note(f"back: onevoice customer unmerge {result.judgements[0].id}")


def _show_explanation(found: "CustomerExplanation | PairExplanation") -> None:
    from onevoice.workers.customers import PairExplanation

    if isinstance(found, PairExplanation):
        _show_pair(found)
        return
    rows: list[tuple[object, ...]] = []
    for value in found.values:
        rows.append((value.path, _text(value.value), _origin(value.system, value.stream, value.key), value.rule))
        for lost in value.losers:
            origin = _origin(lost.ref.system, lost.ref.stream, lost.ref.key)
            told = (_text(lost.value), origin, f"lost{_validity(lost)}")
            rows.append(("", *(Text(words, style="dim") for words in told)))
    table(["value", "", "from", "rule"], rows)
    for link in found.links:
        out.print()
        _show_pair(link)
    if found.judgements:
        out.print()
        rows = [(j.id, j.verdict, j.a, j.b, j.actor, j.reason) for j in found.judgements]
        table(["judgement", "verdict", "record", "record", "by", "because"], rows)


def _validity(lost: "Lost") -> str:
    dates = [(word, day) for word, day in (("from", lost.valid_from), ("until", lost.valid_until)) if day]
    return "".join(f", valid {word} {day}" for word, day in dates)


def _show_pair(found: "PairExplanation") -> None:
    style = GOOD if found.together else BAD
    together = "one customer" if found.together else "not one customer"
    out.print(Text.assemble(f"{found.a} and {found.b}: ", (together, style)), soft_wrap=True)
    note(f"  {found.words}")
    rows = [(f"  {e.words}", f"{e.weight:+.2f}", f"{e.total:.2f}") for e in found.evidence]
    if rows:
        table(["  evidence", "bits#", "sum#"], rows)


def record_ref(text: str) -> RecordRef:
    """Return the record that a reference names.

    Raises:
        RefusedError: it names none.
    """
    parts = text.split(":", 3)
    if len(parts) != 4 or parts[0] != "rec" or not all(parts):
        raise RefusedError("a record: write rec:<system>:<stream>:<key>")
    return RecordRef(system=parts[1], stream=parts[2], key=parts[3])


def _origin(system: str | None, stream: str | None, key: str | None) -> str:
    return f"{system}:{stream}:{key}" if system else "-"


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def _told(details: dict[str, object]) -> str:
    words = [details.get(name) for name in ("channel", "direction", "kind", "purpose", "subject", "status", "outcome")]
    return ", ".join(str(word) for word in words if word)
