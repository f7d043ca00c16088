import pytest

from onevoice.identity.normalise import fold, fold_code, fold_date, fold_email, fold_phone, fold_suffix


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  José  María ", "jose maria"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("Smith-Jones", "smith jones"),
        ("Straße 3", "strasse 3"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("J.", "j"),
        ("An\u200bna", "anna"),
        ("--- ", ""),
        ("محمد", "mhmd"),
        ("Ярослав", "yaroslav"),
    ],
)
def test_fold_leaves_what_two_spellings_share(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_fold_of_a_composed_and_a_decomposed_letter_is_one() -> None:
    assert fold("Zo\u00eb") == fold("Zoe\u0308") == "zoe"


@pytest.mark.parametrize("letter", ["x", "Я", "ﷺ"])
def test_fold_of_a_huge_text_stays_short(letter: str) -> None:
    assert len(fold(letter * 10_000)) <= 120


def test_postal_codes_are_compared_without_blanks_and_case() -> None:
    assert fold_code("m14 5tp") == fold_code("M145TP")


@pytest.mark.parametrize("text", ["", "nobody", "@example.com", "bill@", "   "])
def test_what_is_no_address_is_blank(text: str) -> None:
    assert fold_email(text) == ""


def test_an_address_is_folded_to_small_letters() -> None:
    assert fold_email(" Bill.M@Example.COM ") == "bill.m@example.com"


@pytest.mark.parametrize(
    ("text", "folded"), [("+44 7400 123456", "+447400123456"), ("0161-496", "0161496"), ("-", ""), ("", "")]
)
def test_telephone_numbers_keep_digits_and_plus(text: str, folded: str) -> None:
    assert fold_phone(text) == folded


@pytest.mark.parametrize("text", ["2023-02-30", "1974-3-18", "18.03.1974", ""])
def test_an_impossible_date_is_blank(text: str) -> None:
    assert fold_date(text) == ""


def test_suffixes_have_one_spelling() -> None:
    assert fold_suffix("Junior") == fold_suffix("Jr.") == "jr"
