"""Folds values so that two spellings of one fact become equal. The original stays in the record as it is.

Takes text as it stands in canonical records, gives text to compare; blank means "nothing to compare". The one rule: a
fold depends on nothing but its argument, so that it can be cached and gives the same result everywhere.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache

LONGEST = 120

_SPECIAL = str.maketrans(
    {
        "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",
        "'": None, "’": None, "`": None, "´": None,
        "\u00ad": None, "\u200b": None, "\u200c": None, "\u200d": None, "\u2060": None, "\ufeff": None,
    }
)  # fmt: skip
_SEPARATORS = re.compile(r"[\W_]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SUFFIXES = {"junior": "jr", "jnr": "jr", "senior": "sr", "snr": "sr"}


@lru_cache(maxsize=1 << 16)
def fold(text: str) -> str:
    """Return `text` in small letters without accents and punctuation, words parted by one blank.

    Only the first `LONGEST` characters count, so that an absurd value costs no more than a long one.
    """
    plain = text[:LONGEST].casefold()
    if not plain.isascii():
        decomposed = unicodedata.normalize("NFKD", plain)
        plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).casefold()
    return _SEPARATORS.sub(" ", plain.translate(_SPECIAL)).strip()


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
    digits = "".join(letter for letter in text[:40] if letter.isdigit())
    if not digits:
        return ""
    return f"+{digits}" if text.lstrip().startswith("+") else digits


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


def fold_suffix(text: str) -> str:
    """Return a name's suffix with one spelling for junior and senior."""
    folded = fold(text)
    return _SUFFIXES.get(folded, folded)
