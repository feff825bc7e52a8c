"""Looks after the service once a second: is the store well, do the books balance, does anybody wait too long.

Law: what it finds becomes figures and alarms, never a stop. The books are asked every tenth time; they are counters
in the store, so this costs the same whatever the backlog. After the time of day has jumped nothing is forgotten for
its age until the clock has run evenly for a day: a clock set to another year by mistake must not empty the store (P21).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from hl7calf.service.alarms import Alarms
from hl7calf.service.descriptors import few_left
from hl7calf.service.events import Detail, emit, error_name
from hl7calf.service.journal.jobs import FOR_EVER_S, Limits, Purge, Purged
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import RouteStatus, Status
from hl7calf.service.metrics import Metrics

LOOK_S = 1.0
_BOOKS_EVERY = 10
_STALL_S = 0.1  # R20
RECENT_S = 86_400.0  # a quarantined message was refused to its sender; after a day it is history
_PURGE_EVERY_S = 600.0
_PROBE_EVERY_S = 2.0
_JUMP_S = 60.0  # between two looks; NTP slews by less, and steps by less once it is in step


class WatchedWriter(Protocol):
    """What is watched of the journal's writer."""

    full: bool
    commits: int
    last_commit_s: float

    @property
    def waiting(self) -> int:
        """How many jobs are not answered."""

    def submit(self, job: Purge) -> "Deferred[Purged]":
        """Do one step of forgetting."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """When something becomes an alarm, what is kept, and how long a clock must run evenly to be believed."""

    commit_stall_s: float = 10.0
    overdue_s: float = 60.0
    retention: Limits = field(default_factory=Limits)
    even_clock_s: float = 86_400.0


class Watch:
    """The watch over one process.

    Args:
        read: reads the journal off the reactor's thread.
        look_at_the_date: told once a second, for what ends on a day.
        now_and_then: called every tenth time.
        few_files_left: tells whether file descriptors run out.
    """

    def __init__(
        self,
        routes: Sequence[str],
        writer: WatchedWriter,
        read: Callable[[Callable[[Reader], Status]], Any],
        metrics: Metrics,
        alarms: Alarms,
        limits: WatchLimits,
        clock: Any,
        wall: Callable[[], float],
        look_at_the_date: Callable[[], None],
        now_and_then: Sequence[Callable[[], None]] = (),
        few_files_left: Callable[[], bool] = few_left,
    ) -> None:
        self._routes = routes
        self._writer = writer
        self._read = read
        self._metrics = metrics
        self._alarms = alarms
        self._limits = limits
        self._clock = clock
        self._wall = wall
        self._look_at_the_date = look_at_the_date
        self._now_and_then = tuple(now_and_then)
        self._few_files_left = few_files_left
        self._looking = LoopingCall(self.look)
        self._looking.clock = clock
        self._count = 0
        self._commits = -1
        self._commit_at = clock.seconds()
        self._due_at = 0.0
        self._purge_at = clock.seconds() + _PURGE_EVERY_S
        self._reading = False
        self._wall_ahead_s = wall() - clock.seconds()
        self._clock_even_at = clock.seconds()

    def start(self) -> None:
        """Look now and from now on."""
        self._looking.start(LOOK_S)

    def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    @property
    def store_is_well(self) -> bool:
        """Tell whether the store takes messages in time."""
        return not self._writer.full and not self._stalled(self._clock.seconds())

    def look(self) -> None:
        """Look once."""
        now = self._clock.seconds()
        if self._due_at and now - self._due_at > _STALL_S:
            emit("S_STALL", "warn", late_ms=round((now - self._due_at) * 1000))
        self._due_at = now + LOOK_S
        self._look_at_the_clock(now)
        self._look_at_the_store(now)
        self._look_at_the_date()
        if self._count % _BOOKS_EVERY == 0:
            self._look_at_the_books()
            self._alarm("S_NO_FILES", self._few_files_left(), now)
            for look in self._now_and_then:
                look()
        self._count += 1

    def _look_at_the_books(self) -> None:
        if not self._reading:
            self._reading = True
            self._read(lambda reader: reader.status()).addCallbacks(self._status, self._no_status)

    def _look_at_the_clock(self, now: float) -> None:
        before, self._wall_ahead_s = self._wall_ahead_s, self._wall() - now
        jump_s = self._wall_ahead_s - before
        if abs(jump_s) > _JUMP_S:
            self._clock_even_at = now + self._limits.even_clock_s
            emit("S_CLOCK", "warn", jump_s=round(jump_s))

    def _kept(self, now: float) -> Limits:
        """Return how much of the past is kept; by size and number alone while the clock is in doubt."""
        kept = self._limits.retention
        if now >= self._clock_even_at:
            return kept
        ever = FOR_EVER_S
        return replace(kept, message_age_s=ever, log_age_s=ever, order_memory_age_s=ever, duplicate_age_s=ever)

    def _look_at_the_store(self, now: float) -> None:
        writer = self._writer
        if writer.commits != self._commits:
            self._commits = writer.commits
            self._commit_at = now
            self._metrics.commit_seconds.observe(writer.last_commit_s)
        elif not writer.waiting:
            self._commit_at = now
        self._alarm("J_STALLED", self._stalled(now), now)
        self._alarm("J_FULL", writer.full, now, ended="J_ROOM")
        if now >= self._purge_at:
            self._purge(now)
        elif writer.full and not writer.waiting and now >= self._purge_at - _PURGE_EVERY_S + _PROBE_EVERY_S:
            self._purge(now)  # makes room, and finds out whether there is some

    def _stalled(self, now: float) -> bool:
        return bool(self._writer.waiting) and now - self._commit_at >= self._limits.commit_stall_s

    def _alarm(self, code: str, raised: bool, now: float, route: str = "", ended: str = "", **details: Detail) -> None:
        if raised:
            self._alarms.sound(code, now, route, **details)
        elif self._alarms.end(code, route) and ended:
            emit(ended, "info", route=route)

    def _purge(self, now: float) -> None:
        self._purge_at = now + _PURGE_EVERY_S
        self._writer.submit(Purge(self._wall(), self._kept(now))).addCallbacks(self._purged, lambda _: None)

    def _purged(self, purged: Purged) -> None:
        if purged.more and self._looking.running:
            self._purge_at = self._clock.seconds()

    def _status(self, status: Status) -> None:
        self._reading = False
        now, wall = self._clock.seconds(), self._wall()
        for route in status.routes:
            if route.route in self._routes:
                self._show(route, now, wall)

    def _show(self, status: RouteStatus, now: float, wall: float) -> None:
        metrics, books, name = self._metrics, status.books, status.route
        metrics.queued.labels(name).set(books.queued)
        metrics.parked.labels(name).set(books.parked)
        metrics.quarantined.labels(name).set(books.quarantined)
        metrics.books_unbalanced.labels(name).set(0 if books.balanced else 1)
        age_s = max(0.0, wall - (status.oldest_queued_at or wall))
        metrics.oldest_queued_seconds.labels(name).set(age_s)
        self._alarm("J_UNBALANCED", not books.balanced, now, name)
        overdue = books.queued > 0 and age_s >= self._limits.overdue_s
        self._alarm("D_OVERDUE", overdue, now, name, messages=books.queued, oldest_s=round(age_s))
        parked_s = max(0.0, wall - (status.oldest_parked_at or wall))
        self._alarm("D_PARKED", books.parked > 0, now, name, messages=books.parked, oldest_s=round(parked_s))
        quarantined_at = status.newest_quarantined_at
        self._alarm("H_QUARANTINED", quarantined_at is not None and wall - quarantined_at < RECENT_S, now, name)

    def _no_status(self, failure: Failure) -> None:
        self._reading = False
        emit("S_UNEXPECTED", "error", error=error_name(failure))
