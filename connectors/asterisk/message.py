"""Asterisk's Manager Interface on the wire: blocks of `Name: value` lines that an empty line ends.

Source: Asterisk's documentation of the Manager Interface (AMI protocol version 2 and later). The one rule: nothing that
is put into an action can begin a header or an action of its own.
"""

from collections.abc import Mapping

Message = Mapping[str, str]
END = b"\r\n\r\n"


def parse(block: bytes) -> Message:
    """Return the headers of one block without its end; of a header that comes several times the last counts."""
    found: dict[str, str] = {}
    for line in block.decode("utf-8", errors="replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip()] = value.strip()
    return found


def action(name: str, action_id: str, headers: Mapping[str, str]) -> bytes:
    """Return an action as it is sent.

    Raises:
        ValueError: a value holds an end of line.
    """
    lines = {"Action": name, "ActionID": action_id, **headers}
    if any(sign in value for value in lines.values() for sign in "\r\n"):
        raise ValueError("an end of line in a header")
    return "".join(f"{key}: {value}\r\n" for key, value in lines.items()).encode() + b"\r\n"


def known(value: str | None) -> str | None:
    """Return a value, or None for what Asterisk writes where it knows none."""
    return None if value in (None, "", "<unknown>", "<none>", "anonymous", "unknown") else value
