"""The survivorship policy: what decides between claims on one attribute.

Takes `rules/survivorship.yaml`, gives an immutable `Survivorship`. The one rule: every path has exactly one rule, the
longest attribute that fits, else the default.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from onevoice.rules_file import Section, content_version, read_yaml

STRATEGIES = frozenset({"trust", "recency"})

_SLOT = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How claims on one attribute are ordered.

    Attributes:
        attribute: as it stands in the file, "default" where no other fits.
        whole: all values below the attribute come from one record.
        prefer: "trust" and "recency", each at most once, in the order in which they decide.
        trust: system -> 1 to 100; those not listed have none.
        decay: how trust fades with age, if it does.
        implausible: values that stand for nothing; any other goes before them.
    """

    attribute: str
    whole: bool
    prefer: tuple[str, ...]
    trust: Mapping[str, int]
    decay: "Decay | None" = None
    implausible: frozenset[str] = frozenset()

    def is_implausible(self, value: Any) -> bool:
        """Return whether a value stands for nothing."""
        return isinstance(value, str) and value in self.implausible

    def trust_left(self, system: str, age: timedelta) -> int:
        """Return the trust in a claim that is so much older than the newest one on its attribute.

        In whole numbers, so that claims compare alike everywhere; the unit is the same within one attribute only.
        """
        trust = self.trust.get(system, 0)
        if self.decay is None:
            return trust
        whole = self.decay.days * 86_400
        gone = min(max(0, age // timedelta(seconds=1)), whole)
        return trust * (100 * whole - (100 - self.decay.to) * gone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """Trust falls in a straight line until, after `days`, `to` per cent of it are left."""

    days: int
    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What survives together: one path, or all below one attribute; and the rule for it."""

    path: str
    rule: Rule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survivorship:
    """A loaded policy. `version` is the hash of its content."""

    version: str
    default: Rule
    attributes: Mapping[str, Rule]
    _units: dict[str, Unit] = field(default_factory=dict)  # paths seen so far; there are few

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read and check a policy file.

        Raises:
            ConfigurationError: the file is missing or not YAML, or a key is wrong; the message names the key.
        """
        content = read_yaml(path)
        top = Section(file=path.name, key="", content=content)
        attributes = top.section("attributes")
        policy = cls(
            version=content_version(content),
            default=_rule("default", top.section("default")),
            attributes={str(name): _rule(str(name), attributes.section(name)) for name in attributes.content},
        )
        top.demand_nothing_else()
        return policy

    def unit(self, path: str) -> Unit:
        """Return the unit that a path belongs to."""
        known = self._units.get(path)
        if known is None:
            known = self._units[path] = self._find(path)
        return known

    def _find(self, path: str) -> Unit:
        steps = path.split(".")
        for length in range(len(steps), 0, -1):
            above = ".".join(steps[:length])
            for name in (above, _SLOT.sub("[*]", above), _SLOT.sub("", above)):
                rule = self.attributes.get(name)
                if rule is not None:
                    return Unit(path=above if rule.whole else path, rule=rule)
        return Unit(path=path, rule=self.default)


def _rule(attribute: str, section: Section) -> Rule:
    prefer = section.text_list("prefer")
    sound = 0 < len(prefer) == len(set(prefer)) and STRATEGIES.issuperset(prefer)
    section.demand(sound, "prefer", "one or both of trust, recency, each once, e.g. [recency, trust]")
    trust = section.counts("trust") if "trust" in prefer else {}
    section.demand(all(value <= 100 for value in trust.values()), "trust", "a trust of 1 to 100 for each system")
    decay = _decay(section.section("decay")) if "trust" in prefer and "decay" in section.content else None
    implausible = section.texts("implausible") if "implausible" in section.content else frozenset[str]()
    whole = section.truth("whole") if "whole" in section.content else False
    section.demand(not (whole and attribute == "default"), "whole", "nothing: it stands at single attributes only")
    section.demand_nothing_else()
    return Rule(attribute=attribute, whole=whole, prefer=prefer, trust=trust, decay=decay, implausible=implausible)


def _decay(section: Section) -> Decay:
    days, to = section.count("days"), section.count("to")
    section.demand(to <= 100, "to", "the per cent of trust that are left in the end, 1 to 100")
    section.demand_nothing_else()
    return Decay(days=days, to=to)
