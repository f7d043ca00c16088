"""Arms of an experiment: the same for one customer always, and as many in control as declared."""

from __future__ import annotations

from onevoice.decisions.experiment import Experiment

CUSTOMERS = [f"0197a000-0000-7000-8000-{number:012d}" for number in range(20_000)]


def experiment(name: str = "spring", share: float = 0.1) -> Experiment:
    return Experiment(name=name, share=share, groups=frozenset({"sales"}), gets=frozenset())


def test_one_customer_is_always_in_one_arm_and_the_share_is_as_declared() -> None:
    arms = [experiment().arm(one) for one in CUSTOMERS]
    assert arms == [experiment().arm(one) for one in CUSTOMERS]
    assert 0.09 < arms.count("control") / len(arms) < 0.11


def test_the_arm_of_one_experiment_says_nothing_about_that_of_another() -> None:
    both = sum(
        experiment(share=0.5).arm(one) == experiment("autumn", share=0.5).arm(one) == "control" for one in CUSTOMERS
    )
    assert 0.23 < both / len(CUSTOMERS) < 0.27
