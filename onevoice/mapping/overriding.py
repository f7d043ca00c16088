"""What one installation says otherwise: a file of its own over the connector's, which says only what differs.

Takes both documents with the places of their keys; gives one. The rule kept: rules, reasons and the parts of what
stands under `also` are replaced key by key, null takes one away; everything else is replaced whole.
"""

from typing import Any

from onevoice.mapping.positions import Marks, Path
from onevoice.messages import Json

_BY_KEY = ("fields", "ignore")


def merge_documents(base: Json, over: Json) -> Json:
    """Return the connector's document with what the installation's says otherwise."""
    merged = {**base, **over}
    for name in _BY_KEY:
        if name in over:
            merged[name] = _merged(base.get(name) or {}, over[name])
    if isinstance(over.get("also"), dict):
        standing = base.get("also") or {}
        slots = {name: _slot(standing.get(name), slot) for name, slot in over["also"].items()}
        merged["also"] = _merged(standing, slots)
    return {key: value for key, value in merged.items() if value is not None}


def merge_marks(base: Marks, over: Marks) -> tuple[Marks, frozenset[Any]]:
    """Return the places of all keys, and the keys whose place is in the connector's file."""
    inherited = frozenset(key for key in base if not any(_replaced(key[:at], over) for at in range(len(key) + 1)))
    return {**{key: base[key] for key in inherited}, **over}, inherited - over.keys()


def _replaced(key: Path, over: Marks) -> bool:
    """Return whether the installation's file says this, and not only something within it."""
    within = not key or key in (("fields",), ("ignore",), ("also",))
    return key in over and not within and not (key[0] == "also" and (len(key) == 2 or key[2:] == ("fields",)))


def _slot(standing: Any, slot: Any) -> Any:
    return merge_documents(standing, slot) if isinstance(standing, dict) and isinstance(slot, dict) else slot


def _merged(base: Json, over: Any) -> Any:
    if not isinstance(over, dict):
        return over
    return {key: value for key, value in {**base, **over}.items() if value is not None}
