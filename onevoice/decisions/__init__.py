"""Decisions: rules and decision tables, offers and their arbitration, experiments, routing."""

from onevoice.decisions.arbitration import QUESTION, ROUTE, Engine, reasons_by_offer
from onevoice.decisions.attribute import Attribute, Kind, checked_facts, fitting_facts
from onevoice.decisions.case import failing_cases
from onevoice.decisions.decision import WORDS, Chosen, Decision, Question, Reason, given_by, stored_question
from onevoice.decisions.fact import TOLD
from onevoice.decisions.offer import KINDS, Offer
from onevoice.decisions.propensity import NOTHING_SHOWN, Propensity, Snapshot
from onevoice.decisions.routing import Routed, Routing
from onevoice.decisions.ruleset import DOCUMENTS, Ruleset, World, lint_ruleset, read_ruleset
from onevoice.decisions.target import UNFIT_WORDS, Unfit

__all__ = [
    "DOCUMENTS",
    "KINDS",
    "NOTHING_SHOWN",
    "QUESTION",
    "ROUTE",
    "TOLD",
    "UNFIT_WORDS",
    "WORDS",
    "Attribute",
    "Chosen",
    "Decision",
    "Engine",
    "Kind",
    "Offer",
    "Propensity",
    "Question",
    "Reason",
    "Routed",
    "Routing",
    "Ruleset",
    "Snapshot",
    "Unfit",
    "World",
    "checked_facts",
    "failing_cases",
    "fitting_facts",
    "given_by",
    "lint_ruleset",
    "read_ruleset",
    "reasons_by_offer",
    "stored_question",
]
