"""A loyalty-card system on MariaDB, as its maker ships it: tables, a log, and triggers that nobody else may change."""

from pathlib import Path

SCHEMA = Path(__file__).with_name("schema.sql")


def statements() -> list[str]:
    """Return what makes the schema, one statement each: an empty line follows each of them."""
    text = "\n".join(line for line in SCHEMA.read_text(encoding="utf-8").splitlines() if not line.startswith("--"))
    return [part.strip().rstrip(";") for part in text.split(";\n\n") if part.strip()]
