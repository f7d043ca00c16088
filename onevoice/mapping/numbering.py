"""Numbering plans: the E.164 form of numbers in everyday notation, without the full parser.

Takes a number of digits, blanks, dots, hyphens and brackets; gives E.164, or None where only `phonenumbers` can tell
(extensions, letters, plans that rewrite prefixes). The steps and the tables are those of `phonenumbers.parse` (Google's
libphonenumber); the rule kept: whatever is answered here, the full parser answers too.
"""

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers

_EVERYDAY = re.compile(r"\(?\+?\(?[0-9][0-9 ().-]{5,38}")
_NO_DIGITS = {ord(mark): None for mark in " ().-"}
_CALLING_CODE_MAX = 3
_SHORTEST, _LONGEST = 7, 15  # digits of E.164, calling code and all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """The numbering plan of one region.

    Attributes:
        abroad: what is dialled before a calling code.
        trunk: what is dialled before a national number; None when nothing is.
        national: what a national number looks like.
        lengths: how many digits a national number may have.
    """

    calling_code: str
    abroad: re.Pattern[str]
    trunk: re.Pattern[str] | None
    national: re.Pattern[str]
    lengths: frozenset[int]
    longest: int

    def without_trunk(self, digits: str) -> str:
        """Return a national number without its trunk prefix, where it has one."""
        found = self.trunk.match(digits) if self.trunk else None
        if found is None:
            return digits
        rest = digits[found.end() :]
        if self.national.fullmatch(digits) and not self.national.fullmatch(rest):
            return digits
        return rest if len(rest) in self.lengths or len(rest) > self.longest else digits


def everyday_e164(text: str, region: str) -> str | None:
    """Return the E.164 form of a possible number, read under a region; None: ask the full parser."""
    if not _EVERYDAY.fullmatch(text):
        return None
    digits = text.translate(_NO_DIGITS)
    if "+" in digits:
        return _international(digits[1:])
    plan = _plan(region)
    if plan is None:
        return None
    dialled = plan.abroad.match(digits)
    if dialled is not None:
        return _international(digits[dialled.end() :])
    if digits.startswith(plan.calling_code):
        return None
    home = _plan_of_code(plan.calling_code)
    return _possible(home, plan.without_trunk(digits)) if home else None


def _international(digits: str) -> str | None:
    for length in range(1, _CALLING_CODE_MAX + 1):
        plan = _plan_of_code(digits[:length])
        if plan is not None:
            return _possible(plan, plan.without_trunk(digits[length:]))
    return None


def _possible(plan: _Plan, digits: str) -> str | None:
    fits = len(digits) in plan.lengths and _SHORTEST <= len(plan.calling_code) + len(digits) <= _LONGEST
    return f"+{plan.calling_code}{digits}" if fits and digits.strip("0") else None


@cache
def _plan_of_code(calling_code: str) -> _Plan | None:
    known = calling_code.isdecimal() and not calling_code.startswith("0")
    return _plan(phonenumbers.region_code_for_country_code(int(calling_code))) if known else None


@cache
def _plan(region: str) -> _Plan | None:
    table = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if table is None or table.international_prefix is None or table.general_desc is None:
        return None
    general = table.general_desc
    trunk = re.compile(table.national_prefix_for_parsing) if table.national_prefix_for_parsing else None
    if trunk is not None and (trunk.groups or table.national_prefix_transform_rule):
        return None
    return _Plan(
        calling_code=str(table.country_code),
        abroad=re.compile(table.international_prefix),
        trunk=trunk,
        national=re.compile(general.national_number_pattern or ""),
        lengths=frozenset(general.possible_length) - frozenset(general.possible_length_local_only),
        longest=max(general.possible_length),
    )
