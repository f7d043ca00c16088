"""Who answers a customer now: by value, need and history, skills, language, working hours and load.

Takes the routes of `rules/routing.yaml`, the facts of one moment and how busy everybody is, gives one target. Routes
are tried in their order: the first whose condition holds and that finds somebody free takes the customer, so that what
follows is the fall-back of what goes before; the last resort always answers. The one rule: a pure function, and every
target that was passed over has one reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from onevoice.decisions.attribute import Attribute, Facts, Kind
from onevoice.decisions.expression import RULE_ERRORS, Expression, compile_expression
from onevoice.decisions.offer import read_condition
from onevoice.decisions.target import TARGET_KINDS, Target, Unfit, read_channels, read_hours, read_target
from onevoice.messages import Json
from onevoice.rules_file import Section

MOST_TARGETS = 1000

Taken = Mapping[tuple[str, str], int]
"""Target and channel -> how many conversations it has there now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One way to go.

    Attributes:
        kinds: of targets that it goes to, the preferred one first.
        experience: the least that a target has.
        skill: what a target must be able to do; unknown is nothing in particular.
        channels: where the customer is answered; the channel of the moment where that is among them or they are empty,
            else the first of them that somebody is free on.
    """

    name: str
    when: Expression | None
    kinds: tuple[str, ...]
    experience: int
    skill: Expression | None
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The whole of `rules/routing.yaml`.

    Attributes:
        fall_back: the target that takes whom nobody else does, whatever its hours and load.
        holds: how long somebody counts as busy with a conversation whose end nobody reports.
    """

    targets: tuple[Target, ...]
    routes: tuple[Route, ...]
    fall_back: Target
    holds: timedelta

    def target(self, name: str) -> Target:
        """Return a target by its id, which is known."""
        return next(target for target in self.targets if target.id == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Where a customer goes.

    Attributes:
        channel: on which; None where nobody knows on which the customer is.
        route: the route that found it; None is the fall-back.
        because: why it was this one.
        passed: routes whose condition held and that found nobody before, and the one that did -> target -> why not.
    """

    to: str
    kind: str
    channel: str | None
    route: str | None
    because: tuple[str, ...]
    passed: Mapping[str, Mapping[str, Unfit]]

    def trace(self) -> Json:
        """Return it as JSON."""
        return {
            "to": self.to,
            "kind": self.kind,
            "channel": self.channel,
            "route": self.route,
            "because": list(self.because),
            "passed": {route: {t: why.value for t, why in some.items()} for route, some in self.passed.items()},
        }


def routed(routing: Routing, facts: Facts, taken: Taken, now: datetime) -> tuple[Routed, list[str]]:
    """Return who answers, and the routes that raised and so are out."""
    passed: dict[str, dict[str, Unfit]] = {}
    failed: list[str] = []
    for route in routing.routes:
        try:
            if route.when is not None and route.when.run(facts) is not True:
                continue
            skill = route.skill.run(facts) if route.skill is not None else None
        except RULE_ERRORS:
            failed.append(f"route {route.name}")
            continue
        search = _Search(route, skill, facts, taken, now)
        found = search.best(routing.targets)
        passed[route.name] = search.passed
        if found is not None:
            target, channel = found
            because = search.because(target)
            return Routed(
                to=target.id, kind=target.kind, channel=channel, route=route.name, because=because, passed=passed
            ), failed
    last = routing.fall_back
    because = ("nobody else is free for it",) if passed else ("no route is for it",)
    return Routed(
        to=last.id, kind=last.kind, channel=facts["channel"], route=None, because=because, passed=passed
    ), failed


class _Search:
    """One route that looks for somebody."""

    def __init__(self, route: Route, skill: str | None, facts: Facts, taken: Taken, now: datetime) -> None:
        self.passed: dict[str, Unfit] = {}
        self._route, self._skill, self._taken, self._now = route, skill, taken, now
        self._language = str(facts["language"]).partition("-")[0].lower() if facts["language"] else None
        self._last_agent, self._channel = facts["last_agent"], facts["channel"]

    def best(self, targets: Sequence[Target]) -> tuple[Target, str | None] | None:
        for kind in self._route.kinds:
            for channel in self._channels():
                free = [target for target in targets if target.kind == kind and self._fits(target, channel)]
                if free:
                    first = min(free, key=lambda one: self._rank(one, channel))
                    self.passed |= {one.id: Unfit.OUTRANKED for one in free if one is not first}
                    self.passed.pop(first.id, None)
                    return first, channel
        self.passed |= {one.id: Unfit.OTHER_KIND for one in targets if one.kind not in self._route.kinds}
        return None

    def because(self, target: Target) -> tuple[str, ...]:
        said = [f"route {self._route.name}"]
        if self._route.when is not None:
            said.append(self._route.when.text)
        if target.id == self._last_agent:
            said.append("spoke with the customer last")
        if self._skill is not None:
            said.append(f"has the skill {self._skill}")
        if self._language is not None and target.languages:
            said.append(f"speaks {self._language}")
        return tuple(said)

    def _channels(self) -> tuple[str | None, ...]:
        if not self._route.channels or self._channel in self._route.channels:
            return (self._channel,)
        return self._route.channels

    def _fits(self, target: Target, channel: str | None) -> bool:
        why = self._unfit(target, channel)
        if why is not None:
            self.passed[target.id] = why
        return why is None

    def _unfit(self, target: Target, channel: str | None) -> Unfit | None:
        checks = (
            (Unfit.OTHER_CHANNEL, channel is not None and channel not in target.channels),
            (Unfit.LESS_EXPERIENCED, target.experience < self._route.experience),
            (Unfit.LACKS_SKILL, self._skill is not None and self._skill not in target.skills),
            (
                Unfit.OTHER_LANGUAGE,
                bool(self._language and target.languages and self._language not in target.languages),
            ),
            (Unfit.OUTSIDE_HOURS, target.hours is not None and not target.hours.open_at(self._now)),
            (Unfit.FULL, channel is not None and target.load(channel, self._taken) >= 1),
        )
        return next((why for why, speaks_against in checks if speaks_against), None)

    def _rank(self, target: Target, channel: str | None) -> tuple[bool, float, int, str]:
        """History first, then who is freest, then the most experienced."""
        load = target.load(channel, self._taken) if channel is not None else 0.0
        return (target.id != self._last_agent, load, -target.experience, target.id)


def read_routing(top: Section, attributes: Mapping[str, Attribute]) -> Routing:
    """Return the content of `rules/routing.yaml`.

    Raises:
        ConfigurationError: a key or an expression is wrong; the text names it.
    """
    shifts = top.section("hours") if top.has("hours") else Section(file=top.file, key="hours", content={})
    hours = {str(name): read_hours(shifts.section(str(name))) for name in shifts.content}
    named = top.section("targets")
    named_ok = 0 < len(named.content) <= MOST_TARGETS
    top.demand(named_ok, "targets", f"from 1 to {MOST_TARGETS} targets")
    targets = tuple(read_target(str(name), named.section(str(name)), hours) for name in named.content)
    last = top.text("fall_back")
    found = next((target for target in targets if target.id == last), None)
    top.demand(found is not None and not found.at_once, "fall_back", "a target without `at_once`; it always answers")
    routing = Routing(
        targets=targets,
        routes=tuple(_route(section, attributes) for section in top.sections("routes")),
        fall_back=found,  # type: ignore[arg-type]
        holds=timedelta(minutes=top.count("holds_minutes")),
    )
    names = [route.name for route in routing.routes]
    top.demand(len(names) == len(set(names)), "routes", "routes under different names")
    top.demand_nothing_else()
    return routing


def _route(section: Section, attributes: Mapping[str, Attribute]) -> Route:
    kinds = section.text_list("to")
    section.demand(bool(kinds) and set(kinds) <= set(TARGET_KINDS), "to", f"some of {', '.join(TARGET_KINDS)}")
    route = Route(
        name=section.text("name"),
        when=read_condition(section, "when", attributes),
        kinds=kinds,
        experience=section.count("experience") if section.has("experience") else 0,
        skill=_skill(section, attributes),
        channels=_ordered_channels(section),
    )
    section.demand_nothing_else()
    return route


def _skill(section: Section, attributes: Mapping[str, Attribute]) -> Expression | None:
    if not section.has("skill"):
        return None
    where = f"{section.file}: {section.key}.skill"
    return compile_expression(section.text("skill"), attributes, where=where, wanted=Kind.TEXT)


def _ordered_channels(section: Section) -> tuple[str, ...]:
    if not section.has("channels"):
        return ()
    read_channels(section, "channels")
    return section.text_list("channels")
