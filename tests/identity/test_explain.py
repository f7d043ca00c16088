import pytest

from onevoice.identity import explain_pair, score
from onevoice.identity.explain import WORDS
from onevoice.identity.model import LEVELS
from tests.identity.people import person, seen, shipped_model


def test_every_level_has_words() -> None:
    levels = {name: set(rows) for name, rows in LEVELS.items()} | {"home": {"alone"}, "relatives": {"possible"}}
    assert {name: set(words) for name, words in WORDS.items()} == levels


def test_the_waterfall_ends_at_the_score_and_names_no_value() -> None:
    a = seen(person("William", "Marshall", born="1974-03-18", email="w@example.com", phone="+447400123456"))
    b = seen(person("Bill", "Jones", born="1974-03-18", email="w@example.com", phone="+441614960123"))
    rows = explain_pair(a, b, shipped_model(), {})
    assert [row.words for row in rows] == [
        "one given name is a short form of the other",
        "the family names differ, as after a marriage",
        "the dates of birth are equal",
        "they share an e-mail address that nobody else uses",
        "the telephone numbers differ",
    ]
    assert rows[-1].total == score(a, b, shipped_model(), {}).score
    sums = [sum(row.weight for row in rows[: at + 1]) for at in range(len(rows))]
    assert [row.total for row in rows] == pytest.approx(sums)
