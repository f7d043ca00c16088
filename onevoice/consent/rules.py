"""The consent rules as data: `rules/suppression.yaml` and `rules/purposes.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from onevoice.errors import ConfigurationError

_REACHES = ("point", "person", "all")
_LIFTS = ("grant", "person")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One row of the suppression table."""

    name: str
    reach: str
    lifted_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRules:
    """What blocks, what lifts, and which purposes need consent."""

    reasons: Mapping[str, Reason]
    consent_needed: Mapping[str, bool]

    @classmethod
    def load(cls, folder: Path) -> "ConsentRules":
        """Read both files.

        Raises:
            ConfigurationError: a file or key is wrong; the text names it.
        """
        reasons = {name: _reason(name, row) for name, row in _rows(folder / "suppression.yaml").items()}
        for needed in ("withdrawal", "objection"):
            if needed not in reasons:
                raise ConfigurationError(f"rules/suppression.yaml: {needed}: missing; every act of that kind needs it")
        purposes = {name: _needs_consent(name, row) for name, row in _rows(folder / "purposes.yaml").items()}
        return cls(reasons=reasons, consent_needed=purposes)


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        raise ConfigurationError(f"rules/{path.name}: missing")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigurationError(f"rules/{path.name}: not YAML") from error
    if not isinstance(document, dict) or not all(isinstance(row, dict) for row in document.values()):
        raise ConfigurationError(f"rules/{path.name}: write one table a name")
    return document


def _reason(name: str, row: dict[str, Any]) -> Reason:
    if row.get("reach") not in _REACHES:
        raise ConfigurationError(f"rules/suppression.yaml: {name}.reach: write one of {', '.join(_REACHES)}")
    if row.get("lifted_by") not in _LIFTS:
        raise ConfigurationError(f"rules/suppression.yaml: {name}.lifted_by: write one of {', '.join(_LIFTS)}")
    return Reason(name=name, reach=row["reach"], lifted_by=row["lifted_by"])


def _needs_consent(name: str, row: dict[str, Any]) -> bool:
    if not isinstance(row.get("consent"), bool):
        raise ConfigurationError(f"rules/purposes.yaml: {name}.consent: write true or false")
    return bool(row["consent"])
