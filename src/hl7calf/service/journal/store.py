"""Opening and owning a journal: lock, rights, schema, and what an unclean stop left behind.

Law: a store is opened by one process at a time and says what is wrong before it takes a single message: the file is
checked at each start, for as long as a start may take (R8). After an unclean stop the first message of each lane is
marked as possibly sent already (P10). After a clean one everything is in the database itself, whoever reads it.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from hl7calf.errors import JournalBroken, JournalError
from hl7calf.service.journal import schema
from hl7calf.service.journal.batch import Answer, Batch
from hl7calf.service.journal.failures import Failpoint, as_journal_error, nowhere
from hl7calf.service.journal.files import DATABASE, configured, own
from hl7calf.service.journal.jobs import Event, Job
from hl7calf.service.journal.statements import sql

_CACHE_KIB = 16 * 1024  # the writer's pages: a fraction of the memory budget of docs/architecture.md, Budgets
_CHECKPOINT_PAGES = 16_000  # a commit itself writes the WAL back only when `checkpoints` did not keep up: 64 MB
_WAL_LIMIT_BYTES = 64 * 1024**2  # and does not stay larger than this once written back
_CHECK_STEPS = 200  # between two looks at the clock; while a tree is checked a step can be a page read from a cold disk
_LAST_CHECKPOINT_S = 1.0  # a clean stop waits no longer than this for who reads at that moment


class Store:
    """An open journal, owned by this process. `run` works in any one thread at a time."""

    def __init__(
        self,
        data_dir: Path,
        node: str,
        connection: apsw.Connection,
        lock: int,
        batch: Batch,
        unclean: bool,
        connect: Callable[[], apsw.Connection],
    ) -> None:
        self.data_dir = data_dir
        self.node = node
        self.unclean = unclean
        self._connection = connection
        self._lock = lock
        self._batch = batch
        self.connect_again = connect  # for what runs beside the one writing connection

    @classmethod
    def open(
        cls,
        data_dir: Path,
        node: str,
        *,
        synchronous: str = "FULL",
        hmac_key: bytes = b"",
        at: float | None = None,
        failpoint: Failpoint = nowhere,
        check_budget_s: float = 0.6,
        vfs: str | None = None,
    ) -> Self:
        """Open the journal in `data_dir`, making it if there is none, and become its owner.

        Args:
            node: this node's name, part of each log entry.
            synchronous: `FULL`. `NORMAL` loses acknowledged messages on power loss; tests prove that they can see it.
            hmac_key: the site's key for the chain of the log, if it has one.
            at: the time now, for the log.
            failpoint: called at each named step, for tests.
            vfs: the apsw VFS to write through, so that tests can have a disk that fails.
            check_budget_s: how long the check of the file may take; `backup.check` does the whole.

        Raises:
            JournalLocked, JournalTooNew, JournalBroken: as they say.
            JournalError: the folder cannot be used.
        """
        lock = own(data_dir)
        try:
            connection = _connect(data_dir, synchronous, vfs)
            schema.migrate(connection, failpoint)
            batch = Batch(connection, node, hmac_key, failpoint)
            unclean = _start(connection, batch, node, time.time() if at is None else at, check_budget_s)
        except apsw.Error as error:
            os.close(lock)
            raise as_journal_error(error) from None
        except BaseException:
            os.close(lock)
            raise
        return cls(data_dir, node, connection, lock, batch, unclean, lambda: _connect(data_dir, synchronous, vfs))

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Do all jobs in one transaction; return their answers, in order, after the sync.

        Raises:
            JournalError: nothing was done (JournalBroken: it is unknown whether something was).
        """
        return self._batch.run(jobs)

    def close(self) -> None:
        """Note the clean stop, write the WAL back and give the journal up.

        SQLite does the latter by itself only when the last connection is closed, and others may be open.
        """
        try:
            self._connection.execute(sql("set_control"), ("running", "0", "", "", 0))
            _write_all_back(self._connection)
            self._connection.close()
        except apsw.Error as error:
            raise as_journal_error(error) from None
        finally:
            os.close(self._lock)

    def abandon(self) -> None:
        """Give the journal up as a crash would, without noting a clean stop: after JournalBroken."""
        self._connection.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; after JournalBroken without noting a clean stop."""
        if isinstance(error, JournalBroken):
            self.abandon()
        else:
            self.close()


def _connect(data_dir: Path, synchronous: str, vfs: str | None) -> apsw.Connection:
    """Open the database for writing, with the settings that the promises rest on."""
    if synchronous not in ("FULL", "NORMAL", "EXTRA"):
        raise ValueError(f"synchronous is FULL, not {synchronous}")
    connection = apsw.Connection(str(data_dir / DATABASE), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    configured(connection, busy_timeout_s=5.0, cache_kib=_CACHE_KIB)
    if not schema.version_of(connection):  # a file of another program or of a newer version is not touched
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table; it writes
    mode = connection.execute("PRAGMA journal_mode = WAL").get
    if mode != "wal":
        raise JournalError(f"the journal's file system cannot do write-ahead logging (it says {mode})")
    connection.execute(f"PRAGMA synchronous = {synchronous}; PRAGMA cell_size_check = ON")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}").fetchall()
    connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}").fetchall()
    return connection


def _start(connection: apsw.Connection, batch: Batch, node: str, at: float, check_budget_s: float) -> bool:
    """Check the file and note that it is in use; after an unclean stop mark what it left. Return whether it was."""
    running = connection.execute(sql("get_control"), ("running",)).fetchall()
    unclean = bool(running) and running[0][0] == "1"
    found = quick_check(connection, check_budget_s)
    for name, value in (("running", "1"), ("node", node)):
        connection.execute(sql("set_control"), (name, value, "", "", 0))
    if unclean:
        connection.execute(sql("mark_heads_as_possible_duplicates"))
        heads = connection.changes()
        starts = connection.execute(sql("get_control"), ("unclean_starts",)).fetchall()
        count = int(str(starts[0][0])) + 1 if starts else 1
        connection.execute(sql("set_control"), ("unclean_starts", str(count), "", "", 0))
        batch.run([Event("unclean-start", at, {"possible_duplicates": str(heads), "check": found})])
    return unclean


def _write_all_back(connection: apsw.Connection) -> None:
    """Move the whole WAL into the database, unless somebody reads an older state of it or there is no room now.

    Raises:
        apsw.Error: the disk failed.
    """
    connection.set_busy_timeout(round(_LAST_CHECKPOINT_S * 1000))
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:  # nothing is lost: what is in the WAL is read from there at the next start
        if isinstance(as_journal_error(error), JournalBroken):
            raise


def quick_check(connection: apsw.Connection, budget_s: float) -> str:
    """Check the structure of the file for as long as the budget lasts; return `ok` or `not finished`.

    Raises:
        JournalBroken: the file is damaged.
    """
    deadline = time.monotonic() + budget_s
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _CHECK_STEPS)
    try:
        found = connection.execute("PRAGMA quick_check(1)").get
    except apsw.InterruptError:
        return "not finished"
    finally:
        connection.set_progress_handler(None)
    if found != "ok":
        raise JournalBroken("the journal's file is damaged; restore a backup or salvage it")
    return "ok"
