"""Copies of the journal: taking one while the service runs, putting one back, and looking whether one is whole.

Law: a copy starts paused. What it holds as queued may have been delivered since it was taken, so a person looks
before anything is sent (R19). A journal that holds messages is never overwritten.
"""

import hashlib
import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import apsw

from hl7calf.errors import JournalBroken, JournalError
from hl7calf.service.journal import files, schema
from hl7calf.service.journal.failures import as_journal_error
from hl7calf.service.journal.jobs import SetPaused
from hl7calf.service.journal.query import Query, microseconds
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.statements import sql
from hl7calf.service.journal.store import Store

_STRETCH = 200  # payloads in memory at a time while checking, and
_STRETCH_BYTES = 32 * 1024**2


def backup(data_dir: Path, target: Path, at: float) -> int:
    """Copy the journal as it is at this moment into a new file and return its size; the service may run meanwhile.

    Raises:
        JournalError: there is no journal, the target is there already, or it cannot be written.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise JournalError(f"the backup cannot be written: {error.strerror}") from None
    try:
        with closing(files.open_connection(data_dir, read_only=True)) as source:
            _copy(source, target)
        with closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as copy:
            for name, value, reason in (("running", "0", ""), ("paused", "1", "this is a backup that was put back")):
                copy.execute(sql("set_control"), (name, value, "hl7calf", reason, microseconds(at)))
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, apsw.Error):
            raise as_journal_error(error) from None
        raise
    return target.stat().st_size


def restore(source: Path, data_dir: Path, *, node: str, user: str, at: float, hmac_key: bytes = b"") -> None:
    """Put a copy back as the journal of an empty `data_dir`; it starts paused, and the log says who did it.

    Raises:
        JournalError: `data_dir` holds a journal already, or the copy is none.
        JournalBroken: the copy is damaged.
    """
    lock = files.own(data_dir)
    try:
        if (data_dir / files.DATABASE).stat().st_size:
            raise JournalError("data_dir holds a journal already; move it away first")
        _put(source, data_dir / files.DATABASE)
    finally:
        os.close(lock)
    with Store.open(data_dir, node, hmac_key=hmac_key, at=at) as store:
        store.run([SetPaused(True, user, "restored from a backup: what is queued may have been delivered since", at)])


def _put(source: Path, target: Path) -> None:
    """Copy a backup into an empty journal file if it is whole."""
    address = f"file:{quote(str(source.absolute()))}?immutable=1"
    try:
        with closing(apsw.Connection(address, flags=_READ_ONLY_URI)) as copy:
            if not schema.version_of(copy):
                raise JournalError("this file is not a backup of a journal")
            if copy.execute("PRAGMA integrity_check(1)").get != "ok":
                raise JournalBroken("the backup is damaged; use another one")
            _copy(copy, target)
    except apsw.Error as error:
        raise as_journal_error(error) from None


_READ_ONLY_URI = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def check(data_dir: Path, hmac_key: bytes = b"") -> list[str]:
    """Look at everything: structure, every payload's checksum, books, chain; return what is wrong, empty when whole."""
    found = []
    try:
        with closing(files.open_connection(data_dir, read_only=True)) as connection:
            structure = connection.execute("PRAGMA integrity_check(20)").get
            if structure != "ok":
                found.append("the structure of the file is damaged")
            found += [f"message {number}: its bytes are damaged" for number in _damaged(Query(connection))]
    except apsw.Error as error:
        return [*found, str(as_journal_error(error))]
    with Reader(data_dir, hmac_key=hmac_key) as reader:
        counted, kept = reader.recount(), reader.books_by_route()
        found += [
            f"the books of {route} do not balance"
            for route in sorted(counted.keys() | kept.keys())
            if counted.get(route) != kept.get(route)
        ]
        found += [f"log entry {one.sequence}: {one.what}" for one in reader.verify().findings]
    return found


def _damaged(query: Query) -> list[int]:
    """Return the messages whose bytes do not match their checksums."""
    damaged: list[int] = []
    last = 0
    while rows := query.rows_up_to(_STRETCH_BYTES, 1, "payloads_from", last, _STRETCH):
        for number, inbound, outbound, sha256_in, sha256_out in rows:
            hashes = (hashlib.sha256(inbound).digest(), hashlib.sha256(outbound).digest())
            if hashes != (sha256_in, sha256_out):
                damaged.append(number)
        last = rows[-1][0]
    return damaged


def _copy(source: apsw.Connection, target: Path) -> None:
    """Copy all pages in one reading, so that the copy is one state whatever is committed meanwhile."""
    with (
        closing(apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)) as copy,
        copy.backup("main", source, "main") as pages,
    ):
        while not pages.done:
            pages.step(-1)
