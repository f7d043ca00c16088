"""What an experiment brought: how many customers of each arm accepted something, with how sure that is.

Takes counts, gives shares with intervals: of one arm after E. B. Wilson (Probable inference, the law of succession, and
statistical inference, 1927), of the difference after R. G. Newcombe (Interval estimation for the difference between
independent proportions, 1998, method 10), both at 95 %. The one rule: customers are counted, not decisions, since it is
a customer to whom an arm is given.
"""

from dataclasses import dataclass
from math import sqrt

_Z = 1.959964
"""The quantile of the normal distribution for 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with the interval that it lies in."""

    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCount:
    """One arm.

    Attributes:
        probability: with which a customer came into it, as the newest decision kept it.
        customers: for whom something was decided.
        accepted: those of them who accepted something.
    """

    arm: str
    probability: float
    customers: int
    accepted: int

    @property
    def share(self) -> Share:
        """How many accepted, of all."""
        return accepted_share(self.accepted, self.customers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """An experiment.

    Attributes:
        mixed: customers who were in both arms, since customers merged or the share was changed; they count in neither.
        difference: share of treated minus share of control; None while an arm is empty.
    """

    experiment: str
    arms: tuple[ArmCount, ...]
    mixed: int
    difference: Share | None


def accepted_share(accepted: int, customers: int) -> Share:
    """Return the share with Wilson's interval; of nobody anything is possible."""
    if customers == 0:
        return Share(share=0.0, low=0.0, high=1.0)
    share, square = accepted / customers, _Z**2
    middle = share + square / (2 * customers)
    reach = _Z * sqrt(share * (1 - share) / customers + square / (4 * customers**2))
    scale = 1 + square / customers
    low, high = (middle - reach) / scale, (middle + reach) / scale
    return Share(share=share, low=max(0.0, min(low, share)), high=min(1.0, max(high, share)))


def difference(treated: Share, control: Share) -> Share:
    """Return how much larger the one share is than the other, with Newcombe's interval."""
    apart = treated.share - control.share
    down = sqrt((treated.share - treated.low) ** 2 + (control.high - control.share) ** 2)
    up = sqrt((treated.high - treated.share) ** 2 + (control.share - control.low) ** 2)
    return Share(share=apart, low=apart - down, high=apart + up)
