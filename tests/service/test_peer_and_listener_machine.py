"""P3 as a state machine: a positive answer means stored and to be forwarded; a negative one, or none, means not
forwarded, except when the outcome was unknown, and then the resend is recognised.

Real are peer, listener, reception, intake, acknowledger, writer and store; the network is a string.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from hl7calf.errors import JournalFull
from hl7calf.service.acknowledging import Acknowledger
from hl7calf.service.admission import AllowList, Door, ListenLimits
from hl7calf.service.intake import IntakeParts
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.writer import Writer
from hl7calf.service.lanes import LaneRule
from hl7calf.service.listener import Listener
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.reception import Manners, Reception
from hl7calf.wire.ack import read_ack
from hl7calf.wire.mllp import Deframer, Frame
from tests.service.doubles import InlineWorker, Transport, frame, message
from tests.service.doubles import rule as a_rule
from tests.service.stage import until
from tests.service.test_reception import Onward

SENT = st.integers(0, 10**6)
STEPS = [0]


class Gate:
    """The way to the writer, which may be full, or gone in a crash before anything was written."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.state = "open"

    def submit(self, job: Any) -> "Deferred[Any]":
        if self.state == "full":
            return fail(JournalFull("no room"))
        if self.state == "gone":
            return Deferred()
        return self.writer.submit(job)

    def hand_in(self, job: Any, done: Callable[[Any], object], at_once: bool = False) -> None:
        self.submit(job).addCallbacks(done, lambda failure: done(failure.value))


class PeerAndListener(RuleBasedStateMachine):
    """A peer that sends, tears, resends and leaves; a service that fills up and crashes."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.count = 0
        self.good: list[bytes] = []
        self.positive: set[bytes] = set()
        self.negative: set[bytes] = set()
        self.unknown: set[bytes] = set()
        self.awaited: list[bytes] = []
        self._start()

    def _start(self) -> None:
        self.store = Store.open(self.folder, "n", synchronous="NORMAL")
        self.calls: list[tuple[Any, ...]] = []
        self.writer = Writer(self.store, lambda *call: self.calls.append(call))
        self.gate = Gate(self.writer)
        self.onward = Onward()
        metrics = RouteMetrics(Metrics(), "orders")
        clock = MemoryReactorClock()
        pressure = Pressure(10**6, 10**9)
        parts = IntakeParts(
            self.gate, a_rule(), InlineWorker(), OrdersInFlight(lambda key: None), pressure, metrics, clock.seconds
        )  # type: ignore[arg-type]
        self.reception = Reception(
            "orders",
            Manners(),
            parts,
            LaneRule("orders"),
            Acknowledger("n", lambda: 0.0),
            self.onward,
            clock,
            lambda: 1000.0,
        )
        door = Door(
            ListenLimits(connections_per_listener=10**6, connections_per_address=10**6), AllowList(["192.0.2.0/24"])
        )
        self.listener = Listener("orders", door, self.reception, Deframer, pressure, metrics, 10**9, clock)
        self._connect()

    def _connect(self) -> None:
        self.peer: Any = self.listener.buildProtocol(IPv4Address("TCP", "192.0.2.1", 4000))
        self.transport = Transport()
        self.peer.makeConnection(self.transport)
        self.heard = Deframer()
        self.awaited = []

    def _send(self, payload: bytes) -> None:
        self.awaited.append(payload)
        self.peer.dataReceived(frame(payload))

    def check_invariants(self, *given: Any, **more: Any) -> None:
        """Count the step, for the figure of the long run."""
        STEPS[0] += 1
        super().check_invariants(*given, **more)

    def _settle(self) -> None:
        """Let the writer's answers come in, and read what was acknowledged."""

        def done() -> bool:
            calls, self.calls[:] = list(self.calls), []
            for call, *rest in calls:
                call(*rest)
            return self.reception.intake.unrecorded == 0

        until(done, "everything is recorded or refused")
        self._hear()

    def _hear(self) -> None:
        data, _ = self.transport.value(), self.transport.clear()
        for item in self.heard.feed(data):
            assert isinstance(item, Frame)
            ack = read_ack(item.payload)
            payload = self.awaited.pop(0)
            assert ack.control_id == payload.split(b"|")[9]
            (self.positive if ack.positive else self.negative).add(payload)

    @rule()
    def sends_a_message(self) -> None:
        self.count += 1
        self.good.append(message(f"M{self.count}"))
        self._send(self.good[-1])

    @rule()
    def sends_the_same_control_id_with_other_bytes(self) -> None:
        self.count += 1
        self.good.append(message("SAME", body=f"ZZZ|{self.count}\r"))
        self._send(self.good[-1])

    @rule()
    def sends_what_cannot_be_taken(self) -> None:
        self.count += 1
        self._send(message("", body=f"ZZZ|{self.count}\r"))

    @precondition(lambda self: self.good)
    @rule(which=SENT)
    def sends_again(self, which: int) -> None:
        self._send(self.good[which % len(self.good)])

    @rule()
    def waits_for_its_answers(self) -> None:
        self._settle()
        assert self.awaited == [], "each frame has its answer"

    @rule()
    def breaks_off_inside_a_frame(self) -> None:
        self.peer.dataReceived(b"\x0b" + message(f"T{self.count}")[:50])
        self._leave()

    @rule()
    def leaves_without_its_answers(self) -> None:
        self._leave()

    def _leave(self) -> None:
        self._hear()
        self.unknown.update(self.awaited)
        self.peer.connectionLost(Failure(ConnectionDone()))
        self._connect()

    @rule()
    def the_store_is_full_for_a_while(self) -> None:
        self._settle()
        self.gate.state = "full"
        self.count += 1
        refused = message(f"FULL{self.count}")
        self._send(refused)
        self._settle()
        self.gate.state = "open"
        assert refused in self.negative
        self.good.append(refused)

    @rule(written=st.booleans())
    def the_service_crashes(self, written: bool) -> None:
        self.gate.state = "open" if written else "gone"
        self.count += 1
        self.good.append(message(f"C{self.count}"))
        self._send(self.good[-1])
        self.unknown.update(self.awaited)
        self._stop()
        self._start()

    def _stop(self) -> None:
        """End as a crash does: what the writer has is written, nobody is told."""
        stopped: list[object] = []
        self.writer.stop().addBoth(stopped.append)

        def over() -> bool:
            for call, *rest in [call for call in self.calls if len(call) < 2]:
                call(*rest)
            return bool(stopped) or not self.writer._thread.is_alive()

        until(over, "the writer has ended")
        self.store.abandon()

    @invariant()
    def positive_means_stored_and_forwarded_and_nothing_else_is(self) -> None:
        if not hasattr(self, "transport"):
            return
        with Reader(self.folder) as reader:
            stored: list[bytes] = []
            after = 0
            while page := reader.payloads(after=after, limit=500):
                stored += [payload for line, payload in page if line.state is State.QUEUED]
                after = page[-1][0].message_id
        assert len(stored) == len(set(stored)), "nothing is forwarded twice"
        assert self.positive <= set(stored), "what was acknowledged is stored and to be forwarded"
        outstanding = self.unknown | set(self.awaited)
        assert set(stored) <= self.positive | outstanding, "nothing is forwarded that was neither promised nor unknown"
        assert not (self.negative - self.positive - outstanding) & set(stored), "what was refused is not forwarded"

    def teardown(self) -> None:
        if hasattr(self, "transport"):
            self._settle_last()
            self._stop()
            shutil.rmtree(self.folder)

    def _settle_last(self) -> None:
        """At the end the peer sends again whatever it has no answer for, and gets one."""
        self._leave()
        for payload in sorted(self.unknown & set(self.good)):
            self._send(payload)
        self._settle()
        assert self.unknown & set(self.good) <= self.positive, "the resend of an unknown one is acknowledged"
        self.positive_means_stored_and_forwarded_and_nothing_else_is()


PeerAndListener.TestCase.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
TestPeerAndListener = PeerAndListener.TestCase


@pytest.mark.soak
def test_100_000_steps_keep_the_promise() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        PeerAndListener, settings=settings(max_examples=1050, stateful_step_count=100, deadline=None)
    )
    print("steps of peer and listener:", STEPS[0])  # noqa: T201  # the figure of the soak run
