from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hl7calf.service.delivery import BackOff
from hl7calf.service.destination import Talk
from hl7calf.service.lines import Lines, plain
from tests.service.doubles import Transport, ack, frame, message


class Bench:
    def __init__(self, count: int = 1, talk: Talk | None = None) -> None:
        self.clock = Clock()
        self.attempts: list[tuple[Any, Deferred[Any]]] = []
        self.changes = 0
        self.failures: list[tuple[str, float]] = []
        self.lines = Lines(
            self._connect,
            count,
            talk or Talk(),
            BackOff(1, 8, lambda: 1.0),
            self.clock,
            self._changed,
            self._failed,
            lambda: None,
        )

    def _connect(self, factory: Any) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred()
        self.attempts.append((factory, attempt))
        return attempt

    def _changed(self) -> None:
        self.changes += 1

    def _failed(self, why: str, pause_s: float) -> None:
        self.failures.append((why, pause_s))

    def connect(self) -> Any:
        factory, attempt = self.attempts.pop(0)
        line = factory.buildProtocol(None)
        line.makeConnection(Transport())
        attempt.callback(line)
        return line

    def refuse(self) -> None:
        self.attempts.pop(0)[1].errback(ConnectionRefusedError())


def test_a_connection_is_opened_when_wanted_and_then_kept() -> None:
    bench = Bench()
    assert bench.lines.free() is None
    bench.lines.want(1)
    bench.lines.want(1)
    assert len(bench.attempts) == 1
    line = bench.connect()
    assert bench.changes == 1
    assert bench.lines.free() is line
    bench.lines.want(1)
    assert bench.attempts == []


def test_no_more_connections_than_allowed_are_opened() -> None:
    bench = Bench(count=2)
    bench.lines.want(1)
    assert len(bench.attempts) == 1, "one lane needs one"
    bench.lines.want(5)
    assert len(bench.attempts) == 2


def test_a_connection_that_stands_at_once_is_one_and_not_a_thousand() -> None:
    bench = Bench(count=2)

    def at_once(factory: Any) -> Deferred[Any]:
        line = factory.buildProtocol(None)
        line.makeConnection(Transport())
        return succeed(line)

    bench.lines._connect = at_once
    bench.lines.want(1)
    assert bench.lines.open_count == 1


def test_a_busy_connection_is_not_free() -> None:
    bench = Bench()
    bench.lines.want(1)
    line = bench.connect()
    line.send(message(), b"A1", lambda end: None)
    assert bench.lines.free() is None
    line.dataReceived(frame(ack("A1")))
    assert bench.lines.free() is line


def test_a_destination_that_is_away_is_asked_ever_more_slowly() -> None:
    bench = Bench()
    for expected in (1.0, 2.0, 4.0, 8.0, 8.0):
        bench.lines.want(1)
        bench.refuse()
        assert bench.failures[-1] == ("nobody listens there (refused)", expected)
        bench.lines.want(1)
        assert bench.attempts == [], "left in peace"
        bench.clock.advance(expected)
    assert bench.changes == 5


def test_a_peer_that_takes_connections_and_drops_them_is_away_too() -> None:
    bench = Bench()
    bench.lines.want(1)
    bench.connect().connectionLost(Failure(ConnectionDone()))
    assert bench.failures[0][1] == 1.0
    bench.clock.advance(1.0)
    bench.lines.want(1)
    bench.connect().connectionLost(Failure(ConnectionDone()))
    assert bench.failures[1][1] == 2.0


def test_an_answer_ends_the_suspicion_and_a_later_loss_is_mended_at_once() -> None:
    bench = Bench()
    bench.lines.want(1)
    bench.refuse()
    bench.clock.advance(1)
    bench.lines.want(1)
    line = bench.connect()
    line.send(message(), b"A1", lambda end: bench.lines.answered())
    line.dataReceived(frame(ack("A1")))
    line.connectionLost(Failure(ConnectionDone()))
    assert len(bench.failures) == 1, "it was there, so this is no sign of its being away"
    bench.lines.want(1)
    assert len(bench.attempts) == 1


def test_a_destination_that_never_shakes_hands_is_one_connection_and_given_up_in_time() -> None:
    bench = Bench(count=2, talk=Talk(tls=True, handshake_s=3.0))
    bench.lines.want(1)
    line = bench.connect()
    for _ in range(20):
        bench.lines.want(1)
    assert bench.attempts == [] and bench.lines.free() is None, "it is not done, so no other is begun"
    bench.clock.advance(3.0)
    assert line.transport.aborted
    assert bench.failures == [("TLS: no answer in time", 1.0)]
    line.handshakeCompleted()
    assert bench.lines.open_count == 0, "too late"
    bench.clock.advance(1.0)
    bench.lines.want(1)
    bench.connect().handshakeCompleted()
    assert bench.lines.open_count == 1
    assert bench.clock.getDelayedCalls() == []


def test_closing_ends_a_handshake_too() -> None:
    bench = Bench(talk=Talk(tls=True))
    bench.lines.want(1)
    line = bench.connect()
    bench.lines.close()
    assert line.transport.aborted and bench.failures == []
    assert bench.clock.getDelayedCalls() == []


def test_after_closing_nothing_is_opened_and_what_comes_late_is_closed() -> None:
    bench = Bench(count=2)
    bench.lines.want(1)
    line = bench.connect()
    bench.lines.want(2)
    factory, attempt = bench.attempts[0]
    attempt.addErrback(lambda failure: None)
    bench.lines.close()
    assert line.transport.aborted
    late = factory.buildProtocol(None)
    late.makeConnection(Transport())
    assert late.transport.aborted
    bench.lines.want(1)
    assert bench.lines.open_count == 0
    assert bench.clock.getDelayedCalls() == []


def test_reasons_are_plain_words_or_the_errors_name() -> None:
    assert plain("DNSLookupError") == "the host name is not known"
    assert plain("SomethingElse") == "SomethingElse"
