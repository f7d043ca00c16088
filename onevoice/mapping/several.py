"""Rules that need more than one field of the record: the first that holds something, joined texts, conditions.

Takes a rule; gives readers of source records, and where a value goes back in one. Joined texts go one way: where one
part ends is not told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from onevoice.mapping.paths import make_reader
from onevoice.messages import Json

Read = Callable[[Json], Any]


def first_of(paths: Sequence[str]) -> Read:
    """Return a reader of the first path that holds something."""
    readers = [make_reader(path) for path in paths]

    def read(data: Json) -> Any:
        return next((value for reader in readers if not _blank(value := reader(data))), None)

    return read


def place_of(paths: Sequence[str], when: Mapping[str, Any] | None) -> Callable[[Json], str | None]:
    """Return where in a record a rule's value stands, or would: at the first path that holds something, else the first.

    None where the condition does not hold: the rule does not read such a record, so it does not write it.
    """
    readers = [(path, make_reader(path)) for path in paths]
    holds = condition(when) if when is not None else None

    def place(data: Json) -> str | None:
        if holds is not None and not holds(data):
            return None
        return next((path for path, read in readers if not _blank(read(data))), paths[0])

    return place


def joined(paths: Sequence[str], separator: str) -> Read:
    """Return a reader of the texts at the paths with a separator between them; blank ones are left out."""
    readers = [make_reader(path) for path in paths]

    def read(data: Json) -> Any:
        values = [value for reader in readers if not _blank(value := reader(data))]
        if not all(isinstance(value, str) for value in values):
            return values  # no text: the conversion refuses it
        return separator.join(value.strip() for value in values) or None

    return read


def condition(when: Mapping[str, Any]) -> Callable[[Json], bool]:
    """Return whether a record meets a condition: every path `present`, `absent`, or one of some values."""
    tests = [(make_reader(path), _test(wanted)) for path, wanted in when.items()]
    return lambda data: all(test(read(data)) for read, test in tests)


def _test(wanted: Any) -> Callable[[Any], bool]:
    if wanted == "present":
        return lambda value: not _blank(value)
    if wanted == "absent":
        return _blank
    accepted = wanted if isinstance(wanted, list) else [wanted]
    # 1 and true are equal in Python, and two different values in JSON.
    return lambda value: any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in accepted)


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
