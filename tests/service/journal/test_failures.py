"""What SQLite's errors mean for the service."""

import apsw
import pytest

from hl7calf.errors import JournalBroken, JournalError, JournalFull
from hl7calf.service.journal.failures import as_journal_error, nowhere


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (apsw.SQLITE_FULL, JournalFull),
        (apsw.SQLITE_IOERR_WRITE, JournalFull),
        (apsw.SQLITE_IOERR_TRUNCATE, JournalFull),
        (apsw.SQLITE_IOERR_FSYNC, JournalBroken),
        (apsw.SQLITE_IOERR_DIR_FSYNC, JournalBroken),
        (apsw.SQLITE_IOERR_READ, JournalBroken),
        (apsw.SQLITE_IOERR_SHORT_READ, JournalBroken),
        (apsw.SQLITE_CORRUPT, JournalBroken),
        (apsw.SQLITE_CORRUPT_INDEX, JournalBroken),
        (apsw.SQLITE_NOTADB, JournalBroken),
        (apsw.SQLITE_READONLY, JournalError),
        (apsw.SQLITE_CANTOPEN, JournalError),
        (apsw.SQLITE_BUSY, JournalError),
        (apsw.SQLITE_CONSTRAINT, JournalError),
        (apsw.SQLITE_NOMEM, JournalError),
    ],
)
def test_each_failure_says_who_must_act(code: int, meaning: type[JournalError]) -> None:
    error = apsw.exception_for(code)
    assert type(as_journal_error(error)) is meaning


def test_no_value_of_a_row_gets_into_the_message() -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (a TEXT CHECK (a <> 'CANARY'))")
    with pytest.raises(apsw.ConstraintError) as caught:
        connection.execute("INSERT INTO t VALUES ('CANARY')")
    said = str(as_journal_error(caught.value))
    assert "CANARY" in str(caught.value)
    assert "CANARY" not in said
    connection.close()


def test_the_failpoint_of_production_does_nothing() -> None:
    nowhere("begin")
