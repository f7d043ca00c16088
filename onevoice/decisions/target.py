"""Who may answer a customer: people, queues and self-service, as `rules/routing.yaml` declares them.

Takes sections of the file, gives checked values. The one rule: whether a target fits is said by one reason, the first
that speaks against it, and by nothing but what the file and the moment say.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from onevoice.errors import ConfigurationError
from onevoice.messages import Channel
from onevoice.rules_file import Section

PERSON, QUEUE, SELF_SERVICE = "person", "queue", "self_service"
TARGET_KINDS = (PERSON, QUEUE, SELF_SERVICE)
MOST_CHATS = 6
"""What one person can answer at once; an industry habit, and the limit of this hub."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unfit(StrEnum):
    """Why a target does not take a customer."""

    OTHER_KIND = "other_kind"
    OTHER_CHANNEL = "other_channel"
    LESS_EXPERIENCED = "less_experienced"
    LACKS_SKILL = "lacks_skill"
    OTHER_LANGUAGE = "other_language"
    OUTSIDE_HOURS = "outside_hours"
    FULL = "full"
    OUTRANKED = "outranked"


UNFIT_WORDS: Mapping[Unfit, str] = {
    Unfit.OTHER_KIND: "the route goes to another kind of target",
    Unfit.OTHER_CHANNEL: "it does not answer on this channel",
    Unfit.LESS_EXPERIENCED: "the route asks for more experience",
    Unfit.LACKS_SKILL: "it lacks the skill that is needed",
    Unfit.OTHER_LANGUAGE: "it does not speak the customer's language",
    Unfit.OUTSIDE_HOURS: "it does not work at this hour",
    Unfit.FULL: "it has as many conversations on this channel as it takes at once",
    Unfit.OUTRANKED: "another one knows the customer, or is freer",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When somebody works; `until` before `start` ends on the next day."""

    zone: ZoneInfo
    days: frozenset[str]
    start: time
    until: time

    def open_at(self, now: datetime) -> bool:
        """Return whether it is working time."""
        local = now.astimezone(self.zone)
        today, yesterday, clock = _DAYS[local.weekday()], _DAYS[local.weekday() - 1], local.time()
        if self.start < self.until:
            return today in self.days and self.start <= clock < self.until
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One who answers.

    Attributes:
        channels: on which it answers.
        skills: what it can do.
        languages: ISO 639-1; empty is every one.
        experience: from 0, as far as the company counts.
        hours: None is always.
        at_once: channel -> how many conversations it takes at once; a channel that is not named has no limit here.
    """

    id: str
    kind: str
    channels: frozenset[str]
    skills: frozenset[str]
    languages: frozenset[str]
    experience: int
    hours: Hours | None
    at_once: Mapping[str, int]

    def load(self, channel: str, taken: Mapping[tuple[str, str], int]) -> float:
        """Return how full it is on a channel, from 0 to 1; without a limit it is empty."""
        limit = self.at_once.get(channel)
        return taken.get((self.id, channel), 0) / limit if limit else 0.0


def read_target(name: str, section: Section, hours: Mapping[str, Hours]) -> Target:
    """Return the target of one section of `targets` in `rules/routing.yaml`.

    Raises:
        ConfigurationError: a key is wrong; the text names it.
    """
    kind = section.text("kind")
    section.demand(kind in TARGET_KINDS, "kind", f"one of {', '.join(TARGET_KINDS)}")
    named = section.text("hours") if section.has("hours") else None
    section.demand(named is None or named in hours, "hours", f"one of {', '.join(sorted(hours)) or 'those in `hours`'}")
    target = Target(
        id=name,
        kind=kind,
        channels=read_channels(section, "channels"),
        skills=_words(section, "skills"),
        languages=_words(section, "languages"),
        experience=section.count("experience") if section.has("experience") else 0,
        hours=hours[named] if named is not None else None,
        at_once=section.counts("at_once") if section.has("at_once") else {},
    )
    section.demand(target.at_once.keys() <= target.channels, "at_once", "some of its channels")
    if kind == PERSON:
        section.demand(target.at_once.keys() == target.channels, "at_once", "each of its channels; a person has limits")
        sound = target.at_once.get(Channel.CHAT, 1) <= MOST_CHATS
        section.demand(sound, "at_once", f"at most {MOST_CHATS} chats for a person")
    section.demand_nothing_else()
    return target


def read_hours(section: Section) -> Hours:
    """Return one section of `hours`.

    Raises:
        ConfigurationError: a key is wrong; the text names it.
    """
    days = frozenset(section.text_list("days"))
    section.demand(bool(days) and days <= set(_DAYS), "days", f"some of {', '.join(_DAYS)}")
    name = section.text("zone")
    try:
        zone = ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ConfigurationError(f"{section.file}: {section.key}.zone: no such time zone on this machine") from None
    hours = Hours(zone=zone, days=days, start=_clock(section, "from"), until=_clock(section, "until"))
    section.demand_nothing_else()
    return hours


def read_channels(section: Section, name: str) -> frozenset[str]:
    """Return a list of channels, at least one."""
    channels = frozenset(section.text_list(name))
    known = {channel.value for channel in Channel}
    section.demand(bool(channels) and channels <= known, name, f"some of {', '.join(sorted(known))}")
    return channels


def _words(section: Section, name: str) -> frozenset[str]:
    words: Collection[str] = section.text_list(name) if section.has(name) else ()
    return frozenset(words)


def _clock(section: Section, name: str) -> time:
    text = section.text(name)
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f'{section.file}: {section.key}.{name}: write a time of day, such as "08:30"'
        ) from None
