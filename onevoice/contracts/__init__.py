"""The shapes of records: JSON Schemas loaded once, checked on the hot path, explained only when something fails.

Takes a folder of schemas; gives contracts. The rule kept: a reason names keywords, paths and schemas, never a value.
"""

from onevoice.contracts.contract import Contract, Contracts
from onevoice.contracts.drift import Drift, Mode
from onevoice.contracts.patch import apply_patch, proposed_patch

__all__ = ["Contract", "Contracts", "Drift", "Mode", "apply_patch", "proposed_patch"]
