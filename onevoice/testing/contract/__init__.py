"""The contract that every connector keeps, as checks to run over one; each names what is wrong, and shows no value."""

from onevoice.testing.contract.kit import CHECKS, TIERS, Check, Finding, examine, harmless, promised
from onevoice.testing.contract.subject import Subject

__all__ = ["CHECKS", "TIERS", "Check", "Finding", "Subject", "examine", "harmless", "promised"]
