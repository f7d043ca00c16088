"""The envelope that the call centre's events travel in: CloudEvents 1.0, structured JSON.

`envelope(stream, record)` gives the text of one event. One rule: the sequence is the record's own version, so that a
receiver can put events in order and see which it knows already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "application/cloudevents+json"
KEYS = {"call": "call_id", "do_not_call": "entry_id"}
VERSIONS = {"call": "updated_at", "do_not_call": "requested_at"}


def envelope(system: str, stream: str, record: Mapping[str, Any], event_id: str) -> str:
    """One event of `stream` (call, do_not_call) as JSON text."""
    version = record[VERSIONS[stream]]
    return json.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": f"/onevoice/{system}",
            "type": "onevoice.record.v1",
            "subject": record[KEYS[stream]],
            "time": version,
            "dataschema": f"schemas/sample_callcentre/{stream}.json",
            "datacontenttype": "application/json",
            "sequence": version,
            "reading": 0,
            "data": dict(record),
        },
        ensure_ascii=False,
    )
