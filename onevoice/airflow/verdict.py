"""Reads the hub's answer about one system: which limits are passed, and what to do about each.

Takes the body of `GET /v1/watch/<system>`; gives one line a check that failed. What cannot be read counts as not well:
a watch that is green because it did not understand would be worse than none.
"""

from onevoice.errors import RefusedError
from onevoice.messages import Json


def complaints(system: str, answer: Json) -> list[str]:
    """Return what is wrong with a system, in words; empty when it is well.

    Raises:
        RefusedError: the answer is not of the agreed form.
    """
    checks = answer.get("checks")
    if not isinstance(checks, list) or not all(isinstance(check, dict) for check in checks):
        raise _not_understood(system)
    found = [_line(system, check) for check in checks if check.get("ok") is not True]
    if not checks or (answer.get("ok") is True) is bool(found):
        raise _not_understood(system)
    return found


def _line(system: str, check: Json) -> str:
    name, value, limit, unit, advice = (check.get(key) for key in ("name", "value", "limit", "unit", "advice"))
    if not (isinstance(name, str) and isinstance(unit, str) and isinstance(advice, str)):
        raise _not_understood(system)
    if not isinstance(limit, int | float):
        raise _not_understood(system)
    found = f"is {value:.0f}" if isinstance(value, int | float) else "cannot be measured"
    return f"system {system}: {name} {found}, its limit is {limit:.0f} ({unit}); {advice}"


def _not_understood(system: str) -> RefusedError:
    return RefusedError(f"system {system}: the hub's answer has another form; run hub and Airflow in one version")
