"""One route's way out: the next message of each lane to the destination, and what its answer means for it.

Law: one message in flight per lane; its fate is on disk before the next of the lane is sent, so a crash repeats at
most one (P10). A message leaves the queue only by a positive acknowledgment, by `on_nack`, or into the hands of a
person. Lanes, retries and connections are decided in window, delivery and lines; this joins them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from hl7calf.errors import JournalBroken
from hl7calf.service.alarms import Alarms
from hl7calf.service.delivery import Attempted, BackOff, Decider, Step, job_for
from hl7calf.service.destination import Destination, Talk
from hl7calf.service.events import emit, error_name
from hl7calf.service.journal.jobs import MarkAttempt, NotPossible, Outcome
from hl7calf.service.journal.reading_queue import may_be_cut_short
from hl7calf.service.journal.views import Queued
from hl7calf.service.lines import Connect, Lines
from hl7calf.service.metrics import RouteMetrics
from hl7calf.service.window import Window

READ_AT_ONCE = 256
_MARK_AGAIN_S = 1.0
_MOST_EXPECTING = 3
_AWAY_ALARM_S = 60.0  # A14
_SIGNS = {
    Outcome.UNKNOWN: "D_UNANSWERED", Outcome.MISMATCHED: "D_MISMATCH", Outcome.GARBLED: "D_GARBLED",
    Outcome.REFUSED: "D_REFUSED", Outcome.DAMAGED: "D_DAMAGED",
}  # fmt: skip


class Submits(Protocol):
    """What a forwarder needs of the journal's writer."""

    def submit(self, job: Any) -> "Deferred[Any]":
        """Do a job; fires when it is on disk."""

    def hand_in(self, job: Any, done: Callable[[Any], object], at_once: bool = False) -> None:
        """Do a job; `done` is called with its result when it is on disk, or with why it was not done."""


ReadOutbox = Callable[[int], "Deferred[list[Queued]]"]


@dataclass(frozen=True, slots=True)
class ForwarderParts:
    """What a forwarder works with. `read` gives what is free to go next, in order, up to a number."""

    writer: Submits
    read: ReadOutbox
    decider: Decider
    back_off: BackOff
    metrics: RouteMetrics
    alarms: Alarms
    clock: Any
    wall: Callable[[], float]


class Forwarder:
    """The forwarder of one route.

    Args:
        keyed: lanes run side by side; `read` then gives the heads of the lanes.
        relay: the sender waits for the destination's answer; a refusal is its own to handle.
    """

    def __init__(
        self, route: str, parts: ForwarderParts, connect: Connect, talk: Talk, *, connections: int = 1,
        keyed: bool = False, relay: bool = False, window: Window | None = None,
    ) -> None:  # fmt: skip
        self._route = route
        self._parts = parts
        self._keyed = keyed
        self._relay = relay
        self._window = window or Window()
        self._lines = Lines(
            connect, connections, talk, parts.back_off, parts.clock, self._lines_changed, self._no_connection,
            self._stray,
        )  # fmt: skip
        self._expecting: dict[int, list[Callable[[bytes], None]]] = {}
        self._wake: Any = None
        self._away_since: float | None = None
        self._started = False
        self._idle: Deferred[None] | None = None
        self.paused = False

    def start(self) -> None:
        """Begin to forward what is in the store and what comes."""
        self._started = True
        self.pump()

    def feed(self, item: Queued) -> None:
        """Take a message that was just stored and is free to go."""
        self._window.feed(item)
        self.pump()

    def expect(self, message_id: int, answered: Callable[[bytes], None]) -> None:
        """Call `answered` with the destination's answer, once the message's fate is on disk."""
        waiting = self._expecting.setdefault(message_id, [])
        del waiting[:-_MOST_EXPECTING]  # a sender that resends while the destination is away; the oldest have left
        waiting.append(answered)

    def reread(self) -> None:
        """Something was decided about the queue: look at the store again."""
        self._window.forget()
        self.pump()

    def pause(self, paused: bool) -> None:
        """Stop sending, or go on."""
        if paused != self.paused:
            self.paused = paused
            emit("S_PAUSED" if paused else "S_RESUMED", "warn", route=self._route)
            self.pump()

    def stop(self) -> "Deferred[None]":
        """Send nothing more; fires when what is in flight has its answer on disk."""
        self._started = False
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if not self._window.in_flight:
            return succeed(None)
        self._idle = Deferred()
        return self._idle

    def close(self) -> None:
        """Close the connections; what is in flight is unknown."""
        self._started = False
        self._lines.close()

    @property
    def in_flight(self) -> int:
        """How many lanes wait for an answer or its commit."""
        return self._window.in_flight

    def pump(self) -> None:
        """Send whatever may go now."""
        window, lines = self._window, self._lines
        if window.starved and self._started:
            self._read()
        now = self._parts.clock.seconds()
        while self._started and not self.paused and window.can_take(now):
            line = lines.free()
            if line is None:
                lines.want(window.ready_lanes)
                return
            item = window.take(now)
            if item is not None:
                self._send(line, item)
        self._set_wake(now)

    def _set_wake(self, now: float) -> None:
        at = self._window.next_at()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if at is not None and self._started:
            self._wake = self._parts.clock.callLater(max(0.0, at - now), self._woken)

    def _woken(self) -> None:
        self._wake = None
        self.pump()

    def _read(self) -> None:
        self._window.begin_reading()
        self._parts.read(READ_AT_ONCE).addCallbacks(self._loaded, self._not_loaded)

    def _loaded(self, items: list[Queued]) -> None:
        now, wall = self._parts.clock.seconds(), self._parts.wall()

        def ready_at(item: Queued) -> float:
            """Turn a time of the day into one of the clock, whatever was done to the former (P21)."""
            pause_s = min(item.next_attempt_at - wall, self._parts.back_off.longest_s)
            return float(now + pause_s) if pause_s > 0 else 0.0

        complete = not items if self._keyed else len(items) < READ_AT_ONCE and not may_be_cut_short(items)
        self._window.load(items, complete, ready_at)
        self.pump()

    def _not_loaded(self, failure: Failure) -> None:
        self._window.load([], complete=False)
        emit("S_UNEXPECTED", "error", route=self._route, error=error_name(failure))
        self._parts.clock.callLater(_MARK_AGAIN_S, self.reread)

    def _send(self, line: Destination, item: Queued) -> None:
        if item.outbound is None:
            damaged = Attempted(Outcome.DAMAGED, "the stored bytes do not match their checksum")
            self._attempted(damaged, item)
        else:
            line.send(item.outbound, item.control_id, lambda attempted: self._attempted(attempted, item))

    def _attempted(self, attempted: Attempted, item: Queued) -> None:
        """Write down how it went; the lane goes on when that is on disk."""
        parts = self._parts
        if attempted.outcome in (Outcome.DELIVERED, Outcome.REFUSED):
            self._lines.answered()
            self._is_back()
        if attempted.outcome is Outcome.UNKNOWN:
            parts.metrics.unknown_outcome()
        step = parts.decider.next_step(item.message_id, item.attempts, attempted)
        if parts.decider.waits_instead_of_parking:
            parts.alarms.sound("D_POISONED", parts.clock.seconds(), self._route, message=item.message_id)
        if self._relay and attempted.outcome is Outcome.REFUSED:
            step = Step.SKIP  # the sender is told, and decides
        if attempted.outcome in _SIGNS:  # that it cannot be reached was said when the connection was lost
            emit(
                _SIGNS[attempted.outcome],
                "warn",
                route=self._route,
                message=item.message_id,
                step=step.value,
                why=attempted.why,
                attempt=item.attempts + 1,
            )
        pause_s = parts.back_off.pause_s(item.attempts + 1)
        job = job_for(step, attempted, item.message_id, parts.wall(), pause_s)
        self._mark(job, step, attempted, item, pause_s)

    def _mark(self, job: object, step: Step, attempted: Attempted, item: Queued, pause_s: float) -> None:
        def done(result: Any) -> None:
            if not isinstance(result, Exception):
                self._marked(result, step, attempted, item, pause_s)
            elif isinstance(result, NotPossible):  # a person was quicker: what they decided stands
                self._settle(item)
                self.reread()
            elif not isinstance(result, JournalBroken) and self._started:  # no room: not to be sent again, so wait
                self._parts.clock.callLater(_MARK_AGAIN_S, self._mark, job, step, attempted, item, pause_s)

        self._parts.writer.hand_in(job, done, at_once=not self._keyed)  # a single lane waits for nobody else's

    def _marked(self, result: Any, step: Step, attempted: Attempted, item: Queued, pause_s: float) -> None:
        parts = self._parts
        if step is Step.RETRY:
            self._window.postpone(item, parts.clock.seconds() + pause_s, result.attempts)
        else:
            self._settle(item)
        if step is Step.DELIVERED:
            parts.metrics.delivered()
            parts.metrics.delivery_seconds(max(0.0, parts.wall() - item.received_at))
            if result.affected:  # a person had parked it meanwhile; who was held behind it is free now
                self._window.forget()
        elif step is Step.PARK:
            parts.alarms.sound("D_PARKED", parts.clock.seconds(), self._route, message=item.message_id)
            self._window.forget()
        elif step is Step.SKIP:
            parts.metrics.rejected(attempted.ack_code)
            emit("D_SKIPPED", "warn", route=self._route, message=item.message_id, answered=attempted.ack_code)
            self._window.forget()
        if step is not Step.RETRY:
            for answered in self._expecting.pop(item.message_id, ()):
                if attempted.ack:
                    answered(attempted.ack)
        if self._idle is not None and not self._window.in_flight:
            idle, self._idle = self._idle, None
            idle.callback(None)
        self.pump()

    def _settle(self, item: Queued) -> None:
        self._window.settle(item)

    def _stray(self) -> None:
        self._parts.metrics.stray_answer()
        emit("D_STRAY", "info", route=self._route)

    def _lines_changed(self) -> None:
        self._parts.metrics.destination_connections(self._lines.open_count)
        self.pump()

    def _no_connection(self, why: str, pause_s: float) -> None:
        """Note that the destination is away: in the log once, with the message that waits, and as an alarm in time."""
        parts = self._parts
        now = parts.clock.seconds()
        parts.metrics.destination_connections(self._lines.open_count)
        if self._away_since is None:
            self._away_since = now
            emit("D_UNREACHABLE", "warn", route=self._route, why=why)
        elif now - self._away_since >= _AWAY_ALARM_S:
            parts.alarms.sound("D_UNREACHABLE", now, self._route, why=why)
        head = next(iter(self._window.heads), None)
        if head is not None and self._started:
            at = parts.wall()
            job = MarkAttempt(head.message_id, Outcome.UNREACHABLE, why, at + pause_s, at, counts=False)
            parts.writer.submit(job).addErrback(lambda failure: None)  # only a remark; the message stays as it is

    def _is_back(self) -> None:
        self._parts.alarms.end("D_POISONED", self._route)
        if self._away_since is not None:
            self._away_since = None
            self._parts.alarms.end("D_UNREACHABLE", self._route)
            emit("D_CONNECTED", "info", route=self._route)
