"""The journal's files: where they are, who may read them, who owns the journal now.

Law: the folder is 0700 when hl7calf makes it, every file in it 0600, also WAL and shared memory (SQLite gives them
the rights of the database). One process owns a journal by an flock on a file of its own, so that the lock ends with
the process, however it ends. (SQLite's own locks on the database are POSIX locks; flock does not touch them.)
"""

import fcntl
import os
import stat
import time
from pathlib import Path

import apsw

from hl7calf.errors import JournalError, JournalLocked

DATABASE = "hl7calf.sqlite3"
LOCK = "hl7calf.lock"
_LOCK_PATIENCE_S = 0.5  # `is_owned` holds the lock for a moment when it looks


def prepare_folder(data_dir: Path) -> None:
    """Make the folder and its lock file with the right rights, or see that they are right.

    Raises:
        JournalError: another user's folder, one that others can write to, or one that cannot be written.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = data_dir.stat()
        if found.st_uid != os.geteuid():
            raise JournalError(f"data_dir belongs to user {found.st_uid}, hl7calf runs as {os.geteuid()}; change one")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise JournalError("other users can write to data_dir; run chmod 700 on it, or choose another")
        make_private_file(data_dir / LOCK)
    except OSError as error:
        raise JournalError(f"data_dir cannot be used: {error.strerror}") from None


def own(data_dir: Path) -> int:
    """Prepare the folder, become the owner of the journal and make its empty file; return the open lock file.

    The database is touched only under the lock: closing any descriptor of a file drops all POSIX locks that this
    process has on it (sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        JournalError: the folder cannot be used.
        JournalLocked: another process owns the journal.
    """
    prepare_folder(data_dir)
    lock = take_lock(data_dir)
    try:
        make_private_file(data_dir / DATABASE)
    except OSError as error:
        os.close(lock)
        raise JournalError(f"data_dir cannot be used: {error.strerror}") from None
    return lock


def make_private_file(path: Path) -> None:
    """Make an empty file that only its owner can read, or take the others' rights from one that is there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def take_lock(data_dir: Path) -> int:
    """Become the owner of the journal and return the open lock file.

    Raises:
        JournalLocked: another process owns it.
    """
    descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CLOEXEC)
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise JournalLocked("another hl7calf runs on this data_dir; stop it first, or choose another") from None
            time.sleep(0.02)


def is_owned(data_dir: Path) -> bool:
    """Tell whether a process owns the journal at this moment."""
    try:
        descriptor = os.open(data_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def open_connection(
    data_dir: Path, *, read_only: bool = False, busy_timeout_s: float = 5.0, cache_kib: int = 4096
) -> apsw.Connection:
    """Open a connection to a journal that is there.

    Raises:
        JournalError: there is none.
        apsw.Error: it cannot be opened.
    """
    path = data_dir / DATABASE
    if not path.is_file() or not path.stat().st_size:
        raise JournalError("there is no journal in data_dir; has the service run there?")
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    return configured(apsw.Connection(str(path), flags=flags), busy_timeout_s, cache_kib)


def configured(connection: apsw.Connection, busy_timeout_s: float, cache_kib: int) -> apsw.Connection:
    """Set what every connection to a journal has in common."""
    connection.set_busy_timeout(round(busy_timeout_s * 1000))
    # Without this guarantee SQLite plans a statement anew for each value bound to it: 10 us instead of 2.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection
