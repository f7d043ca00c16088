"""The ways in which one fact is written down: telephone formats, letter case, abbreviated streets.

Each function takes the fact and the `random.Random` and gives one spelling. One rule: the fact stays the same.
"""

from __future__ import annotations

import random

AREA_DIGITS = {"020": 3, "029": 3}
ABBREVIATIONS = {"Street": "St", "Road": "Rd", "Avenue": "Ave", "Lane": "Ln", "Drive": "Dr"}


def telephone(number: str, chance: random.Random) -> str:
    """A British number in E.164, as someone would type it: national or international, with or without spaces."""
    national = f"0{number[3:]}"
    area = 5 if national.startswith("07") else AREA_DIGITS.get(national[:3], 4)
    head, tail = national[:area], national[area:]
    if len(tail) == 7 or len(tail) == 8:
        tail = f"{tail[:-4]} {tail[-4:]}"
    return chance.choice(
        (
            national,
            f"{head} {tail}",
            number,
            f"+44 {head[1:]} {tail}",
            f"+44 (0){head[1:]} {tail}",
            f"0044 {head[1:]} {tail}",
            f"({head}) {tail}",
        )
    )


def mailbox(email: str, chance: random.Random) -> str:
    """An e-mail address, sometimes with capitals."""
    if chance.random() < 0.88:
        return email
    return email.upper() if chance.random() < 0.3 else ".".join(part.capitalize() for part in email.split("."))


def street(text: str, chance: random.Random) -> str:
    """A street, its last word sometimes abbreviated."""
    head, _, last = text.rpartition(" ")
    return f"{head} {ABBREVIATIONS[last]}" if last in ABBREVIATIONS and chance.random() < 0.2 else text


def postcode(text: str, chance: random.Random) -> str:
    """A postcode, sometimes without its space or in small letters."""
    roll = chance.random()
    if roll < 0.1:
        return text.replace(" ", "")
    return text.lower() if roll < 0.15 else text
