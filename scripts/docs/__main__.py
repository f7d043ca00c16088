"""Writes `docs/reference/` from the code: `python -m scripts.docs`; `--check` fails where it differs, writing nothing.

The one rule: what is written there stands in the code, so that no page can be older than the code it tells of.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.docs.bus import bus_page
from scripts.docs.commands import cli_page
from scripts.docs.configuration import configuration_page
from scripts.docs.connectors import connectors_page
from scripts.docs.errors import errors_page
from scripts.docs.http import http_page
from scripts.docs.mapping_language import mapping_page
from scripts.docs.rule_language import rule_language_page
from scripts.docs.schemas import schemas_page
from scripts.docs.tables import tables_page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"


def pages() -> Mapping[str, str]:
    """Return the generated pages by file name."""
    return {
        "cli.md": cli_page(),
        "configuration.md": configuration_page(),
        "mapping-language.md": mapping_page(ROOT),
        "rule-language.md": rule_language_page(ROOT),
        "canonical-records.md": schemas_page(ROOT),
        "connectors.md": connectors_page(ROOT),
        "http.md": http_page(ROOT),
        "bus.md": bus_page(),
        "tables.md": tables_page(),
        "errors.md": errors_page(),
    }


def differing(generated: Mapping[str, str]) -> list[str]:
    """Return the names of pages that are not as the code says; files that nothing generates are among them."""
    standing = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in standing.keys() | generated.keys() if standing.get(name) != generated.get(name))


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a page differs")
    only_check = parser.parse_args().check
    generated = pages()
    changed = differing(generated)
    if only_check:
        for name in changed:
            print(f"docs/reference/{name}: not what the code says; run 'make docs', commit it", file=sys.stderr)
        return 1 if changed else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in generated:
            (FOLDER / name).write_text(generated[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
        print(f"docs/reference/{name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
