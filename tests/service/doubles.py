"""Small stand-ins for the tests of the service: a journal without a disk, a rule without a leg, invented messages.

Nobody in these messages exists. `CANARY` and its like must never turn up in a log.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher

from hl7calf.calf.verdict import Action, Mode, Modification, OrderVerdict, Recall, Remembered, Verdict
from hl7calf.service.alarms import Alarms
from hl7calf.service.journal.jobs import (
    Attempted,
    CarriedOut,
    CarryOut,
    MarkAttempt,
    MarkDelivered,
    Moved,
    Park,
    RecordArrival,
    Recorded,
    Skip,
    State,
)
from hl7calf.service.journal.views import Queued
from hl7calf.service.metrics import Metrics
from hl7calf.service.rule import Rule, Terms
from hl7calf.wire.header import Header

TERMS = Terms("tables", "digest", Mode.UPGRADE)


def message(control_id: str = "A1", kind: str = "ADT^A08", body: str = "", **fields: str) -> bytes:
    """Return one message; `accept` and `application` are MSH-15 and MSH-16."""
    tail = f"|||{fields['accept']}|{fields.get('application', '')}" if "accept" in fields else ""
    return (
        f"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260101||{kind}|{control_id}|P|2.5.1{tail}\r"
        f"PID|1||4711||CANARY^KANARIENVOGEL\r{body}"
    ).encode()


def order(control_id: str = "A1", placer: str = "P-1", control: str = "NW", text: str = "calf") -> bytes:
    return message(
        control_id, "ORM^O01", f"ORC|{control}|{placer}^CPOE\rOBR|1|{placer}^CPOE||LIM^LIMITED^L|||||||||{text}\r"
    )


def ack(control_id: str = "A1", code: str = "AA", errors: str = "") -> bytes:
    return (
        f"MSH|^~\\&|RIS|RAD|CPOE|WARD|20260101||ACK|R{control_id}|P|2.5.1\rMSA|{code}|{control_id}\r{errors}".encode()
    )


def frame(payload: bytes) -> bytes:
    return b"\x0b" + payload + b"\x1c\r"


def queued(number: int, lane: str = "orders", control_id: str = "", **more: Any) -> Queued:
    name = control_id or f"C{number}"
    item = Queued(number, "orders", lane, message(name), name.encode(), 0.0, 0, 0.0, False)
    return replace(item, **more)


class MemoryJournal:
    """A writer that keeps jobs until `commit`, so that a test can look at what happens before."""

    def __init__(self, effects: list[str] | None = None) -> None:
        self.jobs: list[Any] = []
        self.waiting_jobs: list[tuple[Any, Deferred[Any]]] = []
        self.effects = effects if effects is not None else []
        self.number = 0
        self.answers: dict[type, Callable[[Any], Any]] = {}
        self.auto = False
        self.attempts: dict[int, int] = {}

    def submit(self, job: Any) -> "Deferred[Any]":
        self.jobs.append(job)
        self.effects.append(f"submit {type(job).__name__}")
        answer: Deferred[Any] = Deferred()
        self.waiting_jobs.append((job, answer))
        if self.auto:
            self.commit()
        return answer

    def hand_in(self, job: Any, done: Callable[[Any], object], at_once: bool = False) -> None:
        self.submit(job).addCallbacks(done, lambda failure: done(failure.value))

    def commit(self) -> None:
        """Answer everything that waits, as the sync of one transaction does."""
        waiting, self.waiting_jobs = self.waiting_jobs, []
        if waiting:
            self.effects.append("commit")
        for job, answer in waiting:
            answer.callback(self._answer(job))

    def fail(self, error: Exception) -> None:
        waiting, self.waiting_jobs = self.waiting_jobs, []
        for _, answer in waiting:
            answer.errback(error)

    def _answer(self, job: Any) -> Any:
        if type(job) in self.answers:
            return self.answers[type(job)](job)
        match job:
            case RecordArrival():
                self.number += 1
                state = State.PARKED if job.park else State.QUEUED if job.forward else State.QUARANTINED
                return Recorded(self.number, None, job.answer_code, job.answer, state, bool(job.park))
            case MarkDelivered():
                return Moved(job.message_id, State.QUEUED, State.DELIVERED)
            case MarkAttempt():
                self.attempts[job.message_id] = self.attempts.get(job.message_id, 0) + int(job.counts)
                return Attempted(job.message_id, self.attempts[job.message_id])
            case Park():
                return Moved(job.message_id, State.QUEUED, State.PARKED)
            case Skip():
                return Moved(job.message_id, State.QUEUED, State.REJECTED)
            case CarryOut():
                return CarriedOut(job.request_id, job.ok, job.message, "")
        return None

    def of(self, kind: type) -> list[Any]:
        return [job for job in self.jobs if isinstance(job, kind)]


def passed(payload: bytes, reasons: tuple[str, ...] = ("no order",)) -> Verdict:
    return Verdict(payload, payload, "", "ADT^A08", "2.5.1", Action.PASS, reasons=reasons)


def upgraded(payload: bytes, placer: bytes = b"P-1^CPOE") -> Verdict:
    """Return a verdict that replaces LIM by FUL, where it stands."""
    at = payload.index(b"LIM")
    change = Modification("OBR[1]-4", at, 3, b"LIM", b"FUL", "the rule")
    one = OrderVerdict(
        1, "P-1^CPOE", "NW", "LIM^LIMITED^L", Action.UPGRADE, Action.UPGRADE, modifications=(change,), placer_key=placer
    )
    outbound = payload[:at] + b"FUL" + payload[at + 3 :]
    remember = Remembered(placer, ("LIM",), ("FUL",), "rule", "A1")
    return Verdict(
        payload, outbound, "A1", "ORM^O01", "2.5.1", Action.UPGRADE, (one,), ("upgraded",), remember=(remember,)
    )


def reviewed(payload: bytes) -> Verdict:
    one = OrderVerdict(1, "P-1^CPOE", "NW", "LIM^LIMITED^L", Action.REVIEW, Action.REVIEW, placer_key=b"P-1^CPOE")
    return Verdict(payload, payload, "A1", "ORM^O01", "2.5.1", Action.REVIEW, (one,), ("review",))


def simple_triage(payload: bytes, terms: Terms, recall: Recall | None, header: Header | None) -> Verdict | None:
    return None if b"|ORM^O01|" in payload else passed(payload)


def simple_vet(payload: bytes, terms: Terms, recall: Recall) -> Verdict:
    return upgraded(payload) if b"calf" in payload else passed(payload)


def rule(vet: Callable[..., Any] = simple_vet, triage: Callable[..., Any] = simple_triage, **more: Any) -> Rule:
    return Rule(TERMS, vet, triage, more.pop("alarms", None) or Alarms(Metrics()), **more)


class InlineWorker:
    """A vetting worker that answers when told to, in the test's own thread."""

    def __init__(self, at_once: bool = True) -> None:
        self.at_once = at_once
        self.asked: list[tuple[Callable[[], Any], Callable[..., None]]] = []

    @property
    def waiting(self) -> int:
        return len(self.asked)

    def ask(self, work: Callable[[], Any], answered: Callable[..., None]) -> None:
        self.asked.append((work, answered))
        if self.at_once:
            self.work()

    def work(self) -> None:
        while self.asked:
            work, answered = self.asked[0]
            verdict, fault = work()
            self.asked.pop(0)
            answered(verdict, fault, 0.001)

    def stop(self) -> None:
        """Nothing runs here."""


class Transport(StringTransport):
    """A transport that remembers how it ended and whether it was paused."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    @property
    def paused(self) -> bool:
        return bool(self.producerState == "paused")


class ThreadlessClock(Clock):
    """A clock that also takes calls from other threads, and runs them when it advances."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.from_threads.append((call, args))

    def run_from_threads(self) -> None:
        while self.from_threads:
            call, args = self.from_threads.pop(0)
            call(*args)


class Events(list[dict[str, Any]]):
    """The events logged while it listened."""

    @property
    def codes(self) -> list[str]:
        return [event["code"] for event in self if "code" in event]


@contextmanager
def events() -> Iterator[Events]:
    """Collect what is logged within."""
    found = Events()

    def observe(event: dict[str, Any]) -> None:
        if event.get("log_namespace") == "hl7calf":
            found.append({"code": event["code"], **event["details"], "level": event["log_level"].name})

    globalLogPublisher.addObserver(observe)
    try:
        yield found
    finally:
        globalLogPublisher.removeObserver(observe)
