"""What SQLite says when it cannot, sorted by what must be done about it.

Law: a failed sync or a damaged file ends the process (after a failed fsync the kernel may have dropped the pages
it claims to hold: Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020); anything
else leaves the transaction undone and the next one free to work. Messages name codes, never values.
"""

from collections.abc import Callable

import apsw

from hl7calf.errors import JournalBroken, JournalError, JournalFull

Failpoint = Callable[[str], None]
"""Called with the name of the step reached, so that a test can kill the process there."""


def nowhere(step: str) -> None:
    """Do nothing at any step: the failpoint of production."""


_BROKEN = {
    apsw.SQLITE_IOERR_FSYNC,
    apsw.SQLITE_IOERR_DIR_FSYNC,
    apsw.SQLITE_IOERR_READ,
    apsw.SQLITE_IOERR_SHORT_READ,
    apsw.SQLITE_IOERR_CORRUPTFS,
    apsw.SQLITE_IOERR_DATA,
}


def as_journal_error(error: apsw.Error) -> JournalError:
    """Return the JournalError that says what an SQLite error means for the service."""
    code = getattr(error, "extendedresult", 0)
    if isinstance(error, apsw.FullError):
        return JournalFull(f"the disk of the journal is full (SQLite {code}); intake resumes when there is room")
    if isinstance(error, apsw.IOError):
        if code in _BROKEN:
            return JournalBroken(f"the disk of the journal failed (SQLite {code}); look at it before starting again")
        return JournalFull(f"the disk of the journal does not take it (SQLite {code})")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return JournalBroken(f"the journal's file is damaged (SQLite {code}); restore a backup or salvage it")
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return JournalError(f"the journal cannot be written (SQLite {code}); check owner, rights and mount of data_dir")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return JournalError(f"the journal was kept locked by another process (SQLite {code})")
    return JournalError(f"the journal could not do it: {type(error).__name__} (SQLite {code})")
