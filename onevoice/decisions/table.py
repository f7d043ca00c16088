"""Decision tables: what a fact that nobody stores is, read off rows of conditions.

Takes facts, gives one more. Hit policies are those of the OMG's Decision Model and Notation 1.5, section 8.2.8: *first*
row that holds, the *unique* one, or all of them *collected* (as a list, or their sum, smallest, greatest or number).
The one rule: a table that cannot answer gives nothing, and whatever reads it is out for this decision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from onevoice.decisions.attribute import Attribute, Facts, Kind
from onevoice.decisions.conditions import Conditions, bits
from onevoice.decisions.expression import Expression, compile_expression
from onevoice.rules_file import Section

HIT_POLICIES = ("first", "unique", "collect")
_AGGREGATES: Mapping[str, tuple[Kind, Callable[[Sequence[Any]], Any]]] = {
    "list": (Kind.TEXTS, lambda found: tuple(sorted(set(found)))),
    "sum": (Kind.NUMBER, lambda found: sum(found, Decimal(0))),
    "min": (Kind.NUMBER, lambda found: min(found, default=None)),
    "max": (Kind.NUMBER, lambda found: max(found, default=None)),
    "count": (Kind.NUMBER, lambda found: Decimal(len(found))),
}


class RowError(ValueError):
    """The table has no answer: a row raised, or two rows of a `unique` table hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        gives: the attribute that its answer becomes.
        outputs: what each row gives: a value, or an expression that is run.
        otherwise: the answer where no row holds; of a table that collects, nothing is added by it.
    """

    gives: Attribute
    hit: str
    aggregate: str
    rows: Conditions
    outputs: Sequence[Any]
    otherwise: Any
    reads: frozenset[str]

    @property
    def name(self) -> str:
        """Of the table, and of the attribute that its answer becomes."""
        return self.gives.name

    def answer(self, facts: Facts) -> Any:
        """Return the answer for these facts; None is unknown.

        Raises:
            RowError: a row raised, or two rows of a `unique` table hold.
            ArithmeticError: the output of a row divides by zero, or grows too large.
        """
        held, failed = self.rows.sift(facts, self.rows.every)
        if failed and (self.hit != "first" or not held or (failed & -failed) < (held & -held)):
            raise RowError(f"row {next(bits(failed)) + 1} raised")
        if self.hit == "collect":
            return _AGGREGATES[self.aggregate][1]([self._output(row, facts) for row in bits(held)])
        if not held:
            return self.otherwise
        if self.hit == "unique" and held & (held - 1):
            first, second, *_ = bits(held)
            raise RowError(f"rows {first + 1} and {second + 1} both hold")
        return self._output(next(bits(held)), facts)

    def _output(self, row: int, facts: Facts) -> Any:
        output = self.outputs[row]
        return output.run(facts) if isinstance(output, Expression) else output


def read_table(name: str, section: Section, attributes: Mapping[str, Attribute]) -> Table:
    """Return the table of one section of `rules/tables.yaml`.

    Raises:
        ConfigurationError: a key or an expression is wrong; the text names it.
    """
    section.demand(
        name.isidentifier() and name not in attributes, "rows", "a table under a name that is free and plain"
    )
    hit = section.text("hit")
    section.demand(hit in HIT_POLICIES, "hit", f"one of {', '.join(HIT_POLICIES)}")
    aggregate = section.text("aggregate") if hit == "collect" else "list"
    section.demand(aggregate in _AGGREGATES, "aggregate", f"one of {', '.join(_AGGREGATES)}")
    kind = _AGGREGATES[aggregate][0] if hit == "collect" else Kind(_kind(section))
    row_kind = Kind.TEXT if kind is Kind.TEXTS else kind
    rows = section.sections("rows")
    section.demand(bool(rows), "rows", "at least one row")
    conditions = [_condition(row, attributes) for row in rows]
    outputs = [None if aggregate == "count" else _output(row, "then", row_kind, attributes) for row in rows]
    for row in rows:
        row.demand_nothing_else()
    has_default = hit != "collect" and section.has("otherwise")
    otherwise = _output(section, "otherwise", row_kind, {}) if has_default else None
    words = section.text("words") if section.has("words") else "answer of a table"
    section.demand_nothing_else()
    texts = [one for one in (*outputs, otherwise) if isinstance(one, str)]
    closed = frozenset(texts) if kind is Kind.TEXT else None
    read = [one for one in (*conditions, *outputs) if isinstance(one, Expression)]
    return Table(
        gives=Attribute(name=name, kind=kind, values=closed, words=words),
        hit=hit,
        aggregate=aggregate,
        rows=Conditions(conditions),
        outputs=outputs,
        otherwise=otherwise,
        reads=frozenset().union(*(one.reads for one in read)),
    )


def _kind(section: Section) -> str:
    kind = section.text("gives")
    section.demand(kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUTH), "gives", "text, number or truth")
    return kind


def _condition(row: Section, attributes: Mapping[str, Attribute]) -> Expression | None:
    if not row.has("when"):
        return None
    where = f"{row.file}: {row.key}.when"
    return compile_expression(row.text("when"), attributes, where=where, wanted=Kind.TRUTH)


def _output(section: Section, name: str, kind: Kind, attributes: Mapping[str, Attribute]) -> Any:
    if kind is Kind.TEXT:
        return section.text(name)
    if kind is Kind.TRUTH:
        return section.truth(name)
    return read_number(section, name, attributes)


def read_number(section: Section, name: str, attributes: Mapping[str, Attribute]) -> Decimal | Expression:
    """Return a number, or the expression that gives it.

    Raises:
        ConfigurationError: it is neither.
    """
    if not isinstance(section.content.get(name), str):
        return Decimal(str(section.number(name)))
    where = f"{section.file}: {section.key}.{name}"
    return compile_expression(section.text(name), attributes, where=where, wanted=Kind.NUMBER)
