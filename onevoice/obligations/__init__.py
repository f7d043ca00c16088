"""What each system is owed: computed from what is true now against what it has last proven to know."""

from onevoice.obligations.difference import Owed, owed_fields
from onevoice.obligations.ledger import (
    Due,
    claim_due,
    claim_target,
    close,
    doubt,
    fail,
    forget_system,
    hold,
    owed_to,
    put_back,
    release_all,
    request,
    spread,
    take_due,
    wake,
)

__all__ = [
    "Due",
    "Owed",
    "claim_due",
    "claim_target",
    "close",
    "doubt",
    "fail",
    "hold",
    "forget_system",
    "owed_fields",
    "owed_to",
    "put_back",
    "release_all",
    "request",
    "spread",
    "take_due",
    "wake",
]
