from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hl7calf.errors import JournalFull
from hl7calf.service.alarms import Alarms
from hl7calf.service.delivery import BackOff, Decider, Patience
from hl7calf.service.destination import Talk
from hl7calf.service.forwarder import Forwarder, ForwarderParts
from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Moved, NotPossible, Outcome, Park, Skip, State
from hl7calf.service.journal.views import Queued
from hl7calf.service.metrics import Metrics, RouteMetrics
from tests.service.doubles import MemoryJournal, Transport, ack, events, frame, message, queued

ON_NACK = {"AE": "retry", "AR": "park", "CE": "retry", "CR": "skip"}


class Bench:
    """A forwarder with a destination that the test plays."""

    def __init__(
        self, keyed: bool = False, connections: int = 1, relay: bool = False, stored: list[Queued] | None = None
    ) -> None:
        self.clock = Clock()
        self.journal = MemoryJournal()
        self.stored = stored or []
        self.reads = 0
        self.attempts: list[tuple[Any, Deferred[Any]]] = []
        self.lines: list[Any] = []
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.wall = 1_000_000.0
        parts = ForwarderParts(
            self.journal,
            lambda limit: self._read(limit),
            Decider(ON_NACK, Patience(max_attempts=2)),
            BackOff(1, 8, lambda: 1.0),
            RouteMetrics(self.metrics, "orders"),
            self.alarms,
            self.clock,
            lambda: self.wall + self.clock.seconds(),
        )
        self.forwarder = Forwarder(
            "orders", parts, self._connect, Talk(30), connections=connections, keyed=keyed, relay=relay
        )

    def _read(self, limit: int) -> "Deferred[list[Queued]]":
        self.reads += 1
        answer: Deferred[list[Queued]] = Deferred()
        answer.callback([item for item in self.stored if item.message_id not in self.done][:limit])
        return answer

    @property
    def done(self) -> set[int]:
        return {job.message_id for job in self.journal.jobs if isinstance(job, MarkDelivered | Park | Skip)}

    def _connect(self, factory: Any) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred()
        self.attempts.append((factory, attempt))
        return attempt

    def connect(self) -> Any:
        factory, attempt = self.attempts.pop(0)
        line = factory.buildProtocol(None)
        line.makeConnection(Transport())
        self.lines.append(line)
        attempt.callback(line)
        return line

    def sent(self, line: int = -1) -> list[bytes]:
        data: bytes = self.lines[line].transport.value()
        self.lines[line].transport.clear()
        return [part.lstrip(b"\x0b") for part in data.split(b"\x1c\r") if part]

    def answer(self, control_id: str, code: str = "AA", line: int = -1, errors: str = "") -> None:
        self.lines[line].dataReceived(frame(ack(control_id, code, errors)))

    def shown(self, name: str) -> str:
        return next(
            part.rsplit(" ", 1)[1]
            for part in self.metrics.exposition().decode().splitlines()
            if part.startswith(f"hl7calf_{name}")
        )


def started(**more: Any) -> Bench:
    bench = Bench(**more)
    bench.forwarder.start()
    return bench


def test_a_stored_message_goes_out_byte_for_byte_and_the_next_waits_for_its_mark_on_disk() -> None:
    bench = started()
    bench.forwarder.feed(queued(1))
    bench.forwarder.feed(queued(2))
    bench.connect()
    assert bench.sent() == [message("C1")]
    bench.answer("C1")
    assert bench.sent() == [], "delivered is not yet on disk"
    assert bench.journal.of(MarkDelivered)[0].ack == ack("C1")
    bench.journal.commit()
    assert bench.sent() == [message("C2")]
    assert bench.shown("delivered_total") == "1.0"


def test_what_is_in_the_store_is_sent_before_what_comes_new() -> None:
    bench = started(stored=[queued(1), queued(2)])
    bench.journal.auto = True
    bench.forwarder.feed(queued(3))
    bench.connect()
    for number in (1, 2, 3):
        assert bench.sent() == [message(f"C{number}")]
        bench.answer(f"C{number}")


def test_nothing_is_sent_before_the_start_nor_while_paused() -> None:
    bench = Bench(stored=[queued(1)])
    bench.journal.auto = True
    bench.forwarder.feed(queued(1))
    assert bench.attempts == []
    bench.forwarder.pause(True)
    bench.forwarder.start()
    assert bench.attempts == []
    bench.forwarder.pause(False)
    bench.connect()
    assert bench.sent() == [message("C1")]
    bench.forwarder.pause(True)
    bench.answer("C1")
    bench.forwarder.feed(queued(2))
    assert bench.sent() == [], "the answer in flight was the last"
    bench.forwarder.pause(False)
    assert bench.sent() == [message("C2")]


def test_a_passing_refusal_waits_and_then_goes_before_all_others() -> None:
    bench = started()
    bench.journal.auto = True
    for number in (1, 2):
        bench.forwarder.feed(queued(number))
    bench.connect()
    bench.sent()
    bench.answer("C1", "AE")
    tried = bench.journal.of(MarkAttempt)[0]
    assert (tried.outcome, tried.counts, tried.next_attempt_at - tried.at) == (Outcome.REFUSED, True, 1.0)
    assert bench.sent() == []
    bench.clock.advance(1.0)
    assert bench.sent() == [message("C1")]
    bench.answer("C1")
    assert bench.sent() == [message("C2")]


def test_after_the_last_attempt_it_is_parked_alarmed_and_the_lane_goes_on() -> None:
    bench = started(stored=[queued(1), queued(2)])
    bench.journal.auto = True
    bench.connect()
    with events() as seen:
        bench.answer("C1", "AE")
        bench.clock.advance(1.0)
        bench.answer("C1", "AE", errors="ERR|||207\r")
    parked = bench.journal.of(Park)[0]
    assert (parked.message_id, parked.outcome, parked.ack_code) == (1, Outcome.REFUSED, "AE")
    assert "D_PARKED" in seen.codes
    assert bench.sent()[-1] == message("C2")


def test_what_is_held_behind_a_parked_message_is_not_sent_from_memory() -> None:
    bench = started(stored=[queued(1), queued(2), queued(3)])
    bench.connect()
    bench.answer("C1", "AR")
    bench.stored = [queued(3)]  # the store holds 2 back: it is the same placer order as 1
    bench.journal.commit()
    assert bench.sent()[-1] == message("C3")


def test_on_nack_may_give_a_message_up() -> None:
    bench = started(stored=[queued(1), queued(2)])
    bench.journal.auto = True
    bench.connect()
    bench.answer("C1", "CR")
    assert [job.message_id for job in bench.journal.of(Skip)] == [1]
    assert bench.sent()[-1] == message("C2")


def test_a_destination_that_is_away_costs_no_message_an_attempt_and_is_told_once() -> None:
    bench = started()
    bench.journal.auto = True
    bench.forwarder.feed(queued(1))
    with events() as seen:
        for pause_s in (1.0, 2.0, 4.0, 8.0):
            bench.attempts.pop(0)[1].errback(ConnectionRefusedError())
            bench.clock.advance(pause_s)
    assert seen.codes.count("D_UNREACHABLE") == 1
    assert {(job.outcome, job.counts) for job in bench.journal.of(MarkAttempt)} == {(Outcome.UNREACHABLE, False)}
    bench.connect()
    assert bench.sent() == [message("C1")]


def test_a14_after_a_minute_it_is_an_alarm_that_ends_with_the_first_answer() -> None:
    bench = started()
    bench.journal.auto = True
    bench.forwarder.feed(queued(1))
    while bench.clock.seconds() < 70:
        if bench.attempts:
            bench.attempts.pop(0)[1].errback(ConnectionRefusedError())
        bench.clock.advance(1)
    assert [alarm.code for alarm in bench.alarms.active] == ["D_UNREACHABLE"]
    bench.clock.advance(8)
    bench.connect()
    bench.answer("C1")
    assert bench.alarms.active == []


def test_an_unanswered_send_is_unknown_and_goes_again_on_a_new_connection() -> None:
    bench = started()
    bench.journal.auto = True
    bench.forwarder.feed(queued(1))
    bench.connect()
    bench.clock.advance(30)
    assert bench.lines[0].transport.aborted
    assert bench.journal.of(MarkAttempt)[0].outcome is Outcome.UNKNOWN
    assert bench.shown("unknown_outcome_total") == "1.0"
    bench.clock.advance(1)
    bench.connect()
    assert bench.sent() == [message("C1")]


def test_a_connection_that_ends_while_nothing_is_under_way_is_mended_silently() -> None:
    bench = started()
    bench.journal.auto = True
    bench.forwarder.feed(queued(1))
    bench.connect()
    bench.answer("C1")
    bench.lines[0].connectionLost(Failure(ConnectionDone()))
    bench.forwarder.feed(queued(2))
    bench.connect()
    assert bench.sent() == [message("C2")]
    assert bench.journal.of(MarkAttempt) == []


def test_lanes_go_side_by_side_and_a_refused_one_holds_only_itself() -> None:
    bench = started(keyed=True, connections=2)
    bench.journal.auto = True
    for number, lane in ((1, "A"), (2, "A"), (3, "B"), (4, "B")):
        bench.forwarder.feed(queued(number, lane))
    bench.connect()
    bench.connect()
    assert (bench.sent(0), bench.sent(1)) == ([message("C1")], [message("C3")])
    bench.answer("C1", "AE", line=0)
    bench.answer("C3", line=1)
    assert bench.sent(0) + bench.sent(1) == [message("C4")]


def test_one_lane_uses_one_connection_however_many_there_are() -> None:
    bench = started(connections=4)
    bench.forwarder.feed(queued(1))
    bench.forwarder.feed(queued(2))
    bench.connect()
    assert bench.attempts == []
    assert bench.sent() == [message("C1")]


def test_while_the_store_has_no_room_a_delivered_message_is_neither_lost_nor_sent_again() -> None:
    bench = started()
    bench.forwarder.feed(queued(1))
    bench.forwarder.feed(queued(2))
    bench.connect()
    bench.sent()
    bench.answer("C1")
    bench.journal.fail(JournalFull("full"))
    assert bench.sent() == []
    bench.clock.advance(1.0)
    bench.journal.commit()
    assert [job.message_id for job in bench.journal.of(MarkDelivered)] == [1, 1]
    assert bench.sent() == [message("C2")]


def test_what_a_person_decided_meanwhile_stands() -> None:
    bench = started(stored=[queued(1), queued(2)])
    bench.connect()
    bench.sent()
    bench.answer("C1")
    bench.stored = [queued(2)]
    bench.journal.fail(NotPossible("message 1 was skipped"))
    assert bench.sent() == [message("C2")]


def test_a_damaged_message_is_parked_and_never_sent() -> None:
    bench = started(stored=[queued(1, outbound=None), queued(2)])
    bench.journal.auto = True
    bench.connect()
    assert bench.journal.of(Park)[0].outcome is Outcome.DAMAGED
    assert bench.sent() == [message("C2")]


@pytest.mark.parametrize("code", ["AA", "AE", "AR"])
def test_in_relay_the_sender_gets_the_answer_once_the_fate_is_on_disk(code: str) -> None:
    bench = started(relay=True)
    answered: list[bytes] = []
    bench.forwarder.expect(1, answered.append)
    bench.forwarder.feed(queued(1))
    bench.connect()
    bench.answer("C1", code)
    assert answered == []
    bench.journal.commit()
    assert answered == [ack("C1", code)]
    assert len(bench.journal.of(MarkDelivered if code == "AA" else Skip)) == 1


def test_in_relay_an_unanswered_send_is_no_answer() -> None:
    bench = started(relay=True)
    bench.journal.auto = True
    answered: list[bytes] = []
    bench.forwarder.expect(1, answered.append)
    bench.forwarder.feed(queued(1))
    bench.connect()
    bench.clock.advance(30)
    bench.clock.advance(1)
    assert answered == []
    bench.connect()
    bench.answer("C1")
    assert answered == [ack("C1")]


def test_in_relay_a_sender_that_resends_while_the_destination_is_away_does_not_fill_the_memory() -> None:
    bench = started(relay=True)
    answered: list[int] = []
    for number in range(1000):
        bench.forwarder.expect(1, lambda answer, number=number: answered.append(number))
    bench.forwarder.feed(queued(1))
    bench.connect()
    bench.answer("C1")
    bench.journal.commit()
    assert len(answered) <= 5 and answered[-1] == 999


def test_stopping_waits_for_the_answer_in_flight_and_its_mark() -> None:
    bench = started()
    bench.forwarder.feed(queued(1))
    bench.forwarder.feed(queued(2))
    bench.connect()
    bench.sent()
    stopped: list[str] = []
    bench.forwarder.stop().addCallback(lambda _: stopped.append("yes"))
    bench.answer("C1")
    assert stopped == []
    bench.journal.commit()
    assert stopped == ["yes"]
    assert bench.sent() == []
    bench.forwarder.close()
    assert bench.clock.getDelayedCalls() == []


def test_p21_a_step_of_the_wall_clock_does_not_stretch_a_pause() -> None:
    bench = started(stored=[queued(1, next_attempt_at=1_000_000.0 + 10 * 365 * 86_400)])
    bench.clock.advance(8.0)
    bench.connect()
    assert bench.sent() == [message("C1")]


def test_a_reading_that_failed_is_tried_again() -> None:
    bench = Bench(stored=[queued(1)])
    good = bench._read
    bench._read = lambda limit: _failing()  # type: ignore[method-assign]
    bench.forwarder.start()
    bench._read = good  # type: ignore[method-assign]
    bench.clock.advance(1.0)
    bench.connect()
    assert bench.sent() == [message("C1")]


def _failing() -> "Deferred[list[Queued]]":
    answer: Deferred[list[Queued]] = Deferred()
    answer.errback(JournalFull("no"))
    return answer


def test_what_was_freed_by_the_delivery_of_a_message_that_a_person_had_parked_is_sent() -> None:
    bench = started()
    bench.forwarder.feed(queued(1))
    bench.connect()
    assert len(bench.sent()) == 1
    bench.stored = [queued(2)]  # came while 1 was parked, was held behind it, and so was never fed
    bench.journal.answers[MarkDelivered] = lambda job: Moved(job.message_id, State.PARKED, State.DELIVERED, 1)
    bench.answer("C1")
    bench.journal.commit()
    assert bench.sent() == [queued(2).outbound]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_reading_that_ended_by_its_bytes_is_followed_by_another(
    damaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hl7calf.service.journal.reading_queue.MOST_BYTES", len(message("C1")))
    bench = Bench(stored=[queued(1, outbound=None) if damaged else queued(1), queued(2), queued(3)])
    read = bench._read
    bench._read = lambda limit: read(1)  # type: ignore[method-assign]
    bench.journal.auto = True
    bench.forwarder.start()
    bench.connect()
    for number in (2, 3) if damaged else (1, 2, 3):
        assert bench.sent() == [message(f"C{number}")]
        bench.answer(f"C{number}")
    assert bench.reads >= 3
