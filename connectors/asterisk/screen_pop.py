"""The screen pop: tells the agents' desktops which page to open while the telephone rings.

It goes out as an event of its own name on the same interface, `UserEvent: OnevoiceScreenPop`, which every desktop that
listens there gets. The page is the company's own; the hub's context is asked for by it, under its own login.
"""

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from connectors.asterisk.message import Message, known

NAME = "OnevoiceScreenPop"


class ScreenPop:
    """Makes the events.

    Args:
        template: address of the page, with `{number}`, `{call}` and `{queue}` in it; empty: no screen pop.
    """

    def __init__(self, template: str) -> None:
        self._template = template

    def headers(self, events: Sequence[Message], number_of: Callable[[str], str]) -> Iterator[dict[str, str]]:
        """Yield the headers of one screen pop for each agent whose telephone began to ring."""
        for event in events if self._template else ():
            if event.get("Event") != "AgentCalled":
                continue
            call = event.get("Linkedid", "")
            parts = {
                "number": known(event.get("CallerIDNum")) or number_of(call),
                "call": call,
                "queue": event.get("Queue", ""),
            }
            url = self._template
            for name, value in parts.items():
                url = url.replace("{" + name + "}", quote(value, safe=""))
            agent = known(event.get("MemberName")) or ""
            yield {"UserEvent": NAME, "Agent": agent, "Interface": event.get("Interface", ""), "Call": call, "Url": url}
