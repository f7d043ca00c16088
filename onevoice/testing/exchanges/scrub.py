"""Takes what is personal or secret out of recorded exchanges, the same value in the same way wherever it stands.

A text keeps its length, its capitals and the places of its digits, so that paging, formats and limits stay as they
were; a day becomes 1 January 1970. What a request proved itself with is found in the answers that it came from.
"""

import base64
import binascii
import random
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import lxml.etree
import orjson

from onevoice.testing.exchanges.fixture import Exchange

_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_SECRET_NAME = re.compile(r"token|session|secret|password", re.IGNORECASE)
_SHORTEST_PROOF = 12
_SHORTEST_WITHIN = 4


class Scrubber:
    """Replaces values in texts.

    Args:
        personal: values to take out.
        names: of fields whose value is taken out whatever it is, unless it stands in the settings.
        configured: values of settings.
        secrets: value -> what to write.
    """

    def __init__(
        self,
        personal: Iterable[str],
        secrets: Mapping[str, str],
        names: Collection[str] = (),
        configured: Collection[str] = (),
    ) -> None:
        self._configured = frozenset(configured)
        self._seed = random.SystemRandom().getrandbits(64)
        self._names = frozenset(names)
        self._words = {value: _other(value, self._seed) for value in personal if value}
        self._secrets = {value: name for value, name in secrets.items() if value}

    def exchange(self, exchange: Exchange) -> Exchange:
        """Return an exchange without them."""
        return replace(
            exchange,
            target=self._all(exchange.target),
            body=self.text(exchange.body),
            answer=self.text(exchange.answer),
        )

    def text(self, text: str) -> str:
        """Return a JSON or XML document, or a plain text, without them."""
        try:
            return orjson.dumps(self._json(orjson.loads(text))).decode()
        except orjson.JSONDecodeError:
            pass
        try:
            root = lxml.etree.fromstring(text.encode(), _parser())
        except lxml.etree.XMLSyntaxError:
            return self._all(text)
        for element in root.iter(lxml.etree.Element):
            if element.text and element.text.strip():
                element.text = self._value(element.text, lxml.etree.QName(element).localname)
            for name, value in element.attrib.items():
                element.set(name, self._value(value, lxml.etree.QName(name).localname))
        return str(lxml.etree.tostring(root, encoding="unicode"))

    def script(self, text: str) -> str:
        """Return a SQL script without them: text literals alone hold values."""

        def other(literal: re.Match[str]) -> str:
            value = self._value(literal[1].replace("''", "'"))
            return "'" + value.replace("'", "''") + "'"

        return "\n".join(
            _LITERAL.sub(other, line) if line.startswith("INSERT INTO") else line for line in text.split("\n")
        )

    def _json(self, value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self._json(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._json(item, name) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and (other := self._words.get(str(value))):
            return int(other)
        return self._value(value, name) if isinstance(value, str) else value

    def _value(self, text: str, name: str = "") -> str:
        known = self._secrets.get(text) or self._words.get(text)
        if known is None and name in self._names and text and text not in self._configured:
            known = self._words[text] = _other(text, self._seed)
        return known or self._all(text)

    def _all(self, text: str) -> str:
        longest = sorted((*self._secrets.items(), *self._words.items()), key=lambda one: -len(one[0]))
        for value, other in longest:
            if len(value) >= _SHORTEST_WITHIN:
                text = text.replace(value, other)
        return text


def proven(exchanges: Sequence[Exchange], proofs: Iterable[str]) -> dict[str, str]:
    """Return what the answers gave to prove oneself with, and a name for it.

    It is known by the name of its field, or because a request's header then had it.

    Args:
        proofs: headers by which the requests proved who they are.
    """
    shown = "\n".join(text for proof in proofs for text in (proof, *_decoded(proof)))
    found: dict[str, str] = {}
    for exchange in exchanges:
        for name, value in leaves(exchange.answer):
            long = len(value) >= _SHORTEST_PROOF
            if long and (_SECRET_NAME.search(name) or value in shown):
                found.setdefault(value, f"proof-{len(found) + 1}")
    return found


def texts_at(data: Any, path: str) -> Iterator[str]:
    """Yield the texts and numbers at a path of a record, `[]` in it standing for each entry of a list."""
    name, _, rest = path.partition(".")
    inner = data.get(name.removesuffix("[]")) if isinstance(data, dict) else None
    for one in inner if isinstance(inner, list) else [inner]:
        if rest:
            yield from texts_at(one, rest)
        elif isinstance(one, str | int) and not isinstance(one, bool):
            yield str(one)


def _decoded(proof: str) -> Iterator[str]:
    for word in proof.split():
        try:
            yield base64.b64decode(word, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            continue


def leaves(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each text in a JSON or XML document."""
    try:
        yield from _json_leaves(orjson.loads(text), "")
    except orjson.JSONDecodeError:
        try:
            root = lxml.etree.fromstring(text.encode(), _parser())
        except lxml.etree.XMLSyntaxError:
            return
        for element in root.iter(lxml.etree.Element):
            if element.text and element.text.strip():
                yield lxml.etree.QName(element).localname, element.text


def _json_leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _json_leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _json_leaves(item, name)
    elif isinstance(value, str):
        yield name, value


def _parser() -> lxml.etree.XMLParser:
    return lxml.etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _other(value: str, seed: int) -> str:
    if _DAY.match(value):
        return _DAY.sub("1970-01-01", value)
    chance = random.Random(f"{seed}/{value}")  # noqa: S311 - the seed is secret and forgotten
    make: Callable[[str], str] = lambda letter: _letter(letter, chance)  # noqa: E731
    return "".join(map(make, value))


def _letter(letter: str, chance: random.Random) -> str:
    if letter.isdigit():
        return chance.choice("0123456789")
    if letter.isalpha():
        made = chance.choice("abcdefghijklmnopqrstuvwxyz")
        return made.upper() if letter.isupper() else made
    return letter
