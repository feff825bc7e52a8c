"""What intake does with a payload: record, commit, answer, in this order and no other."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hl7calf.calf.verdict import Fault, Verdict
from hl7calf.errors import JournalBroken, JournalFull
from hl7calf.service.answers import AnswerQueue
from hl7calf.service.intake import Arrival, Intake, IntakeParts
from hl7calf.service.journal.jobs import RecordArrival, Recorded, State
from hl7calf.service.lanes import LaneRule
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.rule import RULE_OFF
from tests.service.doubles import InlineWorker, MemoryJournal, events, message, order, passed, rule


@dataclass
class Peer:
    host: str = "192.0.2.1"
    port: int = 4000
    hung_up: bool = False

    def hang_up(self) -> None:
        self.hung_up = True


@dataclass
class Bench:
    effects: list[str] = field(default_factory=list)
    at_once: bool = True
    rule: Any = None
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = MemoryJournal(self.effects)
        self.worker = InlineWorker(self.at_once)
        self.metrics = Metrics()
        self.pressure = Pressure(100, 1_000_000)
        self.orders = OrdersInFlight(lambda key: None)
        self.rule = self.rule or rule()
        self.stored_ones: list[tuple[Arrival, Recorded]] = []
        self.failed_ones: list[tuple[Arrival, bool]] = []
        parts = IntakeParts(
            self.journal,
            self.rule,
            self.worker,
            self.orders,
            self.pressure,
            RouteMetrics(self.metrics, "orders"),
            lambda: 0.0,
        )  # type: ignore[arg-type]
        self.intake = Intake("orders", LaneRule("orders"), parts, self, **self.more)

    def prepare(self, arrival: Arrival) -> None:
        self.effects.append("prepare")
        arrival.answers = (("AA", b"the answer"),)

    def stored(self, arrival: Arrival, recorded: Recorded) -> None:
        self.effects.append("answer")
        self.stored_ones.append((arrival, recorded))

    def failed(self, arrival: Arrival, full: bool) -> None:
        self.failed_ones.append((arrival, full))

    def take(self, payload: bytes) -> Arrival:
        places = AnswerQueue(lambda data: None, lambda: None)
        arrival = Arrival(payload, Peer(), places.place(), 1000.0)
        self.intake.take(arrival)
        return arrival

    @property
    def recorded(self) -> list[RecordArrival]:
        return self.journal.of(RecordArrival)

    def shown(self, line: str) -> bool:
        return f"hl7calf_{line}" in self.metrics.exposition().decode()


def test_the_effects_are_record_commit_and_answer_in_this_order() -> None:
    bench = Bench()
    bench.take(message())
    assert bench.effects == ["prepare", "submit RecordArrival"]
    bench.journal.commit()
    assert bench.effects == ["prepare", "submit RecordArrival", "commit", "answer"]


def test_what_is_recorded_is_what_came_with_its_header_and_its_answer() -> None:
    bench = Bench()
    payload = message("A7")
    bench.take(payload)
    job = bench.recorded[0]
    assert job.receipt.payload is payload
    assert (job.receipt.route, job.receipt.peer_host, job.receipt.received_at) == ("orders", "192.0.2.1", 1000.0)
    assert (job.receipt.envelope.control_id, job.receipt.envelope.message_type) == (b"A7", "ADT^A08")
    assert (job.lane, job.lane_key, job.forward, job.answer_code, job.answer) == (
        "orders",
        b"",
        True,
        "AA",
        b"the answer",
    )


def test_p4_what_is_not_for_us_goes_on_as_the_very_same_bytes() -> None:
    bench = Bench()
    payload = message()
    bench.take(payload)
    verdict = bench.recorded[0].verdict
    assert verdict is not None and verdict.outbound is payload
    assert bench.worker.asked == []


def test_a_message_that_is_vetted_holds_its_place_before_those_behind_it() -> None:
    bench = Bench(at_once=False)
    bench.take(message("A1"))
    bench.take(order("A2"))
    bench.take(message("A3"))
    bench.take(order("A4"))
    assert [job.receipt.envelope.control_id for job in bench.recorded] == [b"A1"]
    bench.worker.work()
    assert [job.receipt.envelope.control_id for job in bench.recorded] == [b"A1", b"A2", b"A3", b"A4"]


def test_a_cancel_right_behind_its_order_sees_the_upgrade_before_it_is_stored() -> None:
    seen: list[Any] = []

    def vet(payload: bytes, terms: Any, recall: Any) -> Verdict:
        seen.append(recall(b"P-1^CPOE"))
        from tests.service.doubles import simple_vet

        return simple_vet(payload, terms, recall)

    bench = Bench(rule=rule(vet=vet))
    bench.take(order("A1"))
    bench.take(order("A2", control="CA", text=""))
    assert seen[0] is None
    assert seen[1] is not None and seen[1].after == ("FUL",)
    assert len(bench.orders) == 1
    bench.journal.commit()
    assert len(bench.orders) == 0, "now the store knows"


def test_while_orders_are_being_vetted_the_quick_look_may_not_ask_the_order_memory() -> None:
    recalls: list[Any] = []

    def triage(payload: bytes, terms: Any, recall: Any, header: Any) -> Verdict | None:
        recalls.append(recall)
        return None if b"ORM" in payload else passed(payload)

    bench = Bench(at_once=False, rule=rule(triage=triage))
    bench.take(order("A1"))
    bench.take(order("A2"))
    assert recalls[0] is not None and recalls[1] is None


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError()])
def test_invariant_5_a_quick_look_that_fails_sends_the_original_on(error: Exception) -> None:
    def triage(*_: Any) -> Verdict:
        raise error

    bench = Bench(rule=rule(triage=triage))
    with events() as seen:
        bench.take(message())
    job = bench.recorded[0]
    assert job.verdict is None and job.forward
    assert job.fault is not None and job.fault.code == "V_FAILED"
    assert seen.codes == ["V_FAILED"]
    assert bench.shown('vet_fault_total{code="V_FAILED",route="orders"} 1.0')


def test_invariant_5_a_vetting_that_fails_sends_the_original_on() -> None:
    bench = Bench(at_once=False)
    bench.take(order())
    _, answered = bench.worker.asked.pop()
    answered(None, Fault("V_TIMEOUT", "too long", "AA"), 1.0)
    job = bench.recorded[0]
    assert job.verdict is None and job.forward and job.fault is not None and job.fault.code == "V_TIMEOUT"
    bench.journal.commit()
    assert bench.effects[-1] == "answer"


def test_what_a_vetting_thread_decides_after_it_was_given_up_does_not_count() -> None:
    bench = Bench(at_once=False)
    bench.take(order())
    work, answered = bench.worker.asked.pop()
    answered(None, Fault("V_TIMEOUT", "too long", "AA"), 1.0)
    work()
    assert len(bench.orders) == 0
    assert bench.orders.recall(b"P-1^CPOE") is None


def test_invariant_6_a_change_that_is_more_than_it_declares_is_not_used() -> None:
    def vet(payload: bytes, terms: Any, recall: Any) -> Verdict:
        return replace(passed(payload), outbound=payload + b"ZZZ\r")

    bench = Bench(rule=rule(vet=vet))
    bench.take(order())
    assert bench.recorded[0].verdict is None
    fault = bench.recorded[0].fault
    assert fault is not None and fault.code == "V_INEXACT"


def test_while_the_rule_is_off_everything_goes_on_unvetted() -> None:
    bench = Bench()
    for _ in range(5):
        bench.rule.failed("V_FAILED", "orders", 0.0)
    bench.take(order())
    assert (bench.recorded[0].verdict, bench.recorded[0].fault, bench.recorded[0].forward) == (None, RULE_OFF, True)


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", "H_EMPTY"), (b"EVN|x", "H_NO_MSH"), (b"MSH|", "H_MSH_SHORT"), (message(""), "H_NO_CONTROL_ID")],
)
def test_h_rows_what_cannot_be_answered_is_kept_and_not_forwarded(payload: bytes, code: str) -> None:
    bench = Bench()
    bench.take(payload)
    job = bench.recorded[0]
    assert (job.forward, job.quarantine, job.fault and job.fault.code, job.receipt.payload) == (
        False,
        True,
        code,
        payload,
    )
    assert bench.shown(f'rejected_total{{code="{code}",route="orders"}} 1.0')


def test_h3_in_relay_a_missing_control_id_is_the_destinations_business() -> None:
    bench = Bench(more={"relay": True})
    bench.take(message(""))
    assert bench.recorded[0].forward


def test_a_refused_message_keeps_its_place_too() -> None:
    bench = Bench(at_once=False)
    bench.take(order("A1"))
    bench.take(b"rubbish")
    assert bench.recorded == []
    bench.worker.work()
    assert [job.forward for job in bench.recorded] == [True, False]


@pytest.mark.parametrize(("error", "full"), [(JournalFull("no room"), True), (JournalBroken("sync"), False)])
def test_only_a_failure_to_record_withholds_the_answer(error: Exception, full: bool) -> None:
    bench = Bench()
    arrival = bench.take(order())
    bench.journal.fail(error)
    assert bench.failed_ones == [(arrival, full)]
    assert bench.stored_ones == []
    assert len(bench.orders) == 0
    assert (bench.intake.unrecorded, bench.pressure.messages) == (0, 0)


def test_p22_what_is_not_stored_when_the_service_stops_gets_no_answer_and_is_not_stored_later() -> None:
    bench = Bench(at_once=False)
    first, second = bench.take(order("A1")), bench.take(message("A2"))
    bench.intake.stop()
    _, answered = bench.worker.asked.pop()
    answered(None, Fault("V_STOPPED", "stops", "AA"), 0.0)
    assert bench.recorded == []
    assert bench.failed_ones == [(first, False), (second, False)]
    assert (bench.intake.unrecorded, bench.pressure.messages) == (0, 0)


def test_a_resend_is_counted_apart_and_its_orders_not_again() -> None:
    bench = Bench()
    bench.journal.answers[RecordArrival] = lambda job: Recorded(1, 1, "AA", b"", State.DELIVERED)
    bench.take(order())
    bench.journal.commit()
    assert bench.shown('duplicates_total{route="orders"} 1.0')
    assert bench.shown('received_total{route="orders"} 0.0')
    assert not bench.shown("verdict_total{")


def test_orders_are_counted_by_action_and_gate_and_slow_ones_told() -> None:
    bench = Bench(at_once=False)
    with events() as seen:
        bench.take(order())
        work, answered = bench.worker.asked.pop()
        answered(*work(), 0.2)
    bench.journal.commit()
    assert bench.shown('verdict_total{action="upgrade",gate="",route="orders"} 1.0')
    assert seen == [{"code": "V_SLOW", "route": "orders", "took_ms": 200.0, "level": "warn"}]


def test_pressure_is_what_is_taken_and_not_recorded() -> None:
    bench = Bench()
    payload = message()
    bench.take(payload)
    assert (bench.pressure.messages, bench.pressure.bytes, bench.intake.unrecorded) == (1, len(payload), 1)
    bench.journal.commit()
    assert (bench.pressure.messages, bench.pressure.bytes, bench.intake.unrecorded) == (0, 0, 0)
