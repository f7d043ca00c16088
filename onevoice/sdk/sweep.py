"""A system that can only give everything: full reads of which only what changed goes on.

Takes the complete list of a stream, gives pages of the records in those buckets (by the hash of the key) in which
anything differs from the last time. A cursor is a digest for each bucket, so that it stays small however long the list
is; a change costs the records of its bucket. The one rule: what is not in the list is not said to be gone; that is
found by the reconciliation, which looks it up.
"""

import hashlib
from collections.abc import Iterator, Sequence

import orjson

from onevoice.messages import Json, SourceRecord
from onevoice.sdk.ports import Page

BUCKETS = 256
_WORD = "sweep"


def swept_pages(records: Sequence[SourceRecord], cursor: Json | None, *, size: int) -> Iterator[Page]:
    """Yield the records of the buckets that differ, at least `size` a page where there are so many.

    Args:
        records: all that the stream has now.
        cursor: what the last page before was given with; None: everything differs.
    """
    buckets: dict[str, list[SourceRecord]] = {}
    for record in records:
        buckets.setdefault(_bucket(record.key), []).append(record)
    known: dict[str, str] = dict((cursor or {}).get(_WORD, {}))
    emptied = [name for name in known if name not in buckets]
    held: list[SourceRecord] = []
    for name, some in sorted(buckets.items()):
        digest = _digest(some)
        if known.get(name) == digest:
            continue
        known[name] = digest
        held += some
        if len(held) >= size:
            yield Page(records=held, cursor={_WORD: dict(known)})
            held = []
    if held or emptied:
        left = {name: digest for name, digest in known.items() if name in buckets}
        yield Page(records=held, cursor={_WORD: left})


def _bucket(key: str) -> str:
    return f"{int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) % BUCKETS:02x}"


def _digest(records: Sequence[SourceRecord]) -> str:
    parts = sorted(
        orjson.dumps([one.key, one.version, one.deleted, one.data], option=orjson.OPT_SORT_KEYS) for one in records
    )
    return hashlib.blake2b(b"\n".join(parts), digest_size=12).hexdigest()
