"""All rules of decisions in one version: read, checked, compiled.

Takes the documents of `rules/` (decisions, tables, offers, routing), gives a `Ruleset` or every problem in them. The
one rule: a ruleset is a pure function of its documents; what does not lint is none.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from onevoice.decisions.attribute import Attribute, Kind
from onevoice.decisions.conditions import Conditions, mask_of
from onevoice.decisions.experiment import Experiment, read_experiment
from onevoice.decisions.expression import Expression
from onevoice.decisions.fact import hub_attributes
from onevoice.decisions.offer import (
    Defaults,
    Group,
    Offer,
    read_condition,
    read_group,
    read_offer,
    read_prior,
)
from onevoice.decisions.routing import Routing, read_routing
from onevoice.decisions.table import Table, read_table
from onevoice.errors import ConfigurationError
from onevoice.messages import Channel, Json
from onevoice.rules_file import Section

DOCUMENTS = ("decisions", "tables", "offers", "routing")
MOST_OFFERS = 10_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the rules are checked against beside each other: value tiers, life-cycle stages, purposes."""

    tiers: Collection[str]
    stages: Collection[str]
    purposes: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWeight:
    """Where its condition holds, the scores of some offers are multiplied."""

    name: str
    when: Expression | None
    offers: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The conditions of all offers, stage by stage, and which offers share what, as masks over their order."""

    eligible: Conditions
    applicable: Conditions
    suitable: Conditions
    groups: Conditions
    weights: Conditions
    by_kind: Mapping[str, int]
    by_purpose: Mapping[str, int]
    by_group: Mapping[str, int]
    by_channel: Mapping[str | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """One version of the rules.

    Attributes:
        attributes: all that expressions may read, answers of tables included.
        inputs: those of them that a caller or the hub must give.
        declared: those of them that `rules/decisions.yaml` declares, for callers.
        offers: in the order of the file; bit i of a mask is offer i.
        worth: value x lever x objective of each offer; None where its value is an expression.
    """

    attributes: Mapping[str, Attribute]
    inputs: Mapping[str, Attribute]
    declared: frozenset[str]
    tables: tuple[Table, ...]
    offers: tuple[Offer, ...]
    groups: tuple[Group, ...]
    weights: tuple[ContextWeight, ...]
    experiments: tuple[Experiment, ...]
    routing: Routing
    least_shown: int
    stages: Stages
    position: Mapping[str, int]
    worth: tuple[float | None, ...]

    def offer(self, name: str) -> Offer:
        """Return an offer by its id, which is known."""
        return self.offers[self.position[name]]


def read_ruleset(documents: Mapping[str, Json], world: World) -> Ruleset:
    """Return the ruleset of the documents.

    Raises:
        ConfigurationError: they do not lint; the text is the first problem and how many there are.
    """
    ruleset, problems = lint_ruleset(documents, world)
    if ruleset is None:
        more = f" ({len(problems)} problems in all; see 'onevoice rules lint')" if len(problems) > 1 else ""
        raise ConfigurationError(problems[0] + more)
    return ruleset


def lint_ruleset(documents: Mapping[str, Json], world: World) -> tuple[Ruleset | None, list[str]]:
    """Return the ruleset and no problem, or no ruleset and every problem that was found."""
    reader = _Reader(documents, world)
    try:
        ruleset = reader.read()
    except ConfigurationError as error:
        reader.problems.append(str(error))
        ruleset = None
    return (None, reader.problems) if reader.problems or ruleset is None else (ruleset, [])


class _Reader:
    def __init__(self, documents: Mapping[str, Json], world: World) -> None:
        self.problems: list[str] = []
        self._documents = documents
        self._world = world
        self._top = Section(file="decisions.yaml", key="", content=documents["decisions"])

    def read(self) -> Ruleset:
        top = self._top
        declared = self._declared()
        attributes = hub_attributes(tiers=self._world.tiers, stages=self._world.stages) | declared
        inputs = dict(attributes)
        tables: list[Table] = []
        for name, section in self._sections("tables"):
            table = self._attempted(lambda n=name, s=section, a=attributes: read_table(n, s, a))  # type: ignore[misc]
            if table is not None:
                tables.append(table)
                attributes = attributes | {table.name: table.gives}
        groups = self._each(top.section("groups"), lambda name, s: read_group(name, s, attributes))
        experiments = self._each(
            top.section("experiments"), lambda name, s: read_experiment(name, s, [group.name for group in groups])
        )
        objectives = top.section("objectives")
        defaults = Defaults(
            attributes=attributes,
            purposes=self._world.purposes,
            groups=[group.name for group in groups],
            objectives={str(name): objectives.number(str(name)) for name in objectives.content},
            prior=read_prior(top.section("prior")),
            holds=timedelta(minutes=top.count("holds_minutes")),
        )
        read = [
            self._attempted(lambda n=name, s=section: read_offer(n, s, defaults))  # type: ignore[misc]
            for name, section in self._sections("offers")
        ]
        offers = tuple(offer for offer in read if offer is not None)
        weights = self._weights(attributes, offers, [group.name for group in groups])
        self._check_experiments(experiments, offers)
        routing = read_routing(Section(file="routing.yaml", key="", content=self._documents["routing"]), attributes)
        least = top.count("least_shown")
        top.demand_nothing_else()
        return Ruleset(
            attributes=attributes,
            inputs=inputs,
            declared=frozenset(declared),
            tables=tuple(tables),
            offers=offers,
            groups=tuple(groups),
            weights=weights,
            experiments=tuple(experiments),
            routing=routing,
            least_shown=least,
            stages=_stages(offers, groups, weights),
            position={offer.id: i for i, offer in enumerate(offers)},
            worth=tuple(_worth(offer) for offer in offers),
        )

    def _declared(self) -> dict[str, Attribute]:
        section = self._top.section("attributes")
        taken = hub_attributes(tiers=(), stages=())
        found = {}
        for name in map(str, section.content):
            kind = section.text(name)
            section.demand(kind in tuple(Kind), name, f"one of {', '.join(Kind)}")
            section.demand(name.isidentifier() and name not in taken, name, "an attribute under a name that is free")
            found[name] = Attribute(name=name, kind=Kind(kind), words="declared in rules/decisions.yaml")
        return found

    def _sections(self, document: str) -> Iterator[tuple[str, Section]]:
        top = Section(file=f"{document}.yaml", key="", content=self._documents[document])
        top.demand(len(top.content) <= MOST_OFFERS, document, f"at most {MOST_OFFERS} entries")
        for name in map(str, top.content):
            section = self._attempted(lambda n=name: top.section(n))  # type: ignore[misc]
            if section is not None:
                yield name, section

    def _each(self, section: Section, read: Callable[[str, Section], _T]) -> list[_T]:
        found = [
            self._attempted(lambda n=str(name): read(n, section.section(n)))  # type: ignore[misc]
            for name in section.content
        ]
        return [one for one in found if one is not None]

    def _attempted(self, read: Callable[[], _T]) -> _T | None:
        """Read one thing; what is wrong with it is noted, and the next one is read."""
        try:
            return read()
        except ConfigurationError as error:
            self.problems.append(str(error))
            return None

    def _weights(
        self, attributes: Mapping[str, Attribute], offers: tuple[Offer, ...], groups: Collection[str]
    ) -> tuple[ContextWeight, ...]:
        found = []
        for section in self._top.sections("weights"):
            named = frozenset(section.text_list("groups"))
            section.demand(named <= set(groups), "groups", f"some of {', '.join(sorted(groups))}")
            weight = section.number("weight")
            section.demand(0 <= weight <= 1000, "weight", "a number from 0 to 1000")
            found.append(
                ContextWeight(
                    name=section.text("name"),
                    when=read_condition(section, "when", attributes),
                    offers=mask_of([i for i, offer in enumerate(offers) if offer.group in named]),
                    weight=weight,
                )
            )
            section.demand_nothing_else()
        return tuple(found)

    def _check_experiments(self, experiments: Collection[Experiment], offers: tuple[Offer, ...]) -> None:
        known = {offer.id for offer in offers}
        for experiment in experiments:
            for name in sorted(experiment.gets - known):
                self.problems.append(f"decisions.yaml: experiments.{experiment.name}.gets: no offer {name!r}")


def _stages(offers: tuple[Offer, ...], groups: Collection[Group], weights: Collection[ContextWeight]) -> Stages:
    return Stages(
        eligible=Conditions([offer.eligible for offer in offers]),
        applicable=Conditions([offer.applicable for offer in offers]),
        suitable=Conditions([offer.suitable for offer in offers]),
        groups=Conditions([group.suitable for group in groups]),
        weights=Conditions([weight.when for weight in weights]),
        by_kind=_masks(offer.kind for offer in offers),
        by_purpose=_masks(offer.purpose for offer in offers),
        by_group=_masks(offer.group for offer in offers),
        by_channel={
            channel: mask_of([i for i, offer in enumerate(offers) if not offer.channels or channel in offer.channels])
            for channel in (None, *(one.value for one in Channel))
        },
    )


def _masks(values: Iterator[Any]) -> dict[Any, int]:
    masks: dict[Any, int] = defaultdict(int)
    for i, value in enumerate(values):
        masks[value] |= 1 << i
    return dict(masks)


def _worth(offer: Offer) -> float | None:
    return None if isinstance(offer.value, Expression) else float(offer.value) * offer.lever * offer.objective
