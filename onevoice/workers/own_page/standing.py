"""What the page shows: the choices that a customer has, and what stands of them now.

Pure. The one rule: contact points are shown in part only, enough for their owner to know them: a link may be forwarded.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onevoice.consent import Gate, Holding, Question
from onevoice.consent.policy import preferences
from onevoice.consent.question import points_on_channel
from onevoice.consent.rules import ADVERTISING
from onevoice.messages import ANY, Json, Permission, RecordRef

CHANNELS = ("email", "sms", "phone", "post")
MARKETING = "marketing"
FREQUENCIES: Mapping[str, tuple[int | None, int | None]] = {
    "": (None, None),
    "week": (1, 7),
    "fortnight": (1, 14),
    "month": (1, 30),
}
HOURS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "morning": ("08:00-12:00",),
    "afternoon": ("12:00-17:00",),
    "evening": ("17:00-20:00",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One yes or no: a channel, a purpose and, where the channel has them, a contact point.

    Attributes:
        id: what the form calls it; tells nothing of the point.
        shown: the point in part; None on channels without points.
        waits: a yes was given and waits to be confirmed from the point itself.
    """

    id: str
    channel: str
    purpose: str
    title: str
    point: str | None
    shown: str | None
    permission: str
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a customer prefers, in the words of the form."""

    channel: str = ""
    frequency: str = ""
    hours: str = ""
    topics: frozenset[str] = frozenset()

    def terms(self, offered: Collection[str]) -> Iterator[tuple[str, Json]]:
        """Yield (channel, terms) of the preferences that say this, those that take a wish back included."""
        most, days = FREQUENCIES[self.frequency]
        named: Json = {"most": most, "between": list(HOURS[self.hours])}
        named |= {"days": days} if days is not None else {}
        yield ANY, named | {"not_about": sorted(set(offered) - self.topics)}
        for channel in CHANNELS:
            yield channel, {"preferred": channel == self.channel}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The page as it stands.

    Attributes:
        topics: of marketing, word -> title.
        objects: it wants no offers on any channel.
        open_points: new contact points, in part, that wait to be confirmed.
    """

    given_name: str
    family_name: str
    language: str
    person: bool
    points: Sequence[str]
    open_points: Sequence[str]
    choices: Sequence[Choice]
    wishes: Wishes
    topics: Mapping[str, str]
    objects: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a customer sends back: for each choice yes or no, the wishes, and what it says of itself.

    What is left out, or says what stands anyway, changes nothing.
    """

    choices: Mapping[str, bool] = field(default_factory=dict)
    wishes: Wishes | None = None
    nothing_at_all: bool = False
    profile: Mapping[str, str] = field(default_factory=dict)
    email: str = ""
    phone: str = ""


def choices_of(
    gate: Gate, holding: Holding, waiting: Collection[tuple[str, str, str]], language: str | None
) -> list[Choice]:
    """Return the choices of a customer.

    Args:
        language: what their titles are told in, where rules say them so.
        waiting: (point, channel, purpose) of what waits to be confirmed.
    """
    found = []
    for purpose, row in gate.rules.purposes.items():
        if row.kind not in ADVERTISING:
            continue
        for channel in CHANNELS:
            points: Sequence[str | None] = points_on_channel(holding.points, channel) or ()
            for point in points if channel != "post" else (None,):
                permission = gate.fold(holding, channel, purpose, point).permission
                found.append(
                    Choice(
                        id=_name(channel, purpose, point),
                        channel=channel,
                        purpose=purpose,
                        title=row.said_in(language).title,
                        point=point,
                        shown=shown(point) if point else None,
                        permission=permission.value,
                        waits=permission is not Permission.ALLOWED and (point, channel, purpose) in waiting,
                    )
                )
    return found


def wishes_of(gate: Gate, holding: Holding) -> Wishes:
    """Return what the customer wishes of marketing now; what the form has no word for is left out."""
    asked = Question(channel="email", purpose=MARKETING, now=gate.clock())
    said: dict[str, Any] = {}
    for act in preferences(holding.acts, asked):
        if act.terms.get("preferred"):
            said["channel"] = act.channel
        said |= {name: act.terms[name] for name in ("most", "days", "between", "not_about") if name in act.terms}
    topics = frozenset(gate.rules.purposes[MARKETING].topics) if MARKETING in gate.rules.purposes else frozenset()
    return Wishes(
        channel=said.get("channel", "") if said.get("channel") in CHANNELS else "",
        frequency=_word(FREQUENCIES, (said.get("most"), said.get("days"))),
        hours=_word(HOURS, tuple(said.get("between", ()))),
        topics=topics - frozenset(said.get("not_about", ())),
    )


def places_of_wishes(gate: Gate, holding: Holding, own: RecordRef) -> list[tuple[RecordRef | None, str | None]]:
    """Return where a new wish is to be said so that it alone holds: at the page's own record, and where one stands."""
    asked = Question(channel="email", purpose=MARKETING, now=gate.clock())
    standing = {(act.anchor_record, act.anchor_point) for act in preferences(holding.acts, asked)}
    others = sorted(standing - {(own, None)}, key=str)
    return [(own, None), *others]


def shown(point: str) -> str:
    """Return a contact point in part: its owner knows it, a stranger learns little."""
    kind, _, value = point.partition(":")
    if kind == "email":
        name, _, domain = value.rpartition("@")
        return f"{name[:1]}•••@{domain}"
    return f"{value[:3]} ••• {value[-3:]}"


def _name(channel: str, purpose: str, point: str | None) -> str:
    digest = hashlib.blake2b(f"{channel}|{purpose}|{point}".encode(), digest_size=9).hexdigest()
    return f"say-{digest}"


def _word(words: Mapping[str, Any], value: Any) -> str:
    return next((word for word, meant in words.items() if meant == value), "")
