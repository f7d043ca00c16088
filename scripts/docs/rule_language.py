"""The page about the language of rules: kinds, syntax, functions, attributes, reasons."""

from pathlib import Path

from onevoice.decisions import UNFIT_WORDS, WORDS, Kind
from onevoice.decisions.expression import MOST_CHARACTERS, MOST_NODES
from onevoice.decisions.function import FUNCTIONS
from onevoice.decisions.table import _AGGREGATES, HIT_POLICIES
from onevoice.workers.decisions import load_rules
from scripts.docs.markdown import code, codes, page, table

_SYNTAX = (
    ("and, or, not", "truths; what is unknown stays so unless the rest decides"),
    ("==, !=, <, <=, >, >=", "two numbers, chained as in `0 < x < 9`; texts and truths by == and != only"),
    ("in, not in", "a value and a list that is written out, or a text and an attribute of kind texts"),
    ("+, -, *, /", "numbers, exact to 28 digits; dividing by zero puts the rule out for this decision"),
    ("a if test else b", "one of two values of one kind"),
)


def rule_language_page(root: Path) -> str:
    """Return the page."""
    attributes = load_rules(root / "rules").ruleset.attributes.values()
    return page(
        "The language of rules",
        "Expressions in `rules/offers.yaml`, `rules/tables.yaml`, `rules/decisions.yaml` and `rules/routing.yaml`. The "
        f"syntax is a part of Python's, at most {MOST_CHARACTERS} characters and {MOST_NODES} parts; nothing else of "
        "Python is there. "
        f"A value is of one kind: {codes(Kind)}. A condition holds where it is true: an unknown fact makes what reads "
        "it unknown, and so does `not` of it.",
        "## Syntax",
        table(["write", "for"], [(code(shape), words) for shape, words in _SYNTAX]),
        "## Functions",
        table(["write", "gives"], [(code(one.shape), one.words) for one in FUNCTIONS.values()]),
        "## Decision tables",
        f"`hit` is one of {codes(HIT_POLICIES)}; `aggregate` of a table that collects is one of {codes(_AGGREGATES)}.",
        "## Attributes",
        "With the rules that come with the hub; `onevoice rules attributes` prints those of an installation.",
        table(
            ["attribute", "kind", "meaning", "one of"],
            [(code(one.name), one.kind.value, one.words, codes(sorted(one.values or ()))) for one in attributes],
        ),
        "## Why an offer is not given",
        "One reason for each offer: the first of these stages that it does not pass.",
        table(["reason", "meaning"], [(code(reason.value), words) for reason, words in WORDS.items()]),
        "## Why a target does not answer",
        "One reason for each target that a route passed over.",
        table(["reason", "meaning"], [(code(reason.value), words) for reason, words in UNFIT_WORDS.items()]),
    )
