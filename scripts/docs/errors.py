"""The page about errors: the classes, and what each of them brings about at every door."""

import inspect
import logging

import structlog

from onevoice import errors
from onevoice.api import problem
from onevoice.cli.app import EXIT_CODES
from scripts.docs.markdown import code, first_line, page, table
from scripts.docs.troubles import trouble_rows

_EFFECT = {
    "ConfigurationError": "nothing starts; the text names the key and what to write",
    "TransientError": "tried again: a message goes back to its queue, an obligation is due again after a growing wait",
    "PausedError": "no contact is made before the pause is over; no attempt is counted, and others go on",
    "FencedError": "what was done under the lease is given up; whoever holds it now does it",
    "RecordError": "that one record goes to quarantine, its neighbours go on; in a delivery it is in doubt",
    "OperatorError": "the system is parked until `onevoice system resume`; what it is owed stays owed",
    "RefusedError": "the caller is told; nothing is retried",
    "ConflictError": "the record is read again and the write is computed anew",
}


def errors_page() -> str:
    """Return the page.

    Raises:
        ValueError: a class has no explanation here, or the reverse.
    """
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.OnevoiceError) and kind is not errors.OnevoiceError
    ]
    kinds.sort(key=lambda kind: inspect.getsourcelines(kind)[1])
    if {kind.__name__ for kind in kinds} != _EFFECT.keys():
        raise ValueError(f"explain these errors in {__name__}: {[kind.__name__ for kind in kinds]}")
    rows = [
        [code(kind.__name__), first_line(kind.__doc__), _EFFECT[kind.__name__], _exit(kind), str(_status(kind))]
        for kind in kinds
    ]
    return page(
        "Errors",
        "One tree, ordered by what whoever runs the work must do next. Every text names the system, the stream and "
        "the record where they are known, and the next step; none holds personal data. Answers over HTTP are RFC 9457 "
        "problem documents.",
        table(["class", "meaning", "what the hub does", "exit code", "HTTP"], rows),
        "## What comes back from a system",
        "Connectors make these of what a system or its line does. What a connector or the hub itself fails on in any "
        "other way (a Python error) is a defect over one record: one that comes in goes to quarantine, one that is "
        "written is in doubt, and both name the kind of error and the line, never its text. A loop goes on after a "
        "second.",
        table(["protocol", "what comes back", "becomes"], trouble_rows()),
    )


def _exit(kind: type[errors.OnevoiceError]) -> str:
    return str(next(number for known, number in EXIT_CODES if issubclass(kind, known)))


def _status(kind: type[errors.OnevoiceError]) -> int:
    with structlog.testing.capture_logs():
        return problem._ours(None, kind("")).status_code  # type: ignore[arg-type]


logging.getLogger("onevoice").addHandler(logging.NullHandler())
