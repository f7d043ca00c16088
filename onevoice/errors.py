"""The one error tree, ordered by what whoever runs the work must do next.

Every message names the system, the stream and the record where they are known, and the next step. It never
holds personal data: reasons are built from keywords, paths and schema names, not from a library's own text.
"""


class OnevoiceError(Exception):
    """Anything the hub raises on purpose."""


class ConfigurationError(OnevoiceError):
    """A setting is wrong or missing: stop at start and say which key and what to write."""


class TransientError(OnevoiceError):
    """Trouble that passes by itself: try again later.

    Args:
        message: what failed and where.
        retry_after: seconds that the other side asked to wait, when it said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PausedError(TransientError):
    """The system failed several times in a row and is left alone for a moment: nothing was attempted."""


class FencedError(TransientError):
    """The lease passed to somebody else while the work was under way: give up what was done and start again."""


class RecordError(OnevoiceError):
    """This one record is bad: quarantine it and go on with its neighbours.

    Args:
        reason: what is wrong, built from keywords and schema names only.
        pointer: JSON pointers of the places at fault.
    """

    def __init__(self, reason: str, *, pointers: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.pointers = pointers


class OperatorError(OnevoiceError):
    """A person must act (credentials, rights, a changed contract): park the system and keep what it is owed."""


class RefusedError(OnevoiceError):
    """The other side, or a rule of the hub, refuses this one request for good: tell the caller, do not retry."""


class ConflictError(RefusedError):
    """A conditional write met a newer record: read again and redo on fresh data."""
