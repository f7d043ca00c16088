"""What goes wrong, as RFC 9457 problem documents.

Takes errors, gives answers. The one rule: no answer repeats what was sent: reasons are built from names, keywords and
places, never from a value or from a library's own text.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from onevoice.errors import (
    ConfigurationError,
    OnevoiceError,
    OperatorError,
    RecordError,
    RefusedError,
    TransientError,
)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5.0

RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "What went wrong, as a problem document (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "title": "Problem",
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string", "description": "the phrase of the status"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string", "description": "what is wrong and what to do"},
                        "errors": {
                            "type": "array",
                            "description": "the places that are wrong, where there are several",
                            "items": {"type": "object"},
                        },
                    },
                }
            }
        },
    }
}
"""How OpenAPI describes every answer other than the one asked for."""

log = structlog.get_logger("onevoice")


class ProblemError(Exception):
    """An answer other than the one asked for.

    Args:
        status: HTTP status.
        detail: what is wrong and what to do; no personal value.
        headers: further headers.
        extra: further members of the document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.extra = extra or {}


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, extra: Mapping[str, Any] | None = None
) -> Response:
    """Return a problem document as the answer."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(extra or {})}
    return JSONResponse(document, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error of the app end in a problem document."""
    app.add_exception_handler(ProblemError, _stated)
    app.add_exception_handler(OnevoiceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def overloaded(detail: str, retry_after: float | None) -> ProblemError:
    """Return the error of a door that cannot take anything now."""
    seconds = max(1, math.ceil(retry_after or RETRY_SECONDS))
    return ProblemError(503, detail, headers={"Retry-After": str(seconds)})


def _stated(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return problem(error.status, error.detail, headers=error.headers, extra=error.extra)


def _ours(_request: Request, error: Exception) -> Response:
    """The texts of our own errors hold no values; those that only operators can mend are for the log alone."""
    if isinstance(error, TransientError):
        stated = overloaded(str(error), error.retry_after)
        return problem(stated.status, stated.detail, headers=stated.headers)
    if isinstance(error, RecordError):
        return problem(422, str(error), extra={"errors": [{"pointer": pointer} for pointer in error.pointers]})
    if isinstance(error, RefusedError):
        return problem(409, str(error))
    kind = "setting" if isinstance(error, ConfigurationError) else "operator"
    log.error("request_failed", error=type(error).__name__, reason=str(error))
    if isinstance(error, ConfigurationError | OperatorError):
        return problem(500, f"this needs a person at the hub ({kind}); its log says what")
    return problem(500, "the hub failed; its log says where")


def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found: Sequence[Mapping[str, Any]] = error.errors()
    errors = [{"at": _place(one), "reason": str(one["type"])} for one in found]
    return problem(422, "the request is not what the operation takes; see /openapi.json", extra={"errors": errors})


def _place(error: Mapping[str, Any]) -> str:
    """Where it is wrong; the name of a field that nobody asked for is itself something that was sent."""
    place = list(error["loc"])
    if error["type"] == "extra_forbidden":
        place = place[:-1]
    return "/".join(str(step) for step in place)


def _http(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    details = {404: "there is no such place; see /openapi.json", 405: "this place does not take that method"}
    detail = details.get(error.status_code, HTTPStatus(error.status_code).phrase)
    return problem(error.status_code, detail, headers=error.headers)
