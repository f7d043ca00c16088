"""Slips of the keyboard: two letters swapped, one left out, one doubled.

One rule: the first letter and every digit stay as they are, so a misspelt word is still recognisable.
"""

from __future__ import annotations

import random


def misspell(text: str, chance: random.Random) -> str:
    """`text` with one slip; unchanged when it has fewer than two neighbouring letters after the first character."""
    spots = [at for at in range(1, len(text) - 1) if text[at].isalpha() and text[at + 1].isalpha()]
    if not spots:
        return text
    at = chance.choice(spots)
    slip = chance.choice(("swap", "drop", "double"))
    if slip == "swap":
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if slip == "drop":
        return text[:at] + text[at + 1 :]
    return text[: at + 1] + text[at:]
