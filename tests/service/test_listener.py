from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from hl7calf.service.admission import AllowList, Door, ListenLimits
from hl7calf.service.listener import Listener
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.pressure import Pressure
from hl7calf.wire.mllp import Deframer
from tests.service.doubles import Transport, events, frame, message
from tests.service.test_peer import FakeReception


class Bench:
    def __init__(self, unfinished_max_bytes: int = 10**9, **limits: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.metrics = Metrics()
        self.reception: Any = FakeReception()
        door = Door(ListenLimits(**limits), AllowList(["192.0.2.0/24"]))
        self.listener = Listener(
            "orders",
            door,
            self.reception,
            Deframer,
            Pressure(10, 10**6),
            RouteMetrics(self.metrics, "orders"),
            unfinished_max_bytes,
            self.reactor,
        )

    def connect(self, host: str = "192.0.2.1") -> Any:
        peer: Any = self.listener.buildProtocol(IPv4Address("TCP", host, 4000))
        if peer is not None:
            peer.makeConnection(Transport())
        return peer

    def listen(self) -> None:
        self.listener.listen(TCP4ServerEndpoint(self.reactor, 2575, interface="127.0.0.1"))

    @property
    def connections(self) -> str:
        return next(
            line for line in self.metrics.exposition().decode().splitlines() if line.startswith("hl7calf_connections{")
        ).rsplit(" ", 1)[1]


def lose(peer: Any) -> None:
    peer.connectionLost(Failure(ConnectionDone()))


def test_it_takes_the_port_and_says_so() -> None:
    bench = Bench()
    with events() as seen:
        bench.listen()
    assert bench.listener.listening
    assert [event["code"] for event in seen] == ["S_LISTEN"]
    assert bench.reactor.tcpServers[0][0] == 2575


def test_a_port_that_cannot_be_taken_is_an_error() -> None:
    class Taken:
        def listen(self, factory: Any) -> "Deferred[Any]":
            failed: Deferred[Any] = Deferred()
            failed.errback(CannotListenError("", 1, OSError(98, "in use")))
            return failed

    bench = Bench()
    found: list[Failure] = []
    bench.listener.listen(Taken()).addErrback(found.append)  # type: ignore[arg-type]
    assert found[0].check(CannotListenError) and not bench.listener.listening


def test_s1_and_p17_every_refusal_has_its_reason_in_the_log() -> None:
    bench = Bench(connections_per_listener=3, connections_per_address=2)
    with events() as seen:
        assert bench.connect("198.51.100.1") is None
        assert bench.connect() and bench.connect()
        assert bench.connect() is None
        assert bench.connect("192.0.2.2")
        assert bench.connect("192.0.2.3") is None
    assert [code for code in seen.codes if code != "C_OPEN"] == [
        "C_NOT_ALLOWED",
        "C_TOO_MANY_FROM_ADDRESS",
        "C_TOO_MANY",
    ]
    assert bench.connections == "3.0"


def test_f15_a_peer_that_comes_back_takes_the_place_of_its_dead_connection() -> None:
    bench = Bench(connections_per_address=2)
    old, busy = bench.connect(), bench.connect()
    busy.dataReceived(frame(message()))
    bench.reactor.advance(29)
    assert bench.connect() is None
    bench.reactor.advance(2)
    with events() as seen:
        assert bench.connect()
    assert old.transport.aborted and not busy.transport.aborted
    assert "C_REPLACED" in seen.codes
    lose(old)
    assert bench.connections == "2.0"
    assert bench.connect() is None


def test_a_place_that_became_free_is_given_away_again() -> None:
    bench = Bench(connections_per_address=1)
    lose(bench.connect())
    assert bench.connections == "0.0"
    assert bench.connect()


def test_silence_is_looked_at_every_second() -> None:
    bench = Bench(first_byte_timeout_s=5)
    bench.listen()
    peer = bench.connect()
    bench.reactor.advance(1)
    assert not peer.transport.aborted
    bench.reactor.pump([1] * 5)
    assert peer.transport.aborted


def test_p17_when_unfinished_frames_take_too_much_room_the_largest_gives_way() -> None:
    bench = Bench(unfinished_max_bytes=10_000)
    small, large = bench.connect(), bench.connect()
    small.dataReceived(b"\x0b" + b"s" * 2_000)
    with events() as seen:
        large.dataReceived(b"\x0b" + b"l" * 9_000)
    assert large.transport.disconnecting and not small.transport.disconnecting
    assert "C_NO_ROOM" in seen.codes
    small.dataReceived(b"\x1c\r")
    assert len(bench.reception.taken) == 1


def test_stopping_closes_the_port_and_waits_for_what_is_in_flight() -> None:
    bench = Bench()
    bench.listen()
    idle, busy = bench.connect(), bench.connect()
    busy.dataReceived(frame(message()))
    stopped: list[str] = []
    bench.listener.stop().addCallback(lambda _: stopped.append("yes"))
    assert not bench.listener.listening
    assert idle.transport.disconnecting and not busy.transport.disconnecting
    lose(idle)
    assert stopped == []
    bench.reception.places[0].fill(b"done")
    lose(busy)
    assert stopped == ["yes"]


def test_with_nobody_connected_it_stops_at_once() -> None:
    bench = Bench()
    bench.listen()
    stopped: list[str] = []
    bench.listener.stop().addCallback(lambda _: stopped.append("yes"))
    assert stopped == ["yes"]
    assert bench.reactor.getDelayedCalls() == []


@pytest.mark.parametrize("number", [1, 5])
def test_when_the_time_to_drain_is_over_everybody_is_cut_off(number: int) -> None:
    bench = Bench()
    peers = [bench.connect() for _ in range(number)]
    for peer in peers:
        peer.dataReceived(frame(message()))
    bench.listener.stop()
    bench.listener.abort()
    assert all(peer.transport.aborted for peer in peers)
