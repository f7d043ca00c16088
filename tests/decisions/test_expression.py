"""The expression language: what it says, what it refuses, and that the index decides as the expression does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onevoice.decisions import Attribute, Kind, checked_facts
from onevoice.decisions.conditions import Conditions
from onevoice.decisions.expression import RULE_ERRORS, compile_expression
from onevoice.errors import ConfigurationError, RefusedError

ATTRIBUTES = {
    one.name: one
    for one in (
        Attribute(name="tier", kind=Kind.TEXT, words="", values=frozenset({"high", "low"})),
        Attribute(name="page", kind=Kind.TEXT, words=""),
        Attribute(name="x", kind=Kind.NUMBER, words=""),
        Attribute(name="y", kind=Kind.NUMBER, words=""),
        Attribute(name="vip", kind=Kind.TRUTH, words=""),
        Attribute(name="tags", kind=Kind.TEXTS, words=""),
    )
}


def value(text: str, kind: Kind = Kind.TRUTH, **facts: Any) -> Any:
    expression = compile_expression(text, ATTRIBUTES, where="test", wanted=kind)
    return expression.run(checked_facts(facts, ATTRIBUTES))


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ('tier == "high" and x > 1', {"tier": "high", "x": 2}, True),
        ('tier in ("high", "low")', {"tier": "low"}, True),
        ('tier not in ["high"]', {"tier": "high"}, False),
        ("1 <= x < 3", {"x": 3}, False),
        ("x + y * 2 == 7", {"x": 1, "y": 3}, True),
        ("0.1 + 0.2 == 0.3", {}, True),
        ("-x == abs(y)", {"x": -2, "y": 2}, True),
        ('"a" in tags and count(tags) == 2', {"tags": ["b", "a"]}, True),
        ('starts_with(page, "/shop")', {"page": "/shop/1"}, True),
        ("round(x / 2) == 2", {"x": 5}, True),
        ("(x if vip else y) == 1", {"vip": False, "x": 0, "y": 1}, True),
        ("min(x, y, 0) == 0 and max(x, y) == 4", {"x": 3, "y": 4}, True),
    ],
)
def test_expression_says_what_it_reads(text: str, facts: dict[str, Any], expected: bool) -> None:
    assert value(text, **facts) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 1", None),
        ("not x > 1", None),
        ("x > 1 and False", False),
        ("x > 1 or True", True),
        ("x > 1 or False", None),
        ("known(x)", False),
        ("otherwise(x, 5) == 5", True),
        ('tier not in ("high",)', None),
        ("(1 if vip else 2) == 1", None),
    ],
)
def test_unknown_is_neither_true_nor_false(text: str, expected: bool | None) -> None:
    assert value(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "x.real", "tags[0]", "(lambda: 1)()", "[t for t in tags]", "f'{x}'", "x ** 9", "x % 2",
        "x if vip", "y := 1", "None == x", "b'a' == page", "x == True", "tier > 'a'", "'a' in page", "x in tags",
        "tier == 'golden'", "'golden' in ('a',) and tier in ('golden',)", "missing == 1", "x and vip", "x", "1e400 < x",
        "min(x)", "known(x, y)", "round(x, ndigits=2) == 1", "(x, y) == x", "tags == tags", "True if vip else 1", "",
        "(" * 300 + "vip" + ")" * 300, "not " * 900 + "vip", "x + " * 400 + "x > 1", "vip\nvip", "1j == x", "x is y",
    ],
)  # fmt: skip
def test_what_is_not_of_the_language_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^offers\.yaml: one\.eligible"):
        compile_expression(text, ATTRIBUTES, where="offers.yaml: one.eligible", wanted=Kind.TRUTH)


def test_division_by_zero_raises_when_it_is_met_and_not_before() -> None:
    expression = compile_expression("1 / x > 2", ATTRIBUTES, where="", wanted=Kind.TRUTH)

    with pytest.raises(RULE_ERRORS):
        expression.run(checked_facts({"x": 0}, ATTRIBUTES))
    assert expression.run(checked_facts({"x": "0.25"}, ATTRIBUTES)) is True


@pytest.mark.parametrize(
    "facts", [{"x": "much"}, {"x": True}, {"x": "1e99"}, {"vip": 1}, {"tags": [1]}, {"page": "p" * 201}, {"z": 1}]
)
def test_fact_of_another_kind_is_refused_without_its_value(facts: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        checked_facts(facts, ATTRIBUTES)

    assert "much" not in str(caught.value)
    assert "ppp" not in str(caught.value)


_PARTS = st.sampled_from(
    ['tier == "high"', 'tier in ("high", "low")', 'tier != "low"', "vip", "not vip", "x > 1", "x <= 3", "2 < x < 4",
     "x == 2", "y >= x", "1 / x > 0", '"a" in tags', "known(x)", "2 >= y", "x >= 1.5", "vip == False"]
)  # fmt: skip
_CONDITIONS = st.recursive(
    _PARTS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
    ),
    max_leaves=4,
)
_NUMBERS = st.none() | st.sampled_from([-1, 0, 1, "1.25", "1.5", 2, 3, 4, 5])
_FACTS = st.fixed_dictionaries(
    {
        "tier": st.none() | st.sampled_from(["high", "low"]),
        "vip": st.none() | st.booleans(),
        "x": _NUMBERS,
        "y": _NUMBERS,
        "tags": st.none() | st.sampled_from([[], ["a"], ["a", "b"]]),
    }
)


@given(texts=st.lists(_CONDITIONS, min_size=1, max_size=12), raw=_FACTS)
def test_index_decides_as_each_condition_by_itself(texts: list[str], raw: dict[str, Any]) -> None:
    compiled = [compile_expression(text, ATTRIBUTES, where="", wanted=Kind.TRUTH) for text in texts]
    facts = checked_facts(raw, ATTRIBUTES)
    conditions = Conditions([*compiled, None])

    held, failed = conditions.sift(facts, conditions.every)

    for number, one in enumerate(compiled):
        try:
            expected = one.run(facts) is True
        except RULE_ERRORS:
            expected = False
        assert bool(held >> number & 1) is expected
    assert held >> len(compiled) & 1
    assert not held & failed
    assert conditions.sift(facts, conditions.every, complete=False)[0] == held


def test_numbers_are_exact() -> None:
    assert value("x", Kind.NUMBER, x=0.1) == Decimal("0.1")
