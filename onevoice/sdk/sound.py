"""Tells one odd record, which is set aside by itself, from a system that has changed its ways.

A record without key or version is given to the hub as it is: it ends in quarantine and keeps neither its neighbours nor
an opt-out from being read. When no record of a page has them, the system is not the one that the connector knows.
"""

from collections.abc import Sequence

from onevoice.errors import OperatorError
from onevoice.messages import SourceRecord


def sound_records(records: Sequence[SourceRecord], where: str, *, named: str = "key or version") -> list[SourceRecord]:
    """Return those of a page that have key and version.

    Args:
        named: what the system calls the two, for the message.

    Raises:
        OperatorError: there are several records and none of them has.
    """
    sound = [record for record in records if record.key and record.version]
    if len(records) > 1 and not sound:
        raise OperatorError(f"{where}: records without {named}; the system's interface has changed")
    return sound
