"""Bodies of pushes: read up to a limit, taken apart into records.

Takes the request's bytes, gives JSON objects. The one rule: what would be changed by reading it (a number that does not
fit, a text that no store keeps) is refused, since nothing could tell later that it was changed.
"""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request

from onevoice.api.problem import ProblemError
from onevoice.messages import Json

RECORD_BYTES = 1 << 20
BATCH_BYTES = 8 << 20
BATCH_RECORDS = 1000
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
_INTEGERS = range(-(2**63), 2**64)


def limited(limit: int) -> Callable[[Request], Coroutine[Any, Any, bytes]]:
    """Return a dependency that reads a body of at most `limit` bytes."""

    async def read(request: Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise ProblemError(413, f"the body is over {limit} bytes; send fewer records at a time")
            parts.append(part)
        return b"".join(parts)

    return read


BatchBody = Annotated[bytes, Depends(limited(BATCH_BYTES))]
RecordBody = Annotated[bytes, Depends(limited(RECORD_BYTES))]


def objects(body: bytes, *, lines: bool) -> list[Json]:
    """Return the objects in a body: one, an array of them, or one a line.

    Raises:
        ProblemError: 413, too many or one is too large; 422, not JSON, or not objects.
    """
    if lines:
        documents = [_read(line, f"line {number}") for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    else:
        document = _read(body, "the body")
        documents = document if isinstance(document, list) else [document]
    if not documents:
        raise ProblemError(422, "the body holds no record")
    if len(documents) > BATCH_RECORDS:
        raise ProblemError(413, f"more than {BATCH_RECORDS} records; send fewer at a time")
    for index, one in enumerate(documents):
        if not isinstance(one, dict):
            raise ProblemError(422, "a record is not an object", extra={"errors": [{"pointer": f"/{index}"}]})
        if len(body) > RECORD_BYTES and len(orjson.dumps(one)) > RECORD_BYTES:
            raise ProblemError(
                413, f"a record is over {RECORD_BYTES} bytes", extra={"errors": [{"pointer": f"/{index}"}]}
            )
    return documents


def _read(text: bytes, where: str) -> Any:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ProblemError(422, f"{where} is not JSON in UTF-8") from None
    if b"\\u0000" in text and _holds_nul(document):
        raise ProblemError(422, f"{where} holds the character NUL, which no store can keep")
    if _LONG_NUMBER.search(text):
        json.loads(text, parse_int=lambda digits: _check_fits(digits, where))
    return document


def _holds_nul(document: Any) -> bool:
    rest = [document]
    while rest:
        node = rest.pop()
        if isinstance(node, str) and "\0" in node:
            return True
        if isinstance(node, dict):
            rest += [*node.keys(), *node.values()]
        elif isinstance(node, list):
            rest += node
    return False


def _check_fits(digits: str, where: str) -> int:
    if len(digits) > 20 or int(digits) not in _INTEGERS:
        raise ProblemError(422, f"{where} holds a whole number beyond 64 bits, which would be rounded; send it as text")
    return 0
