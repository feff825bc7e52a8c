"""From a payload to a stored message: vetted, recorded, then answered, all in the order of arrival.

Law: the effects are record, commit, answer, in this order and no other (invariant 2). A fault of vetting sends
the original on (invariant 5); only a failure to record withholds the positive answer. A message that needs the
full vetting keeps its place: what came behind it is recorded behind it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from hl7calf.calf.verdict import Action, Fault, Verdict
from hl7calf.errors import JournalFull, WireError
from hl7calf.service.answers import Place
from hl7calf.service.events import emit
from hl7calf.service.journal.jobs import Envelope, Receipt, RecordArrival, Recorded
from hl7calf.service.lanes import LaneRule
from hl7calf.service.metrics import RouteMetrics
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.rule import RULE_OFF, RouteRule, Rule
from hl7calf.service.vetworker import VetWorker
from hl7calf.wire.header import Header, read_header

TRAINING = Fault("H_TRAINING", "a message for training or debugging; the route passes it on unchanged", "AA")
NO_BATCHES = Fault("H_BATCH", "this route takes no batches", "AR")
NO_CONTROL_ID = Fault("H_NO_CONTROL_ID", "MSH-10 is empty, so it could not be acknowledged", "AR")


class RecordsArrivals(Protocol):
    """What intake needs of the journal's writer."""

    def hand_in(self, job: RecordArrival, done: Callable[[Any], object]) -> None:
        """Record in a group commit; `done` is called when it is on disk, or with why it is not."""


class Peer(Protocol):
    """The connection a payload came on."""

    host: str
    port: int

    def hang_up(self) -> None:
        """Close after what was answered."""


@dataclass(slots=True)
class Arrival:
    """One payload on its way to the disk.

    Attributes:
        place: where its answer goes.
        silent: it gets no answer (a torn frame).
        close: the connection ends after its answer.
        answers: code and bytes of each acknowledgment, once they are known.
        park: why a person must look before it goes, if one must.
        given_up: its vetting failed; what the vetting thread still decides does not count.
        settle: takes the verdict's decisions off the order memory in flight.
    """

    payload: bytes
    peer: Peer
    place: Place
    received_at: float
    silent: bool = False
    close: bool = False
    header: Header | None = None
    verdict: Verdict | None = None
    fault: Fault | None = None
    forward: bool = True
    lane: str = ""
    answers: tuple[tuple[str, bytes], ...] = ()
    park: str = ""
    ready: bool = False
    given_up: bool = False
    settle: Callable[[], None] | None = None


class Outcomes(Protocol):
    """Who is told what became of an arrival."""

    def prepare(self, arrival: Arrival) -> None:
        """Fill in `answers` and `park` before the arrival is recorded."""

    def stored(self, arrival: Arrival, recorded: Recorded) -> None:
        """It is on disk."""

    def failed(self, arrival: Arrival, full: bool) -> None:
        """It is not: there was no room, or (not `full`) the journal is broken."""


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """What the intake of a route works with."""

    writer: RecordsArrivals
    rule: Rule | RouteRule
    worker: VetWorker
    orders: OrdersInFlight
    pressure: Pressure
    metrics: RouteMetrics
    seconds: Callable[[], float]


class Intake:
    """The intake of one route.

    Args:
        route: its name.
        lanes: tells a message's lane.
        outcomes: prepares the answers and is told what became of each arrival.
        relay: the destination answers, so a message without MSH-10 is no fault.
        forward_unreadable: what has no readable header goes on too (relay only).
        budget_s: a vetting longer than this is logged.
        pass_training: what is for training or debugging goes on without vetting.
        refuse_batches: FHS and BHS are answered with AR (H10).
    """

    def __init__(
        self, route: str, lanes: LaneRule, parts: IntakeParts, outcomes: Outcomes, *, relay: bool = False,
        forward_unreadable: bool = False, budget_s: float = 0.05, pass_training: bool = False,
        refuse_batches: bool = False,
    ) -> None:  # fmt: skip
        self._route = route
        self._lanes = lanes
        self._parts = parts
        self._relay = relay
        self._forward_unreadable = forward_unreadable
        self._budget_s = budget_s
        self._pass_training = pass_training
        self._refuse_batches = refuse_batches
        self._outcomes = outcomes
        self._order: deque[Arrival] = deque()
        self._stopped = False
        self.unrecorded = 0

    def take(self, arrival: Arrival) -> None:
        """Take one payload whose header was not read yet."""
        try:
            arrival.header = read_header(arrival.payload)
        except WireError as wrong:
            self.refuse(arrival, Fault(wrong.code, wrong.why, wrong.ack), forward=self._forward_unreadable)
            return
        if not arrival.header.control_id and not self._relay:
            self.refuse(arrival, NO_CONTROL_ID)
            return
        if self._refuse_batches and arrival.header.is_batch:
            self.refuse(arrival, NO_BATCHES)
            return
        self._admit(arrival)
        arrival.fault = self._exempt(arrival.header)
        if arrival.fault is not None:
            self._ready(arrival)
            return
        parts = self._parts
        try:
            recall = None if parts.worker.waiting else parts.orders.recall
            arrival.verdict = parts.rule.triage(arrival.payload, recall, arrival.header)
        except Exception as wrong:  # whatever the rule does, the order goes on (P8)
            self._give_up(arrival, Fault("V_FAILED", f"triage failed with {type(wrong).__name__}", "AA"))
            self._ready(arrival)
            return
        if arrival.verdict is None:
            self._vet(arrival)
        else:
            self._ready(arrival)

    def _exempt(self, header: Header) -> Fault | None:
        """Return why a message goes on without vetting; mark what is for training (H15)."""
        if header.field(11)[:1] in (b"T", b"D"):
            emit("H_TRAINING", "info", route=self._route, passed=self._pass_training)
            if self._pass_training:
                return TRAINING
        return None if self._parts.rule.on else RULE_OFF

    def refuse(self, arrival: Arrival, fault: Fault, forward: bool = False) -> None:
        """Keep what cannot be taken in quarantine, in its place among the others."""
        arrival.fault = fault
        arrival.forward = forward
        self._admit(arrival)
        self._parts.metrics.rejected(fault.code)
        emit("H_REFUSED", "warn", route=self._route, fault=fault.code, size_bytes=len(arrival.payload))
        self._ready(arrival)

    def stop(self) -> None:
        """Record nothing more: what has not been stored by now gets no answer, and comes again from its sender."""
        self._stopped = True

    def _admit(self, arrival: Arrival) -> None:
        self.unrecorded += 1
        self._parts.pressure.add(len(arrival.payload))
        self._order.append(arrival)

    def _vet(self, arrival: Arrival) -> None:
        parts = self._parts

        def work() -> tuple[Verdict | None, Fault | None]:
            verdict, fault = parts.rule.vet(arrival.payload, parts.orders.recall)
            if verdict is not None:
                arrival.settle = parts.orders.note(verdict)
                if arrival.given_up:
                    arrival.settle()
            return verdict, fault

        def answered(verdict: Verdict | None, fault: Fault | None, took_s: float) -> None:
            parts.metrics.vet_seconds(took_s)
            if took_s > self._budget_s:
                emit("V_SLOW", "warn", route=self._route, took_ms=round(took_s * 1000, 1))
            arrival.verdict = verdict
            if fault is not None:
                self._give_up(arrival, fault)
            self._ready(arrival)

        parts.worker.ask(work, answered)

    def _give_up(self, arrival: Arrival, fault: Fault) -> None:
        arrival.given_up = True
        if arrival.settle is not None:
            arrival.settle()
        arrival.fault = fault
        self._parts.metrics.vet_fault(fault.code)
        if fault.code != "V_STOPPED":
            self._parts.rule.failed(fault.code, self._route, self._parts.seconds())

    def _ready(self, arrival: Arrival) -> None:
        """Give the ready head of the line to the writer."""
        arrival.ready = True
        order = self._order
        while order and order[0].ready:
            first = order.popleft()
            if self._stopped:
                self._leave(first)
                self._outcomes.failed(first, False)
            else:
                self._record(first)

    def _record(self, arrival: Arrival) -> None:
        header = arrival.header
        receipt = Receipt(
            self._route, arrival.peer.host, arrival.peer.port, arrival.received_at, arrival.payload,
            Envelope() if header is None else envelope_of(header, arrival.verdict),
        )  # fmt: skip
        self._outcomes.prepare(arrival)
        arrival.lane, key = self._lanes.of(arrival.payload, header)
        code, answer = arrival.answers[-1] if arrival.answers else ("", b"")
        job = RecordArrival(
            receipt, arrival.verdict, arrival.fault, arrival.lane, arrival.forward, lane_key=key, answer_code=code,
            answer=answer, park=arrival.park,
        )  # fmt: skip
        self._parts.writer.hand_in(job, partial(self._answered, arrival))

    def _answered(self, arrival: Arrival, recorded: Recorded | Exception) -> None:
        self._leave(arrival)
        if isinstance(recorded, Exception):
            self._outcomes.failed(arrival, isinstance(recorded, JournalFull))
            return
        metrics = self._parts.metrics
        if recorded.duplicate_of is not None:
            metrics.duplicates()
        else:
            metrics.received()
            self._count_orders(arrival.verdict)
        self._outcomes.stored(arrival, recorded)

    def _leave(self, arrival: Arrival) -> None:
        self.unrecorded -= 1
        self._parts.pressure.remove(len(arrival.payload))
        if arrival.settle is not None:
            arrival.settle()

    def _count_orders(self, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        for order in verdict.orders:
            self._parts.metrics.verdict(order.action.value, order.gates[0].code if order.gates else "")
            if order.action is Action.REVIEW:
                emit("V_REVIEW", "warn", route=self._route, gate=order.gates[0].code if order.gates else "")


def envelope_of(header: Header, verdict: Verdict | None) -> Envelope:
    """Return what the journal keeps of a header; a verdict has read some of it already."""
    known = verdict is not None and verdict.message_type
    return Envelope(
        header.sending_application,
        header.sending_facility,
        header.receiving_application,
        header.receiving_facility,
        verdict.message_type if verdict is not None and known else header.message_type,
        header.control_id,
        verdict.version if verdict is not None and known else header.version,
    )
