"""How the place of a fault is written in every message of the SDK: system, stream, record, and nothing personal."""


def place(system: str, stream: str = "", key: str = "") -> str:
    """Return e.g. `system crm, stream Contact, record 003A`; what is empty is left out."""
    parts = [f"system {system}"]
    if stream:
        parts.append(f"stream {stream}")
    if key:
        parts.append(f"record {key}")
    return ", ".join(parts)
