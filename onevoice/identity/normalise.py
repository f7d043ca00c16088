"""Folds values so that two spellings of one fact become equal. The original stays in the record as it is.

Takes text as it stands in canonical records, gives text to compare; blank means "nothing to compare". The one rule: a
fold depends on nothing but its argument, so that it can be cached and gives the same result everywhere.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache

from anyascii import anyascii

LONGEST = 120

_DROPPED = str.maketrans(
    dict.fromkeys(
        "'’`´ʼ\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
    )
)
_SEPARATORS = re.compile(r"[\W_]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUFFIXES = {"junior": "jr", "jnr": "jr", "jr": "jr", "senior": "sr", "snr": "sr", "sr": "sr",
             "ii": "ii", "iii": "iii", "iv": "iv"}  # fmt: skip
_SHORTEST_SUFFIX = 8  # digits of a national telephone number that two countries would not share by chance


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """Return `text` in small Latin letters without accents and punctuation, words parted by one blank.

    Other scripts are transliterated letter by letter (anyascii). Only the first `LONGEST` characters count, so that an
    absurd value costs no more than a long one.
    """
    plain = text[:LONGEST].translate(_DROPPED).casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join([letter for letter in decomposed if not unicodedata.combining(letter)])
        # A letter of one script can become a dozen of another: what comes out is cut again.
        plain = anyascii(plain).casefold().replace("'", "")[:LONGEST]
    return _SEPARATORS.sub(" ", plain).strip()


@lru_cache(maxsize=1 << 14)
def fold_code(text: str) -> str:
    """Return a code (postal code, register number, national id) without blanks and punctuation, in small letters."""
    return fold(text).replace(" ", "")


def fold_email(text: str) -> str:
    """Return an e-mail address in small letters; blank when it has no part before or after the @."""
    address = text[:320].strip().lower()
    mailbox, at, domain = address.rpartition("@")
    return address if at and mailbox and domain else ""


@lru_cache(maxsize=1 << 14)
def fold_phone(text: str) -> str:
    """Return a telephone number as digits with a leading + where it has one; blank without digits."""
    digits = "".join([letter for letter in text[:40] if letter.isdigit()])
    if not digits:
        return ""
    return f"+{digits}" if text.lstrip().startswith("+") else digits


def national_suffix(number: str) -> str:
    """Return the last digits of a number, which stay the same whichever country it is read under; blank when short."""
    digits = number.lstrip("+0")
    return digits[-_SHORTEST_SUFFIX:] if len(digits) >= _SHORTEST_SUFFIX else ""


@lru_cache(maxsize=1 << 14)
def fold_date(text: str) -> str:
    """Return a date `YYYY-MM-DD` as it is; blank when there is no such day."""
    if not _DATE.fullmatch(text):
        return ""
    try:
        date.fromisoformat(text)
    except ValueError:
        return ""
    return text


@lru_cache(maxsize=1 << 14)
def unordered_date(text: str) -> str:
    """Return a date with the smaller of day and month first: swapped ones become equal."""
    month, day = text[5:7], text[8:]
    return text if month <= day else f"{text[:4]}-{day}-{month}"


def fold_suffix(text: str) -> str:
    """Return a name's suffix with one spelling for junior and senior."""
    folded = fold(text)
    return _SUFFIXES.get(folded, folded)


def is_suffix(word: str) -> bool:
    """Say whether a folded word at the end of a family name is a suffix such as Jr or III."""
    return word in _SUFFIXES
