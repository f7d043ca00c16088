"""The shapes of records: JSON Schemas loaded once, checked on the hot path, explained only when something fails.

Takes a folder of schemas; gives contracts. The rule kept: a reason names keywords, paths and schemas, never a value.
"""

from onevoice.contracts.contract import Contract, Contracts

__all__ = ["Contract", "Contracts"]
