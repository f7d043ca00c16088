"""Files that systems exchange: written whole or not at all, read with a limit.

A reader on the other side never sees half a file: the content goes to a temporary name in the same folder, is forced
to disk and then renamed.
"""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from onevoice.errors import OperatorError, RecordError, TransientError
from onevoice.messages import Json

MAX_BYTES = 64 * 1024 * 1024


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return a CSV file's content: UTF-8, a header line, CRLF after each line (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def write_whole(path: Path, content: bytes, *, where: str) -> str:
    """Put `content` at `path` in one step and return its SHA-256 in hex.

    Raises:
        OperatorError: the folder is missing or not writable.
        TransientError: the disk is full or fails.
    """
    with classified_disk(where, path.parent):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o644)  # mkstemp's 0600 would lock the other side's user out
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _force_folder(path.parent)
    return hashlib.sha256(content).hexdigest()


def read_whole(path: Path, *, where: str, max_bytes: int = MAX_BYTES) -> bytes | None:
    """Return a file's content; None when there is no such file.

    Raises:
        OperatorError: it may not be read, or is larger than `max_bytes`.
        TransientError: the disk fails.
    """
    with classified_disk(where, path.parent):
        try:
            with path.open("rb") as file:
                content = file.read(max_bytes + 1)
        except FileNotFoundError:
            return None
    if len(content) > max_bytes:
        raise OperatorError(f"{where}: {path.name} is larger than {max_bytes} bytes; look at what wrote it")
    return content


def csv_rows(content: bytes, columns: Sequence[str], *, where: str) -> list[dict[str, str]]:
    """Return a CSV file's rows by column name; a byte order mark is dropped, other columns are ignored.

    Raises:
        RecordError: not UTF-8, not CSV, a column is missing, or a line is cut.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise RecordError(f"{where}: the file lacks the column {missing[0]}")
        rows = [{column: row[column] for column in columns} for row in reader]
    except UnicodeDecodeError:
        raise RecordError(f"{where}: the file is not UTF-8") from None
    except csv.Error:
        raise RecordError(f"{where}: the file is not CSV as RFC 4180 has it") from None
    for number, row in enumerate(rows, start=2):
        if any(value is None for value in row.values()):
            raise RecordError(f"{where}: line {number} of the file has too few columns")
    return rows


def json_object(content: bytes, *, where: str) -> Json:
    """Return the object in a JSON file.

    Raises:
        RecordError: it is not JSON, or no object.
    """
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise RecordError(f"{where}: the file is not JSON") from None
    if not isinstance(value, dict):
        raise RecordError(f"{where}: the file holds no JSON object")
    return value


def check_folder(folder: Path, *, where: str, writable: bool) -> None:
    """Prove that a folder exists and can be used.

    Raises:
        OperatorError: it does not, or cannot.
    """
    if not folder.is_dir():
        raise OperatorError(f"{where}: the folder {folder.name} does not exist; create it or correct the setting")
    if writable and not os.access(folder, os.W_OK | os.X_OK):
        raise OperatorError(f"{where}: the folder {folder.name} is not writable; grant the hub's user the right")


def _force_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def classified_disk(where: str, folder: Path) -> Iterator[None]:
    """Turn a disk's error into ours.

    Raises:
        OperatorError: no access to the folder.
        TransientError: the disk is full or fails.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, PermissionError, IsADirectoryError):
        raise OperatorError(
            f"{where}: no access to the folder {folder.name}; check that it exists and its rights"
        ) from None
    except OSError as error:
        raise TransientError(f"{where}: the disk failed (errno {error.errno}); it is tried again") from None
