"""One connection, byte by byte, without a socket."""

from typing import Any

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hl7calf.service.admission import ListenLimits
from hl7calf.service.answers import Place
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.peer import CLOSING_S, MOST_OUTSTANDING, MllpPeer
from hl7calf.service.pressure import Pressure
from hl7calf.wire.mllp import USUAL_BLOCKS, Deframer, FrameFault, FrameLimits
from tests.service.doubles import Transport, events, frame, message


class FakeReception:
    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.places: list[Place] = []
        self.faults: list[FrameFault] = []

    def take(self, payload: bytes, peer: Any, place: Place) -> None:
        self.taken.append(payload)
        self.places.append(place)

    def fault(self, fault: FrameFault, peer: Any, place: Place) -> None:
        self.faults.append(fault)
        place.fill()
        if fault.close:
            peer.hang_up()


class Floor:
    route = "orders"
    blocks = USUAL_BLOCKS
    commits = False
    limits = ListenLimits(first_byte_timeout_s=10, frame_timeout_s=60, idle_timeout_s=300)

    def __init__(self, pressure: Pressure | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.pressure = pressure or Pressure(1000, 10**9)
        self.metrics_of_all = Metrics()
        self.metrics = RouteMetrics(self.metrics_of_all, "orders")
        self.reception: Any = FakeReception()
        self.seconds = self.clock.seconds
        self.gone: list[MllpPeer] = []
        self.rooms: list[int] = []

    def room_for(self, peer: MllpPeer, size_bytes: int) -> None:
        peer.unfinished_bytes = size_bytes
        self.rooms.append(size_bytes)

    def left(self, peer: MllpPeer) -> None:
        self.gone.append(peer)


class Bench:
    def __init__(self, **more: Any) -> None:
        self.floor = Floor(**more)
        self.reception: FakeReception = self.floor.reception
        self.transport = Transport()
        self.peer = MllpPeer(self.floor, Deframer(FrameLimits(10_000)), "192.0.2.1", 4000)
        self.peer.makeConnection(self.transport)

    def later(self, seconds: float) -> None:
        self.floor.clock.advance(seconds)
        self.peer.sweep(self.floor.seconds())

    def lose(self) -> None:
        self.peer.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_f1_f2_frames_however_they_are_cut_come_out_whole_and_in_order(bench: Bench) -> None:
    stream = frame(message("A1")) + frame(message("A2"))
    for byte in stream:
        bench.peer.dataReceived(bytes([byte]))
    bench.peer.dataReceived(stream)
    assert bench.reception.taken == [message("A1"), message("A2")] * 2


def test_answers_go_out_framed_and_in_the_order_of_the_frames(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message("A1")) + frame(message("A2")))
    bench.reception.places[1].fill(b"two")
    assert bench.transport.value() == b""
    bench.reception.places[0].fill(b"one")
    assert bench.transport.value() == frame(b"one") + frame(b"two")


def test_f5_a_frame_without_cr_that_nothing_follows_is_taken_after_a_while(bench: Bench) -> None:
    bench.peer.dataReceived(b"\x0b" + message("A1") + b"\x1c")
    bench.later(1)
    assert bench.reception.taken == []
    bench.later(1.5)
    assert bench.reception.taken == [message("A1")]


def test_tolerated_oddities_are_counted_each_time_and_told_once(bench: Bench) -> None:
    with events() as seen:
        for _ in range(3):
            bench.peer.dataReceived(b"\r\n\x0b" + message("A\x1cB") + b"\x1c\r")
    assert [event["fault"] for event in seen if event["code"] == "F_TOLERATED"].count("F_CTRL_IN_DATA") == 1
    assert (
        'frame_fault_total{code="F_CTRL_IN_DATA",route="orders"} 3.0'
        in bench.floor.metrics_of_all.exposition().decode()
    )


def test_f3_another_protocol_is_cut_off_and_its_text_not_told(bench: Bench) -> None:
    with events() as seen:
        bench.peer.dataReceived(b"GET /KANARIENVOGEL HTTP/1.1\r\n\r\n")
    assert bench.reception.faults[0].code == "F_LEADING_JUNK"
    assert bench.transport.disconnecting
    assert "KANARIENVOGEL" not in str(seen)
    bench.peer.dataReceived(frame(message()))
    assert bench.reception.taken == [], "nothing is taken from who was told to go"


def test_f14_a_frame_that_does_not_end_in_time_is_kept_and_the_peer_cut_off(bench: Bench) -> None:
    with events() as seen:
        for _ in range(6):
            bench.peer.dataReceived(b"\x0b" + message("A1")[:20] if not bench.floor.rooms else b"x")
            bench.later(10.5)
    assert "F_SLOW" in seen.codes
    fault = bench.reception.faults[0]
    assert (fault.code, fault.close, fault.answer) == ("F_TORN", True, True)
    assert bench.transport.disconnecting


def test_a_frame_that_ended_lets_the_next_one_have_its_own_time(bench: Bench) -> None:
    bench.peer.dataReceived(b"\x0bhalf")
    bench.later(50)
    bench.peer.dataReceived(b" whole\x1c\r\x0bnext half")
    bench.later(50)
    assert not bench.transport.disconnecting


def test_a_new_connection_that_says_nothing_is_closed(bench: Bench) -> None:
    with events() as seen:
        bench.later(9)
        assert not bench.transport.aborted
        bench.later(1)
    assert bench.transport.aborted and seen.codes == ["C_NO_FIRST_BYTE"]


def test_a_silent_connection_is_closed_unless_its_answer_is_outstanding(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message()))
    bench.later(1000)
    assert not bench.transport.aborted
    bench.reception.places[0].fill(b"done")
    bench.later(1)
    assert bench.transport.aborted


def test_f17_a_peer_that_half_closes_is_answered_and_then_closed(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message()))
    bench.peer.readConnectionLost()
    assert not bench.transport.disconnecting
    bench.reception.places[0].fill(b"done")
    assert bench.transport.value() == frame(b"done")
    assert bench.transport.disconnecting


def test_f18_a_frame_torn_by_the_end_is_kept_once(bench: Bench) -> None:
    bench.peer.dataReceived(b"\x0b" + message()[:30])
    bench.peer.readConnectionLost()
    bench.lose()
    assert [fault.code for fault in bench.reception.faults] == ["F_TORN"]


def test_f16_answers_that_can_no_longer_be_given_are_told(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message()) * 3)
    with events() as seen:
        bench.lose()
    assert {"code": "A_ACK_UNDELIVERED", "route": "orders", "peer": "192.0.2.1", "answers": 3, "level": "warn"} in seen
    bench.reception.places[0].fill(b"late")
    assert bench.transport.value() == b""
    assert bench.floor.gone == [bench.peer]


def test_while_the_store_is_behind_who_sends_is_paused() -> None:
    pressure = Pressure(2, 10**9)
    bench = Bench(pressure=pressure)
    for _ in range(3):
        pressure.add(1)
    bench.peer.dataReceived(frame(message()))
    assert bench.transport.paused
    bench.later(1000)
    assert not bench.transport.aborted, "we do not listen, so its silence is ours"
    pressure.remove(1)
    pressure.remove(1)
    assert not bench.transport.paused
    bench.reception.places[0].fill(b"done")
    bench.later(299)
    assert not bench.transport.aborted, "its time begins when it may speak again"


def test_a_peer_with_too_many_answers_outstanding_is_paused(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message()) * (MOST_OUTSTANDING + 1))
    assert bench.transport.paused
    for place in bench.reception.places[: MOST_OUTSTANDING // 2 + 2]:
        place.fill(b"done")
    assert not bench.transport.paused


def test_a_peer_that_does_not_read_its_answers_is_not_read_either(bench: Bench) -> None:
    bench.peer.pauseProducing()
    assert bench.transport.paused
    bench.peer.resumeProducing()
    assert not bench.transport.paused


def test_stopping_takes_no_new_frames_and_answers_what_is_in_flight(bench: Bench) -> None:
    bench.peer.dataReceived(frame(message()))
    bench.peer.stop_taking()
    assert bench.transport.paused and not bench.transport.disconnecting
    bench.reception.places[0].fill(b"done")
    assert bench.transport.value() == frame(b"done") and bench.transport.disconnecting


def test_who_was_told_to_go_and_stays_is_cut_off(bench: Bench) -> None:
    bench.peer.hang_up()
    bench.later(CLOSING_S - 0.1)
    assert not bench.transport.aborted
    bench.later(0.2)
    assert bench.transport.aborted


def test_nothing_is_taken_from_who_was_told_to_go(bench: Bench) -> None:
    bench.peer.hang_up()
    bench.peer.dataReceived(frame(message()))
    assert bench.reception.taken == []


def test_a_frame_that_came_in_two_pieces_is_not_unfinished_any_more(bench: Bench) -> None:
    whole = frame(message())
    bench.peer.dataReceived(whole[:20])
    bench.peer.dataReceived(whole[20:])
    bench.reception.places[0].fill(b"done")
    with events() as seen:
        bench.later(100)
    assert seen.codes == []
    assert bench.reception.faults == [] and not bench.transport.disconnecting


def test_what_an_unfinished_frame_holds_is_told_to_the_floor(bench: Bench) -> None:
    bench.peer.dataReceived(b"\x0b" + b"x" * 5000)
    bench.peer.dataReceived(b"y" * 100 + b"\x1c\r")
    assert bench.floor.rooms[0] >= 5000 and bench.floor.rooms[-1] == 0


def test_f15_a_line_that_breaks_inside_a_frame_is_a_dead_peer_to_whom_no_answer_was_owed(bench: Bench) -> None:
    bench.reception.fault = lambda fault, peer, place: None  # type: ignore[method-assign]  # recorded, not yet stored
    bench.peer.dataReceived(frame(message())[:40])
    bench.floor.clock.advance(bench.floor.limits.keepalive_s + 1)
    with events() as seen:
        bench.peer.connectionLost(Failure(ConnectionLost()))
    assert seen.codes == ["C_DEAD_PEER", "C_CLOSED"]
