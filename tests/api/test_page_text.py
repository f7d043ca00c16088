"""The pages' texts: every language says the same, and who is spoken to in which."""

from __future__ import annotations

from string import Formatter

import pytest

from onevoice.api.page_text import chosen, page_texts

TEXTS = page_texts()


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_language_has_the_same_texts_with_the_same_values(language: str) -> None:
    english, other = TEXTS["en"].texts, TEXTS[language].texts
    assert {"en", "de", "fr"} <= TEXTS.keys()
    assert other.keys() == english.keys()
    for name, text in english.items():
        assert _values(other[name]) == _values(text), name


@pytest.mark.parametrize(
    ("own", "accepted", "language"),
    [
        ("de", None, "de"),
        ("de", "fr", "de"),
        (None, "fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("", "en;q=0.1, de;q=0.9", "de"),
        ("pl", "pl, de;q=0.5", "de"),
        ("pl", "xx;q=a, *;q=0", "en"),
        (None, None, "en"),
    ],
)
def test_the_customers_own_language_counts_then_the_browsers_then_english(
    own: str | None, accepted: str | None, language: str
) -> None:
    assert chosen(TEXTS, own, accepted).language == language


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
