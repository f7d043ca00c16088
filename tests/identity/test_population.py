import pytest

from onevoice.testing.evaluate import evaluate
from samples.population import generate
from tests.identity.people import shipped_model
from tests.identity.sample_company import canonical_persons, resolve


@pytest.mark.parametrize("seed", [1, 20])
def test_the_sample_companys_customers_are_found(seed: int) -> None:
    population = generate(2000, seed)
    persons = canonical_persons(population)
    found, scores = resolve(persons, shipped_model())
    quality = evaluate(found, {key: population.truth[key] for key in persons})
    assert quality.precision >= 0.99
    assert quality.f1 >= 0.97
    reviews = sum(scored.outcome == "review" for scored in scores.values())
    assert reviews * 1000 <= 20 * len(persons)


def test_the_order_of_the_records_does_not_change_the_customers() -> None:
    persons = canonical_persons(generate(300, 5))
    forwards, _ = resolve(persons, shipped_model())
    backwards, _ = resolve(dict(reversed(persons.items())), shipped_model())
    assert backwards == forwards
