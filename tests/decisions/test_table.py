"""Decision tables: hit policies, and what a table that cannot answer does."""

from __future__ import annotations

from typing import Any

import pytest

from onevoice.errors import ConfigurationError
from tests.decisions.rules import chosen, engine, question, ruleset

ROWS = "rows: [{when: basket > 10, then: 5}, {when: basket > 100, then: 7}]"


def offered(table: str, *, basket: Any) -> list[str]:
    """The numbers from 0 to 12 that the table's answer equals."""
    offers = {str(n): {"eligible": f"t == {n}"} for n in range(13)}
    return chosen(engine(offers, f"t: {{gives: number, {table}}}"), basket=basket)


@pytest.mark.parametrize(
    ("table", "answers"),
    [
        (f"hit: first, {ROWS}", {1: [], 50: ["5"], 500: ["5"]}),
        (f"hit: first, otherwise: 2, {ROWS}", {1: ["2"], 50: ["5"], None: ["2"]}),
        (f"hit: unique, {ROWS}", {50: ["5"], 500: []}),
        ("hit: first, rows: [{when: basket > 1, then: basket / 2}, {then: 9}]", {10: ["5"], 1: ["9"]}),
    ],
)
def test_single_hit_policies(table: str, answers: dict[Any, list[str]]) -> None:
    assert {basket: offered(table, basket=basket) for basket in answers} == answers


@pytest.mark.parametrize(("aggregate", "answer"), [("sum", "12"), ("min", "5"), ("max", "7")])
def test_collected_numbers(aggregate: str, answer: str) -> None:
    rules = engine(
        {str(n): {"eligible": f"t == {n}"} for n in range(13)}, f"t: {{hit: collect, aggregate: {aggregate}, {ROWS}}}"
    )

    assert chosen(rules, basket=500) == [answer]


def test_collected_texts_and_a_table_that_reads_another() -> None:
    rules = engine(
        {"a": {"eligible": '"big" in sizes and how_many == 2'}},
        "sizes: {hit: collect, aggregate: list, rows: [{when: basket > 1, then: a}, {when: basket > 9, then: big}]}\n"
        "how_many: {hit: first, gives: number, rows: [{then: count(sizes)}]}",
    )

    assert chosen(rules, basket=50) == ["a"]
    assert chosen(rules, basket=5) == []


def test_table_without_an_answer_puts_out_what_reads_it_and_nothing_else() -> None:
    rules = engine(
        {"reads": {"eligible": "t > 1"}, "other": {"eligible": "basket >= 0"}, "free": {}},
        "t: {gives: number, hit: first, rows: [{then: 1 / basket}]}",
    )

    decided = rules.decide(question(rules, basket=0))

    assert {one.offer for one in decided.chosen} == {"other", "free"}
    assert decided.failed == ("table t", "offer reads")
    assert decided.trace()["rejected"] == {"rule_failed": "1"}
    assert "reads" in chosen(rules, basket=0.25)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("t: {gives: number, hit: any, rows: [{then: 1}]}", r"tables\.yaml: t\.hit"),
        ("t: {gives: number, hit: first, rows: []}", r"t\.rows"),
        ("t: {gives: number, hit: first, rows: [{then: a}]}", r"t\.rows\[0\]\.then.*'a' is no attribute"),
        ("t: {gives: number, hit: first, rows: [{wenn: vip, then: 1}]}", r"t\.rows\[0\]\.wenn"),
        ("basket: {gives: number, hit: first, rows: [{then: 1}]}", "basket"),
        ("t: {gives: number, hit: first, rows: [{when: t == 1, then: 1}]}", "'t' is no attribute"),
    ],
)
def test_mistake_in_a_table_is_named(table: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        ruleset({}, table)
