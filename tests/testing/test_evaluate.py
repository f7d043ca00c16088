import pytest

from onevoice.testing.evaluate import evaluate


def test_a_perfect_grouping_is_perfect_whatever_its_labels() -> None:
    quality = evaluate({1: "x", 2: "x", 3: "y"}, {1: 7, 2: 7, 3: 8})
    assert (quality.precision, quality.recall, quality.f1, quality.over_merged) == (1, 1, 1, 0)


def test_pairs_are_counted_not_records() -> None:
    # Found {1, 2, 3} and {4}; true {1, 2} and {3, 4}: one of three found pairs is true, one of two true ones is found.
    quality = evaluate({1: "x", 2: "x", 3: "x", 4: "y"}, {1: 7, 2: 7, 3: 8, 4: 8})
    assert quality.precision == pytest.approx(1 / 3)
    assert quality.recall == pytest.approx(1 / 2)
    assert quality.f1 == pytest.approx(0.4)
    assert (quality.records, quality.customers, quality.entities, quality.over_merged) == (4, 2, 2, 1)


def test_records_are_judged_by_the_company_they_keep() -> None:
    # Found {1, 2, 3}, {4}, {5}; true {1, 2}, {3, 4}, {5}: each record counts once, by its share of either group.
    quality = evaluate({1: "x", 2: "x", 3: "x", 4: "y", 5: "z"}, {1: 7, 2: 7, 3: 8, 4: 8, 5: 9})
    assert quality.b_cubed_precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert quality.b_cubed_recall == pytest.approx((1 + 1 + 1 / 2 + 1 / 2 + 1) / 5)
    assert quality.exact == 1


def test_a_grouping_that_finds_nothing_has_no_recall() -> None:
    quality = evaluate({1: 1, 2: 2}, {1: 7, 2: 7})
    assert (quality.precision, quality.recall, quality.f1) == (1, 0, 0)


def test_other_records_than_those_of_the_truth_are_refused() -> None:
    with pytest.raises(ValueError, match="same records"):
        evaluate({1: 1}, {2: 2})
