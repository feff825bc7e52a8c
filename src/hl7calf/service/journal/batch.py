"""One transaction for many jobs: everything that waits is done together, and synced once.

Law: a batch is committed whole or not at all. A job that cannot be done (NotPossible) fails alone; one that breaks
by a mistake in the program is found by doing the batch again one by one, so it takes no other down with it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw

from hl7calf.errors import JournalError
from hl7calf.service.journal import decisions, deliveries, raising, retention
from hl7calf.service.journal.arrivals import record_arrivals
from hl7calf.service.journal.failures import Failpoint, as_journal_error
from hl7calf.service.journal.jobs import (
    CarryOut,
    Event,
    Job,
    MarkAttempt,
    MarkDelivered,
    NotPossible,
    Park,
    Purge,
    Raise,
    RecordArrival,
    Release,
    Result,
    Retry,
    SetMode,
    SetPaused,
    Skip,
)
from hl7calf.service.journal.ledger import Ledger, Standing

Answer = Result | Exception
"""What came of one job: its result, or why it was not done."""

_ONE_BY_ONE: dict[type, Callable[[Ledger, Any], Result]] = {
    MarkDelivered: deliveries.mark_delivered,
    MarkAttempt: deliveries.mark_attempt,
    Park: deliveries.park,
    Release: deliveries.release,
    Raise: raising.raise_order,
    Retry: deliveries.retry,
    Skip: deliveries.skip,
    SetMode: decisions.set_mode,
    SetPaused: decisions.set_paused,
    Event: decisions.note_event,
    CarryOut: decisions.carry_out,
    Purge: retention.purge,
}
_ONE_JOBS_FAULT = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError)  # a value that does not fit
_PASSES_ARRIVALS = (MarkDelivered, MarkAttempt)  # concerns an earlier message only, so arrivals may be done first


class Batch:
    """The connection and what every transaction on it needs."""

    def __init__(self, connection: apsw.Connection, node: str, hmac_key: bytes, failpoint: Failpoint) -> None:
        self._connection = connection
        self._node = node
        self._hmac_key = hmac_key
        self._failpoint = failpoint
        self._standing: Standing | None = None  # after a commit, until the next transaction begins
        self._version: int | None = None  # of the file, as other connections change it

    def run(self, jobs: Sequence[Job]) -> list[Answer]:
        """Do all jobs in one transaction and return one answer each, in order, after the sync.

        Raises:
            JournalError: nothing was done; with JournalBroken it is unknown whether something was.
        """
        try:
            return self._commit(jobs)
        except _ONE_JOBS_FAULT as error:
            if len(jobs) == 1:
                return [as_journal_error(error)]
        except apsw.Error as error:
            raise as_journal_error(error) from None
        except Exception as error:  # a mistake in the program: find the job that has it
            if len(jobs) == 1:
                return [error]
        return [self._alone(job) for job in jobs]

    def _alone(self, job: Job) -> Answer:
        """Do one job of a batch that failed; what was done before it stays done, so nothing is raised."""
        try:
            return self.run([job])[0]
        except JournalError as error:
            return error

    def _commit(self, jobs: Sequence[Job]) -> list[Answer]:
        standing, self._standing = self._standing, None
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            if self._another_wrote():
                standing = None
            self._failpoint("begin")
            ledger = Ledger(self._connection, self._node, self._hmac_key, standing)
            answers = _do(ledger, jobs)
            self._failpoint("insert")
            ledger.close()
            self._failpoint("commit entered")
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        self._failpoint("commit returned")
        self._standing = ledger.standing
        return answers

    def _another_wrote(self) -> bool:
        """Tell whether another connection committed since the last look: the console writes down who saw what."""
        before, self._version = self._version, self._connection.execute("PRAGMA data_version").get
        return before != self._version

    def _roll_back(self) -> None:
        """Undo what SQLite has not undone by itself already."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _do(ledger: Ledger, jobs: Sequence[Job]) -> list[Answer]:
    """Do all jobs on an open transaction: in order, but what may pass arrivals after the arrivals next to it."""
    answers: dict[int, Answer] = {}
    for arrivals, others in _stretches(jobs):
        if arrivals:
            recorded = record_arrivals(ledger, [job for _, job in arrivals])
            answers.update(zip((place for place, _ in arrivals), recorded, strict=True))
        for place, job in others:
            try:
                answers[place] = _ONE_BY_ONE[type(job)](ledger, job)
            except NotPossible as error:
                answers[place] = error
    return [answers[place] for place in range(len(jobs))]


_Placed = list[tuple[int, Any]]


def _stretches(jobs: Sequence[Job]) -> Iterator[tuple[_Placed, _Placed]]:
    """Cut the jobs after everything that must keep its place; yield the arrivals and the others of each stretch."""
    arrivals: _Placed = []
    others: _Placed = []
    for place, job in enumerate(jobs):
        if isinstance(job, RecordArrival):
            arrivals.append((place, job))
            continue
        others.append((place, job))
        if not isinstance(job, _PASSES_ARRIVALS):
            yield arrivals, others
            arrivals, others = [], []
    yield arrivals, others
