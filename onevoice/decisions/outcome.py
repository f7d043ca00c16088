"""What became of an offer: a fold over what was reported, in whatever order and however often.

Kinds only advance: shown, clicked, then accepted or declined. Whatever was reported was shown. Of both ends the earlier
by its own time stands; at one time, declined.
"""

from collections.abc import Iterable
from datetime import datetime

OUTCOMES = ("shown", "clicked", "accepted", "declined")
_ENDS = ("accepted", "declined")


def standing(reported: Iterable[tuple[str, datetime]]) -> str | None:
    """Return the kind that stands of (kind, its own time), None of nothing; a pure function of the set."""
    said = set(reported)
    ends = [(at, kind == "accepted", kind) for kind, at in said if kind in _ENDS]
    if ends:
        return min(ends)[2]
    return max((kind for kind, _ in said), key=OUTCOMES.index, default=None)
