"""The log of a running hub: one JSON object a line, with what happened and where, never with what a record says.

Takes nothing; sets up structlog and the standard library's loggers. The one rule: a line of ours is built from names,
counts and reasons that hold no values; of a library's line only its logger, level and place are kept, since libraries
print what they were given.
"""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

QUIET = ("pika", "zeep", "urllib3", "sqlalchemy", "uvicorn")


def configure_logging(stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard output) as JSON, from INFO up."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _without_values,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Keep of a library's line where it comes from; its text and its arguments may quote a record or a password."""
    record: logging.LogRecord = event["_record"]
    kept = {key: event[key] for key in ("level", "timestamp", "_record", "_from_structlog")}
    where = f"{record.filename}:{record.lineno}"
    error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
    return {"event": "library", "logger": record.name, "at": where, **({"error": error} if error else {}), **kept}
