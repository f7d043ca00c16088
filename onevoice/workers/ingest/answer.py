"""What an interaction says of a thread: that the customer has answered it, on whatever channel, or that it has ended.

A customer answers a campaign or survey by whatever names it (`campaign`), by using its number, address or page
(`reached`, as `rules/campaigns.yaml` declares them), or by a reply to a message that was sent for it (`in_reply_to`
names the contact). The one rule: it follows from the interaction, the rules and contacts made before, so that the order
in which interactions arrive changes nothing.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, select

from onevoice.consent import ConsentRules
from onevoice.messages import ANY, Act, Json, RecordRef
from onevoice.store import among
from onevoice.store.tables import contact
from onevoice.workers.ingest.accept import act_id
from onevoice.workers.ingest.prepare import Incoming

THREAD_END = "thread_end"
"""The kind of an interaction by which a system says that a thread has ended; also the reason of the lift."""
_CONTACT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def threads_replied_to(connection: Connection, incoming: Iterable[Incoming]) -> dict[str, str]:
    """Return the thread of each message that the hub let through and that one of these replies to, by `in_reply_to`."""
    told = [_interaction(part) or {} for one in incoming for part in (one, *one.also)]
    named = {said["in_reply_to"] for said in told if "in_reply_to" in said}
    numbers = {text: UUID(found[0]) for text in named if (found := _CONTACT.search(text.lower()))}
    if not numbers:
        return {}
    sent = select(contact.c.id, contact.c.thread).where(
        among(connection, contact.c.id, set(numbers.values())), contact.c.thread.is_not(None)
    )
    threads = {row.id: row.thread for row in connection.execute(sent)}
    return {text: threads[number] for text, number in numbers.items() if number in threads}


def act_of_thread(
    incoming: Incoming, rules: ConsentRules, replied_to: Mapping[str, str], *, clock_bound: timedelta
) -> Act | None:
    """Return the act that closes a thread to the hub, or opens it again as it has ended; None where nothing follows.

    Args:
        replied_to: as `threads_replied_to`.
    """
    said = _interaction(incoming)
    if said is None or not (said.get("party") or said.get("point")):
        return None
    if said["kind"] == THREAD_END and "thread" in said:
        return _act(incoming, said, said["thread"], clock_bound, kind="lift", reason=THREAD_END)
    if said["direction"] != "inbound":
        return None
    thread = said.get("campaign") or rules.campaign_of(said.get("reached"))
    thread = thread or replied_to.get(said.get("in_reply_to", ""))
    if thread is None:
        return None
    return _act(incoming, said, thread, clock_bound, kind="prohibition", reason="answered")


def _act(incoming: Incoming, said: Json, thread: str, clock_bound: timedelta, *, kind: str, reason: str) -> Act:
    party = said.get("party")
    whose = f"{party['stream']}:{party['key']}" if party else ""
    named = "answer" if reason == "answered" else reason
    return Act(
        # What it says is in the id: versions that name another campaign or person add to each other in any order.
        id=act_id(incoming.ref, f"{named}|{thread}|{whose}|{said.get('point')}", "", 0),
        kind=kind,
        channel=ANY,
        purpose=ANY,
        reason=reason,
        time=min(datetime.fromisoformat(said["time"]), incoming.envelope.time + clock_bound),
        anchor_record=RecordRef(system=incoming.ref.system, stream=party["stream"], key=party["key"])
        if party
        else None,
        anchor_point=said.get("point"),
        thread=thread,
        source=incoming.ref,
        evidence={"source": said["kind"]},
    )


def _interaction(incoming: Incoming) -> Json | None:
    mapped = incoming.mapped
    return mapped.canonical if mapped is not None and mapped.type == "interaction" else None
