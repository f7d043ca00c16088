"""The golden record: claims, survivorship, values and why they stand. Pure logic, no store."""

from onevoice.master.claims import Claim, Pin, claims_of
from onevoice.master.explain import ValueRow, explain
from onevoice.master.golden import Decision, Golden, golden, golden_values
from onevoice.master.survivorship import Survivorship
from onevoice.master.validity import in_force, turning_days

__all__ = [
    "Claim",
    "Decision",
    "Golden",
    "Pin",
    "Survivorship",
    "ValueRow",
    "claims_of",
    "explain",
    "golden",
    "golden_values",
    "in_force",
    "turning_days",
]
