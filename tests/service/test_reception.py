from typing import Any

import pytest
from twisted.internet.task import Clock

from hl7calf.errors import JournalBroken, JournalFull
from hl7calf.service.acknowledging import Acknowledger
from hl7calf.service.answers import AnswerQueue
from hl7calf.service.intake import IntakeParts
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, RecordArrival, Recorded, State
from hl7calf.service.journal.views import Queued
from hl7calf.service.lanes import LaneRule
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.reception import Manners, Reception
from hl7calf.wire.ack import read_ack
from hl7calf.wire.mllp import Deframer, Frame, FrameFault
from tests.service.doubles import InlineWorker, MemoryJournal, ack, events, message, order, reviewed, rule, upgraded
from tests.service.test_intake import Peer


class Onward:
    def __init__(self) -> None:
        self.fed: list[Queued] = []
        self.expected: dict[int, Any] = {}

    def feed(self, item: Queued) -> None:
        self.fed.append(item)

    def expect(self, message_id: int, answered: Any) -> None:
        self.expected[message_id] = answered


class Bench:
    def __init__(self, the_rule: Any = None, **manners: Any) -> None:
        self.journal = MemoryJournal()
        self.clock = Clock()
        self.onward = Onward()
        self.metrics = Metrics()
        self.peer = Peer()
        self.written = b""
        self.places = AnswerQueue(self._write, lambda: None)
        parts = IntakeParts(
            self.journal,
            the_rule or rule(),
            InlineWorker(),
            OrdersInFlight(lambda key: None),
            Pressure(100, 10**6),  # type: ignore[arg-type]
            RouteMetrics(self.metrics, "orders"),
            self.clock.seconds,
        )
        self.reception = Reception(
            "orders",
            Manners(**manners),
            parts,
            LaneRule("orders"),
            Acknowledger("n", lambda: 0.0),
            self.onward,
            self.clock,
            lambda: 1000.0,
        )

    def _write(self, data: bytes) -> None:
        self.written += data

    def take(self, payload: bytes) -> None:
        self.reception.take(payload, self.peer, self.places.place())

    def fault(self, fault: FrameFault) -> None:
        self.reception.fault(fault, self.peer, self.places.place())

    @property
    def answers(self) -> list[bytes]:
        return [item.payload for item in Deframer().feed(self.written) if isinstance(item, Frame)]

    @property
    def codes(self) -> list[str]:
        return [read_ack(answer).code for answer in self.answers]


def test_p2_aa_is_written_after_the_commit_and_not_before() -> None:
    bench = Bench()
    bench.take(message("A1"))
    assert bench.written == b"" and bench.onward.fed == []
    bench.journal.commit()
    assert bench.codes == ["AA"]
    assert read_ack(bench.answers[0]).control_id == b"A1"
    assert bench.answers[0] == bench.journal.jobs[0].answer, "the answer given is the one stored"


def test_what_is_handed_on_is_what_was_stored() -> None:
    bench = Bench()
    payload, changed = message("A1"), order("A2")
    bench.take(payload)
    bench.take(changed)
    bench.journal.commit()
    assert [item.message_id for item in bench.onward.fed] == [1, 2]
    assert bench.onward.fed[0].outbound is payload
    assert bench.onward.fed[1].outbound == upgraded(changed).outbound
    assert (bench.onward.fed[1].control_id, bench.onward.fed[1].lane, bench.onward.fed[1].attempts) == (
        b"A2",
        "orders",
        0,
    )


def test_p11_a_resend_is_acknowledged_again_and_not_handed_on() -> None:
    bench = Bench()
    bench.journal.answers[RecordArrival] = lambda job: Recorded(1, 1, "AA", b"first", State.DELIVERED)
    bench.take(message())
    bench.journal.commit()
    assert bench.codes == ["AA"] and bench.onward.fed == []


def test_what_is_held_behind_a_parked_message_is_acknowledged_and_not_handed_on() -> None:
    bench = Bench()
    bench.journal.answers[RecordArrival] = lambda job: Recorded(1, None, "AA", b"", State.QUEUED, held=True)
    bench.take(message())
    bench.journal.commit()
    assert bench.codes == ["AA"] and bench.onward.fed == []


def test_p3_a_refused_message_is_answered_negatively_and_not_handed_on() -> None:
    bench = Bench()
    bench.take(b"EVN|x")
    bench.take(message(""))
    bench.journal.commit()
    assert bench.codes == ["AR", "AR"] and bench.onward.fed == []
    assert b"CANARY" not in bench.written


def test_r3_a_full_disk_is_answered_ae_with_207_and_the_next_message_is_taken() -> None:
    bench = Bench()
    bench.take(message("A1"))
    bench.journal.fail(JournalFull("no room"))
    told = read_ack(bench.answers[0])
    assert (told.code, told.errors, told.control_id) == ("AE", ("207",), b"A1")
    assert bench.onward.fed == [] and not bench.peer.hung_up
    bench.take(message("A2"))
    bench.journal.commit()
    assert bench.codes == ["AE", "AA"]


def test_r5_a_broken_journal_is_answered_by_nothing() -> None:
    bench = Bench()
    bench.take(message())
    bench.journal.fail(JournalBroken("sync"))
    assert bench.written == b"" and bench.peer.hung_up


def test_a_torn_frame_is_kept_and_not_answered() -> None:
    bench = Bench()
    with events() as seen:
        bench.fault(FrameFault("F_TORN", "torn", message()[:40], close=True, answer=False))
    bench.journal.commit()
    job = bench.journal.of(RecordArrival)[0]
    assert (job.forward, job.fault.code, job.receipt.payload) == (False, "F_TORN", message()[:40])
    assert bench.written == b"" and bench.peer.hung_up
    assert seen.codes == ["F_FAULT", "H_REFUSED"]


def test_f8_and_f12_what_shows_its_header_is_answered_ar_with_its_control_id() -> None:
    bench = Bench()
    bench.fault(FrameFault("F_TOO_LARGE", "too large", message("A9"), close=True, answer=True))
    assert not bench.peer.hung_up, "the answer comes first"
    bench.journal.commit()
    assert bench.codes == ["AR"] and read_ack(bench.answers[0]).control_id == b"A9"
    assert bench.peer.hung_up


def test_f3_junk_is_neither_kept_nor_answered() -> None:
    bench = Bench()
    bench.fault(FrameFault("F_LEADING_JUNK", "another protocol", b"", close=True, answer=False))
    assert bench.journal.jobs == [] and bench.peer.hung_up and len(bench.places) == 0


def test_relay_holds_the_sender_and_passes_the_answer_on_byte_for_byte() -> None:
    bench = Bench(relay=True)
    bench.take(message("A1"))
    bench.journal.commit()
    assert bench.written == b"" and len(bench.onward.fed) == 1
    bench.onward.expected[1](ack("A1", "AE") + b"ZZZ|as it came\r")
    assert bench.answers == [ack("A1", "AE") + b"ZZZ|as it came\r"]
    assert bench.clock.getDelayedCalls() == []


def test_relay_cuts_a_sender_off_that_was_held_too_long_and_says_nothing_untrue() -> None:
    bench = Bench(relay=True, relay_hold_s=60.0)
    bench.take(message("A1"))
    bench.journal.commit()
    with events() as seen:
        bench.clock.advance(60)
    assert bench.written == b"" and bench.peer.hung_up
    assert seen.codes == ["A_RELAY_LATE"]


@pytest.mark.parametrize("state", [State.QUEUED, State.PARKED])
def test_relay_answers_a_resend_with_what_the_destination_said_or_will_say(state: State) -> None:
    bench = Bench(relay=True)
    bench.journal.answers[RecordArrival] = lambda job: Recorded(1, 1, "", b"", State.DELIVERED, delivered_ack=ack("A1"))
    bench.take(message("A1"))
    bench.journal.commit()
    assert bench.answers == [ack("A1")]
    bench.journal.answers[RecordArrival] = lambda job: Recorded(2, 2, "", b"", state)
    bench.take(message("A2"))
    bench.journal.commit()
    assert 2 in bench.onward.expected and bench.onward.fed == []


def test_relay_says_nothing_positive_of_a_message_that_was_refused_before() -> None:
    bench = Bench(relay=True)
    bench.journal.answers[RecordArrival] = lambda job: Recorded(1, 1, "", b"", State.REJECTED)
    bench.take(message("A1"))
    bench.journal.commit()
    assert bench.codes == ["AE"] and bench.onward.fed == [] and bench.onward.expected == {}


def test_relay_passes_a_message_without_control_id_on() -> None:
    bench = Bench(relay=True)
    bench.take(message(""))
    bench.journal.commit()
    assert [item.control_id for item in bench.onward.fed] == [b""]


def test_relay_may_pass_on_what_cannot_be_read() -> None:
    bench = Bench(relay=True, forward_unreadable=True)
    bench.take(b"EVN|x")
    bench.journal.commit()
    assert [item.outbound for item in bench.onward.fed] == [b"EVN|x"]


def test_an_order_for_review_goes_on_or_waits_as_the_site_says() -> None:
    looked_at = rule(vet=lambda payload, terms, recall: reviewed(payload))
    goes_on, waits = Bench(looked_at), Bench(looked_at, review_hold=True)
    for bench in (goes_on, waits):
        bench.take(order())
        bench.journal.commit()
        assert bench.codes == ["AA"]
    assert [len(bench.onward.fed) for bench in (goes_on, waits)] == [1, 0]
    assert [job.park for bench in (goes_on, waits) for job in bench.journal.of(RecordArrival)] == ["", HELD_FOR_REVIEW]
    assert len(waits.journal.jobs) == 1, "stored and parked in one transaction"
