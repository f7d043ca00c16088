"""The append-only journal of the calls that a server received, for independent checks.

`Journal(path).note(operation, key, payload)` adds one JSON line: time, operation, key, payload. One rule: a line is
written whole and never changed. Secrets do not belong into the payload.
"""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Writes `journal.jsonl`; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)  # one system call a line: a reader never sees half of one
        self._lock = threading.Lock()

    def note(self, operation: str, key: str | None, payload: Any) -> None:
        """Append one line. `payload` is anything JSON can say; dates and decimals become text."""
        line = json.dumps(
            {"time": datetime.now(UTC).isoformat(), "operation": operation, "key": key, "payload": payload},
            default=str,
            ensure_ascii=False,
        )
        with self._lock:
            self._file.write(line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
