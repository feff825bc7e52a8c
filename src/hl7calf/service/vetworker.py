"""Runs the full vetting on one thread of its own, and outlives it.

Law: whatever a rule does (raises, hangs, eats memory), the reactor goes on and an answer comes within the
timeout: the verdict, or the fault for which the original goes on (P8, R14). Work is done and answered in the
order it was asked. A thread that hangs cannot be killed in Python: it is left behind, its late answer ignored,
and a new thread takes what waited behind it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hl7calf.calf.verdict import Fault, Verdict

Outcome = tuple[Verdict | None, Fault | None]
Work = Callable[[], Outcome]
Answered = Callable[[Verdict | None, Fault | None, float], None]

TIMED_OUT = Fault("V_TIMEOUT", "vetting took too long; the original goes on", "AA")
NO_THREAD = Fault("V_FAILED", "no thread could be started; the original goes on", "AA")
STOPPED = Fault("V_STOPPED", "the service stops; the original goes on", "AA")


class ReactorClock(Protocol):
    """What is needed of a reactor here: later calls, and calls from another thread."""

    def seconds(self) -> float:
        """Return a monotonic time."""

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object) -> Any:
        """Call later; the result has `cancel` and `active`."""

    def callFromThread(self, callable: Callable[..., Any], *args: object) -> None:
        """Call in the reactor's thread."""


@dataclass(slots=True)
class _Task:
    work: Work
    answered: Answered
    started: float | None = None


class _Bench:
    """One thread and what it has to do. `abandoned` tells it that nobody waits for it any more."""

    def __init__(self, deliver: Callable[["_Bench"], None], name: str) -> None:
        self.todo: deque[_Task] = deque()
        self.done: deque[tuple[_Task, Verdict | None, Fault | None, float]] = deque()
        self.wake = threading.Semaphore(0)
        self.abandoned = False
        self._deliver = deliver
        self._told = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        while True:
            self.wake.acquire()
            if self._over():
                return
            task = self.todo[0]
            task.started = began = time.monotonic()
            verdict, fault = _attempt(task.work)
            took = time.monotonic() - began
            if self._over():
                return
            self.todo.popleft()
            self.done.append((task, verdict, fault, took))
            if not self._told:
                self._told = True
                self._deliver(self)

    def _over(self) -> bool:
        """Tell whether nobody waits for this thread any more; another thread decides that."""
        return self.abandoned or not self.todo

    def take_done(self) -> list[tuple[_Task, Verdict | None, Fault | None, float]]:
        """Take what was finished; in the reactor's thread."""
        self._told = False
        return [self.done.popleft() for _ in range(len(self.done))]


def _attempt(work: Work) -> Outcome:
    try:
        return work()
    except BaseException as wrong:  # whatever it is, MemoryError and SystemExit too: the order goes on
        return None, Fault("V_FAILED", f"vetting failed with {type(wrong).__name__}; the original goes on", "AA")


class VetWorker:
    """One vetting thread with a watchdog.

    Args:
        reactor: clock and way back from the thread.
        timeout_s: after this long on one message its original goes on.
        name: of the thread.
    """

    def __init__(self, reactor: ReactorClock, timeout_s: float, name: str = "vet") -> None:
        self._reactor = reactor
        self._timeout_s = timeout_s
        self._name = name
        self._bench: _Bench | None = None
        self._waiting: deque[_Task] = deque()
        self._watch: Any = None
        self.left_behind = 0

    @property
    def waiting(self) -> int:
        """How many are asked and not yet answered."""
        return len(self._waiting)

    def ask(self, work: Work, answered: Answered) -> None:
        """Do `work` in turn; `answered(verdict, fault, seconds)` is called in the reactor's thread, exactly once."""
        task = _Task(work, answered)
        self._waiting.append(task)
        if self._bench is None:
            self._hand_over()
        else:
            self._bench.todo.append(task)
            self._bench.wake.release()
        if self._watch is None and self._waiting:
            self._watch = self._reactor.callLater(self._timeout_s / 4, self._look)

    def stop(self) -> None:
        """Answer everything that waits with `V_STOPPED` and let the thread go."""
        self._abandon()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._answer_all(STOPPED)

    def _answer_all(self, fault: Fault) -> None:
        while self._waiting:
            self._waiting.popleft().answered(None, fault, 0.0)

    def _collect(self, bench: _Bench) -> None:
        if bench is not self._bench:
            return
        for task, verdict, fault, took in bench.take_done():
            self._waiting.popleft()
            task.answered(verdict, fault, took)

    def _look(self) -> None:
        """The watchdog: leave a thread behind that has been on one message for too long."""
        self._watch = None
        if not self._waiting:
            return
        task = self._waiting[0]
        stuck = task.started is not None and time.monotonic() - task.started >= self._timeout_s * 0.75
        if stuck and self._bench is not None and not self._bench.done:
            self._abandon()
            self.left_behind += 1
            self._waiting.popleft()
            self._hand_over()
            task.answered(None, TIMED_OUT, self._timeout_s)
        if self._waiting and self._watch is None:
            self._watch = self._reactor.callLater(self._timeout_s / 4, self._look)

    def _abandon(self) -> None:
        if self._bench is not None:
            self._bench.abandoned = True
            self._bench.wake.release()
            self._bench = None

    def _hand_over(self) -> None:
        """Give what waits to a new thread."""
        if not self._waiting:
            return
        try:
            self._bench = _Bench(lambda bench: self._reactor.callFromThread(self._collect, bench), self._name)
        except RuntimeError:  # no thread to be had (R10, R12): vetting is given up, the orders go on
            self._answer_all(NO_THREAD)
            return
        self._bench.todo.extend(self._waiting)
        for task in self._waiting:
            task.started = None
            self._bench.wake.release()
