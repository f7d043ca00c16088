"""Consent: acts, their fold into permissions, and the one gate. Prohibition reads wide, permission reads narrow."""

from onevoice.consent.gate import Gate, Holding, Verdict
from onevoice.consent.observation import Observation, acts_of_flag, observe, points_since
from onevoice.consent.rules import ConsentRules

__all__ = ["ConsentRules", "Gate", "Holding", "Observation", "Verdict", "acts_of_flag", "observe", "points_since"]
