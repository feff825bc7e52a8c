"""The one thread that writes the journal: all that waits goes into one transaction, so a sync is shared.

Law: an answer is given only after the commit that holds its job returned (P2), through one call into the reactor for
the whole batch, in the order of submission. Nothing here knows a reactor: the call is handed in.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, overload

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hl7calf.errors import JournalBroken, JournalError, JournalFull
from hl7calf.service.events import emit
from hl7calf.service.journal.batch import Answer
from hl7calf.service.journal.checkpoints import Checkpoints
from hl7calf.service.journal.jobs import (
    Attempted,
    CarriedOut,
    CarryOut,
    Event,
    Job,
    Logged,
    MarkAttempt,
    MarkDelivered,
    Moved,
    Park,
    Purge,
    Purged,
    RecordArrival,
    Recorded,
    Release,
    Retry,
    SetMode,
    SetPaused,
    Skip,
)
from hl7calf.service.journal.store import Store

Done = Callable[[Any], object]
"""Takes what came of a job: its result, or the exception for which it was not done."""
_Item = tuple[Job, Done]
CallFromThread = Callable[..., object]
_MOST_BYTES = 32 * 1024**2  # of payload in one transaction, beside what a single one may have


class Writer:
    """Takes jobs from any thread and answers each with a Deferred.

    Args:
        call_from_thread: `reactor.callFromThread`, or anything that calls; runs the answers of a batch.
        on_broken: called (through `call_from_thread`) once when the disk failed or the file is damaged: the process
            must stop, with exit code 75 (EX_TEMPFAIL), and be started again after a look at the disk.
        max_batch: jobs in one transaction.
        soon: `reactor.callLater(0, ...)`: jobs handed in by the reactor wake the thread when it has done what it is
            at, so that all of them go together; None: each wakes it at once.
    """

    def __init__(
        self,
        store: Store,
        call_from_thread: CallFromThread,
        *,
        on_broken: Callable[[JournalBroken], object] | None = None,
        max_batch: int = 1000,
        soon: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        self._store = store
        self._call = call_from_thread
        self._on_broken = on_broken
        self._max_batch = max_batch
        self._soon = soon
        self._jobs: deque[_Item | None] = deque()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._asleep = False  # set by the thread before it looks at the jobs once more and waits
        self._waking = False
        self._waiting = 0
        self._waiting_bytes = 0
        self._counting = threading.Lock()
        self._stopped: Deferred[None] | None = None
        self.full = False
        self.broken: JournalBroken | None = None
        self.last_commit_s = 0.0
        self.commits = 0
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()
        self._checkpoints = Checkpoints(store.connect_again, lambda: self.commits, self._break)

    @property
    def waiting(self) -> int:
        """Return how many jobs were submitted and not answered: intake slows down when this grows."""
        return self._waiting

    @property
    def waiting_bytes(self) -> int:
        """Return how many payload bytes wait to be recorded."""
        return self._waiting_bytes

    @overload
    def submit(self, job: RecordArrival) -> "Deferred[Recorded]": ...
    @overload
    def submit(self, job: MarkDelivered | Park | Release | Retry | Skip) -> "Deferred[Moved]": ...
    @overload
    def submit(self, job: MarkAttempt) -> "Deferred[Attempted]": ...
    @overload
    def submit(self, job: SetMode | SetPaused | Event) -> "Deferred[Logged]": ...
    @overload
    def submit(self, job: CarryOut) -> "Deferred[CarriedOut]": ...
    @overload
    def submit(self, job: Purge) -> "Deferred[Purged]": ...

    def submit(self, job: Job) -> "Deferred[Any]":
        """Hand a job in; its Deferred fires after the sync, or fails.

        Fails with JournalFull or JournalError (nothing was done; try again), JournalBroken (unknown; stop), or
        NotPossible.
        """
        answer: Deferred[Any] = Deferred()

        def done(result: Any) -> None:
            if isinstance(result, Exception):
                answer.errback(Failure(result))
            else:
                answer.callback(result)

        self._add(job, done)
        self._rouse()
        return answer

    def hand_in(self, job: Job, done: Done, at_once: bool = False) -> None:
        """Hand a job in; `done` is called as a Deferred of `submit` fires, at once where nothing is taken any more.

        For what there are thousands of a second: it costs a tenth of a Deferred. In the reactor's thread only.

        Args:
            at_once: wake the thread now, and not `soon`.
        """
        self._add(job, done)
        if self._soon is None or at_once:
            self._rouse()
        elif self._asleep and not self._waking:
            self._waking = True
            self._soon(self._rouse)

    def _rouse(self) -> None:
        """Wake the thread if it sleeps."""
        self._waking = False
        if self._asleep:
            self._asleep = False
            self._wake.put(None)

    def _add(self, job: Job, done: Done) -> None:
        refused: JournalError | None = self.broken
        if refused is None:
            with self._counting:  # the queue and the end of it are seen in one order by all threads
                if self._stopped is None:
                    self._waiting += 1
                    self._waiting_bytes += _size(job)
                    self._jobs.append((job, done))
                    return
            refused = JournalError("the journal is being closed")
        done(refused)

    def stop(self) -> "Deferred[None]":
        """Do what waits, then end the thread; the store stays open. Fires when the thread has ended its work."""
        with self._counting:
            if self._stopped is None:
                self._stopped = Deferred()
                self._jobs.append(None)
        self._rouse()
        return self._stopped

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread itself to end after `stop`; return whether it did."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        """Take what waits, do it, answer; until `stop`."""
        while True:
            batch, last = self._take()
            if batch:
                self._do(batch)
            if last:
                self._checkpoints.stop()
                self._call(self._end)
                return

    def _take(self) -> tuple[list[_Item], bool]:
        """Wait for a job and return it with all others that wait; and whether that was the end."""
        batch: list[_Item] = []
        size = 0
        self._wait()
        while self._jobs:
            item = self._jobs.popleft()
            if item is None:
                return batch, True
            batch.append(item)
            size += _size(item[0])
            if len(batch) >= self._max_batch or size >= _MOST_BYTES:
                break
        return batch, False

    def _wait(self) -> None:
        """Sleep while there is nothing to do. Who adds a job looks at `_asleep` after it, so no job is overslept."""
        while not self._jobs:
            self._asleep = True
            if self._jobs:
                break
            self._wake.get()
        self._asleep = False

    def _do(self, batch: list[_Item]) -> None:
        """Do one batch and have it answered in the reactor."""
        started = time.monotonic()
        jobs = [job for job, _ in batch]
        answers: list[Answer]
        if self.broken is not None:
            answers = [self.broken] * len(jobs)
        else:
            answers = self._run(jobs)
        self.last_commit_s = time.monotonic() - started
        self.commits += 1
        self._call(self._answer, [done for _, done in batch], answers, sum(map(_size, jobs)))

    def _run(self, jobs: list[Job]) -> list[Answer]:
        """Do the jobs; when the disk is full, those that need little room once more without the arrivals."""
        try:
            answers = self._store.run(jobs)
        except JournalError as error:
            answers = [error] * len(jobs)
            small = [place for place, job in enumerate(jobs) if not isinstance(job, RecordArrival)]
            if isinstance(error, JournalFull) and 0 < len(small) < len(jobs):
                for place, answer in zip(small, self._run([jobs[place] for place in small]), strict=True):
                    answers[place] = answer
        self._note(answers)
        return answers

    def _note(self, answers: list[Answer]) -> None:
        """Remember whether the disk was full or failed; tell once when it failed."""
        self.full = any(isinstance(answer, JournalFull) for answer in answers)
        broken = next((answer for answer in answers if isinstance(answer, JournalBroken)), None)
        if broken is not None:
            self._break(broken)

    def _break(self, broken: JournalBroken) -> None:
        """Take nothing more, and say so once; runs in the writing or the checkpointing thread."""
        with self._counting:
            if self.broken is not None:
                return
            self.broken = broken
        if self._on_broken is not None:
            self._call(self._on_broken, broken)

    def _answer(self, waiting: list[Done], answers: list[Answer], size: int) -> None:
        """Answer a batch, in order; runs in the reactor. Whoever fails at its answer takes it from nobody else."""
        with self._counting:
            self._waiting -= len(waiting)
            self._waiting_bytes -= size
        for done, answer in zip(waiting, answers, strict=True):
            try:
                done(answer)
            except Exception as wrong:  # as a Deferred would, that nobody waits for
                emit("S_UNEXPECTED", "error", error=type(wrong).__name__)

    def _end(self) -> None:
        assert self._stopped is not None
        self._stopped.callback(None)


def _size(job: Job) -> int:
    return len(job.receipt.payload) if isinstance(job, RecordArrival) else 0
