"""Consent: acts, their fold into permissions, and the one gate. Prohibition reads wide, permission reads narrow."""

from onevoice.consent.gate import Gate, strictest
from onevoice.consent.observation import WITHDRAWN, FlagAct, Observation, acts_of_flag, observe, points_since
from onevoice.consent.question import Answer, Because, Contacted, Holding, Question, Verdict
from onevoice.consent.rules import ConsentRules

__all__ = [
    "WITHDRAWN",
    "Answer",
    "Because",
    "ConsentRules",
    "Contacted",
    "FlagAct",
    "Gate",
    "Holding",
    "Observation",
    "Question",
    "Verdict",
    "acts_of_flag",
    "observe",
    "points_since",
    "strictest",
]
