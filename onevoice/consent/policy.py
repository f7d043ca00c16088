"""What speaks against a contact that no act prohibits: caps, quiet hours, and the customer's own preferences.

Pure. A preference never permits; it only narrows: of several that were stated the strictest counts, and of policy and
preference the smaller frequency. What the customer began itself is bound by none of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from onevoice.consent.question import Because, Holding, Question
from onevoice.consent.rules import ADVERTISING, DAYS, Cap, ConsentRules, Hours
from onevoice.messages import ANY, Act, Channel, Json


def policy_reasons(rules: ConsentRules, holding: Holding, asked: Question) -> Iterator[Because]:
    """Yield what refuses this contact; nothing for a conversation that the customer began or for legal purposes."""
    kind = rules.kind(asked.purpose)
    if asked.inbound or kind == "legal":
        return
    wishes = preferences(holding.acts, asked)
    if kind in ADVERTISING:
        purpose = rules.purposes.get(asked.purpose)
        yield from _caps(purpose.caps if purpose else (), holding, asked, "policy")
        country = rules.country(holding.country)
        zones = (holding.timezone,) if holding.timezone else country.timezones
        hours = country.hours.get(Channel(asked.channel))
        if hours is not None and not all(_within(hours, asked.now, zone) for zone in zones):
            yield Because(code="quiet_hours", says=f"{asked.channel} is quiet now where the customer lives")
        yield from _caps(_wished_caps(wishes), holding, asked, "preference")
    yield from _wished(wishes, asked, holding.timezone or rules.country(holding.country).timezones[0])


def preferences(acts: Iterable[Act], asked: Question) -> list[Act]:
    """Return the preferences in force for a purpose, each with the terms that hold: those that were stated last.

    A term that was stated as nothing (null, false, an empty list) is wished no more.
    """
    latest: dict[tuple[object, ...], Act] = {}
    for act in sorted(acts, key=lambda one: (one.time, str(one.id))):
        if act.kind != "preference" or act.purpose not in (asked.purpose, ANY) or act.controller != asked.controller:
            continue
        for term in act.terms:
            latest[term, act.anchor_record, act.anchor_point, act.channel, act.purpose] = act
    holding: dict[UUID, tuple[Act, Json]] = {}
    for key, act in latest.items():
        term = str(key[0])
        if act.terms[term]:
            holding.setdefault(act.id, (act, {}))[1][term] = act.terms[term]
    return [replace(act, terms=said) for act, said in holding.values()]


def _caps(caps: Iterable[Cap], holding: Holding, asked: Question, whose: str) -> Iterator[Because]:
    for cap in caps:
        if cap.channel is not None and cap.channel != asked.channel:
            continue
        since = asked.now - timedelta(days=cap.days)
        made = sum(
            1
            for one in holding.contacts
            if one.purpose == asked.purpose and one.time > since and cap.channel in (None, one.channel)
        )
        if made >= cap.most:
            where = f" by {cap.channel}" if cap.channel else ""
            says = f"{made} of at most {cap.most} {asked.purpose} contacts{where} in {cap.days} days made ({whose})"
            yield Because(code="cap", says=says)


def _wished_caps(wishes: Iterable[Act]) -> list[Cap]:
    return [
        Cap(
            most=act.terms["most"],
            days=act.terms.get("days") or 30,
            channel=None if act.channel == ANY else Channel(act.channel),
        )
        for act in wishes
        if act.terms.get("most")
    ]


def _wished(wishes: Iterable[Act], asked: Question, zone: str) -> Iterator[Because]:
    preferred = {act.channel: act for act in wishes if act.terms.get("preferred")}
    if preferred and asked.channel not in preferred:
        latest = max(preferred.values(), key=lambda act: (act.time, str(act.id)))
        yield Because(code="preferred_channel", says=f"prefers to be reached by {latest.channel}", act=latest.id)
    for act in wishes:
        if asked.topic is not None and asked.topic in act.terms.get("not_about", ()):
            yield Because(code="topic", says=f"wishes to hear nothing about {asked.topic}", act=act.id)
        between = act.terms.get("between")
        if between and act.channel in (asked.channel, ANY) and not _wished_now(between, asked.now, zone):
            yield Because(code="preferred_hours", says=f"wishes to be reached {', '.join(between)}", act=act.id)


def _wished_now(between: Iterable[str], now: datetime, zone: str) -> bool:
    """Return whether it is one of the hours that a customer wishes; those may go past midnight."""
    moment: time = now.astimezone(_zone(zone)).time()
    for window in between:
        begin, end = (time.fromisoformat(part) for part in window.split("-"))
        if begin <= moment < end or (begin > end and (moment >= begin or moment < end)):
            return True
    return False


def _within(hours: Hours, now: datetime, zone: str) -> bool:
    there = now.astimezone(_zone(zone))
    moment: time = there.time()
    return DAYS[there.weekday()] in hours.days and any(begin <= moment < end for begin, end in hours.windows())


@lru_cache(maxsize=1024)  # zoneinfo itself keeps eight
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
