"""What the pages without a login say, in the customer's own language: texts as data in `pages/<language>.yaml`.

Takes what is known of the language, gives texts. The one rule: who speaks none of these languages gets English, and no
text is put together from parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import yaml

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class PageText:
    """The texts of one language, ISO 639-1."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, name: str, **values: str) -> str:
        """Return a text with its values put in."""
        return self.texts[name].format(**values)

    def channel(self, name: str) -> str:
        """Return what a channel is called; one that the pages do not know by its own name."""
        return self.texts.get(f"channel_{name}", name)


def page_texts() -> dict[str, PageText]:
    """Return the texts of every language that there are any in."""
    folder = files("onevoice.api") / "pages"
    found = {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}
    return {name: PageText(name, yaml.safe_load(file.read_text(encoding="utf-8"))) for name, file in found.items()}


def chosen(texts: Mapping[str, PageText], own: str | None, accepted: str | None) -> PageText:
    """Return the texts in the customer's own language, or else in the first that its browser asks for.

    Args:
        own: what the customer speaks, as far as the hub knows.
        accepted: the header `Accept-Language` (RFC 9110, section 12.5.4).
    """
    asked = [(own or "").lower(), *_ranked(accepted or "")]
    named = (name.partition("-")[0] for name in asked)
    return next((texts[name] for name in named if name in texts), texts[ENGLISH])


def _ranked(accepted: str) -> list[str]:
    weighed = []
    for part in accepted[:200].lower().split(","):
        name, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=") or "1"
        weighed.append((float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0, name))
    return [name for _, name in sorted(weighed, key=lambda one: -one[0])]
