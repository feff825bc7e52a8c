import socket

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from hl7calf.service.delivery import Attempted
from hl7calf.service.destination import Destination, Talk
from hl7calf.service.journal.jobs import Outcome
from tests.service.doubles import Transport, ack, frame, message


class Owner:
    def __init__(self) -> None:
        self.told: list[str] = []

    def stands(self, destination: Destination) -> None:
        self.told.append("stands")

    def lost(self, destination: Destination, why: str) -> None:
        self.told.append(f"lost: {why}")

    def stray(self) -> None:
        self.told.append("stray")


class Bench:
    def __init__(self, talk: Talk | None = None) -> None:
        self.clock = Clock()
        self.owner = Owner()
        self.transport = Transport()
        self.line = Destination(self.clock, talk or Talk(ack_timeout_s=30), self.owner)
        self.line.makeConnection(self.transport)
        self.ends: list[Attempted] = []

    def send(self, control_id: str = "A1") -> None:
        self.line.send(message(control_id), control_id.encode(), self.ends.append)

    @property
    def outcomes(self) -> list[Outcome]:
        return [end.outcome for end in self.ends]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_message_goes_out_framed_and_its_answer_ends_the_turn(bench: Bench) -> None:
    bench.send()
    assert bench.transport.value() == frame(message("A1"))
    assert not bench.line.usable
    for byte in frame(ack("A1")):
        bench.line.dataReceived(bytes([byte]))
    assert bench.outcomes == [Outcome.DELIVERED]
    assert bench.line.usable and bench.line.used


def test_a7_no_answer_closes_the_connection_before_anybody_is_told(bench: Bench) -> None:
    order: list[str] = []
    bench.line.send(message("A1"), b"A1", lambda end: order.append(f"{end.outcome} {bench.transport.aborted}"))
    bench.clock.advance(29.9)
    assert order == []
    bench.clock.advance(0.2)
    assert order == ["unknown True"]
    assert not bench.line.usable


def test_a8_an_answer_after_that_is_heard_by_nobody(bench: Bench) -> None:
    bench.send()
    bench.clock.advance(31)
    bench.line.dataReceived(frame(ack("A1")))
    assert bench.outcomes == [Outcome.UNKNOWN]


def test_the_time_to_answer_begins_anew_with_each_message(bench: Bench) -> None:
    bench.send("A1")
    bench.clock.advance(20)
    bench.line.dataReceived(frame(ack("A1")))
    bench.send("A2")
    bench.clock.advance(20)
    assert bench.outcomes == [Outcome.DELIVERED]
    bench.clock.advance(10.1)
    assert bench.outcomes == [Outcome.DELIVERED, Outcome.UNKNOWN]


def test_a9_the_reason_names_an_answer_that_is_not_framed(bench: Bench) -> None:
    bench.send()
    bench.line.dataReceived(ack("A1"))
    bench.clock.advance(31)
    assert bench.outcomes == [Outcome.GARBLED]
    assert "framed" in bench.ends[0].why


def test_a9_another_protocol_ends_it_at_once(bench: Bench) -> None:
    bench.send()
    bench.line.dataReceived(b"HTTP/1.1 400 Bad Request\r\n" + b"x" * 2000)
    assert bench.outcomes == [Outcome.GARBLED]


def test_a10_a_connection_closed_before_or_within_the_answer_leaves_it_unknown() -> None:
    for part in (b"", frame(ack("A1"))[:10]):
        bench = Bench()
        bench.send()
        bench.line.dataReceived(part)
        bench.line.connectionLost(Failure(ConnectionDone()))
        assert bench.outcomes == [Outcome.UNKNOWN]
        assert ("in the middle" in bench.ends[0].why) is bool(part)


def test_a2_a_wrong_control_id_ends_the_connection(bench: Bench) -> None:
    bench.send("A1")
    bench.line.dataReceived(frame(ack("A2")))
    assert bench.outcomes == [Outcome.MISMATCHED]
    assert bench.transport.aborted


def test_an_answer_nobody_waits_for_is_counted_and_harms_nobody(bench: Bench) -> None:
    bench.line.dataReceived(frame(ack("A0")))
    assert bench.owner.told == ["stands", "stray"]
    bench.send("A1")
    bench.line.dataReceived(frame(ack("A1")) + frame(ack("A1")))
    assert bench.outcomes == [Outcome.DELIVERED]
    assert bench.owner.told == ["stands", "stray", "stray"]


def test_a6_the_applications_later_answer_is_not_taken_for_the_next_messages(bench: Bench) -> None:
    bench.send("A1")
    bench.line.dataReceived(frame(ack("A1", "CA")))
    bench.send("A2")
    bench.line.dataReceived(frame(ack("A1", "AA")))
    assert bench.outcomes == [Outcome.DELIVERED]
    bench.line.dataReceived(frame(ack("A2", "CA")))
    assert bench.outcomes == [Outcome.DELIVERED, Outcome.DELIVERED]


def test_with_tls_a_connection_stands_when_the_handshake_is_done() -> None:
    bench = Bench(Talk(tls=True))
    assert bench.owner.told == [] and not bench.line.usable
    bench.line.handshakeCompleted()
    assert bench.owner.told == ["stands"] and bench.line.usable


def test_the_owner_is_told_once_that_a_connection_is_gone(bench: Bench) -> None:
    bench.line.close("enough")
    bench.line.close("enough")
    bench.line.connectionLost(Failure(ConnectionDone()))
    assert bench.owner.told == ["stands", "lost: enough"]
    assert bench.clock.getDelayedCalls() == []


def tls_bench() -> Bench:
    bench = Bench(Talk(ack_timeout_s=30, tls=True))
    bench.line.handshakeCompleted()
    return bench


def alert(words: str) -> Failure:
    return Failure(SSL.Error([("SSL routines", "", words)]))


@pytest.mark.parametrize("words", ["tlsv13 alert certificate required", "tlsv1 alert unknown ca"])
def test_a_destination_that_refuses_our_certificate_after_the_handshake_has_read_nothing(words: str) -> None:
    bench = tls_bench()
    bench.send()
    bench.line.connectionLost(alert(words))
    assert bench.outcomes == [Outcome.UNREACHABLE] and not bench.line.used
    assert bench.owner.told[-1] == f"lost: TLS: {words}"


@pytest.mark.parametrize("words", ["unexpected eof while reading", "tlsv1 alert internal error"])
def test_any_other_end_of_a_tls_connection_after_a_send_is_unknown(words: str) -> None:
    bench = tls_bench()
    bench.send()
    bench.line.connectionLost(alert(words))
    assert bench.outcomes == [Outcome.UNKNOWN]


def test_a_destination_that_has_answered_once_knows_our_certificate() -> None:
    bench = tls_bench()
    bench.send("A1")
    bench.line.dataReceived(frame(ack("A1")))
    bench.send("A2")
    bench.line.connectionLost(alert("tlsv13 alert certificate expired"))
    assert bench.outcomes == [Outcome.DELIVERED, Outcome.UNKNOWN]


class Socketed(Transport):
    """A transport over a real socket, as Twisted's own has one."""

    def __init__(self, handle: socket.socket) -> None:
        super().__init__()
        self._handle = handle

    def getHandle(self) -> socket.socket:
        return self._handle


@pytest.mark.parametrize("reset", [False, True])
def test_an_end_that_is_already_there_is_seen_before_anything_is_sent(reset: bool) -> None:
    """Mirth 6147: the peer drops a kept connection, and the next message is taken for sent."""
    ours, theirs = socket.socketpair()
    line, owner = Destination(Clock(), Talk(), Owner()), Owner()
    line._owner = owner
    line.makeConnection(Socketed(ours))
    assert line.usable and owner.told == ["stands"]
    if reset:
        ours.send(b"nobody reads this")  # so that closing breaks the connection instead of ending it
    theirs.close()
    assert not line.usable
    assert owner.told == ["stands", "lost: the destination closed the connection"]
    ours.close()


def test_bytes_that_wait_are_no_end_and_are_left_where_they_are() -> None:
    ours, theirs = socket.socketpair()
    line = Destination(Clock(), Talk(), Owner())
    line.makeConnection(Socketed(ours))
    theirs.send(b"x")
    assert line.usable
    assert ours.recv(10) == b"x"
    ours.close()
    theirs.close()


def test_release_2_takes_a_commit_block_for_the_answer_and_commits_what_follows() -> None:
    bench = Bench(Talk(commits=True))
    bench.send("A1")
    bench.transport.clear()
    bench.line.dataReceived(frame(b"\x06"))
    assert (bench.ends[-1].outcome, bench.ends[-1].ack_code) == (Outcome.DELIVERED, "CA")
    bench.line.dataReceived(frame(ack("A1")))
    assert bench.transport.value() == frame(b"\x06"), "its acknowledgment is committed"
    assert "stray" not in bench.owner.told
    bench.line.dataReceived(frame(ack("A1", "AE")))
    assert bench.owner.told.count("stray") == 1, "too late to refuse, and said"
    bench.send("A2")
    bench.line.dataReceived(frame(b"\x15"))
    assert (bench.ends[-1].outcome, bench.ends[-1].ack_code) == (Outcome.REFUSED, "CE")
    bench.send("A2")
    bench.line.dataReceived(frame(ack("A2")))
    assert bench.ends[-1].outcome is Outcome.DELIVERED, "an acknowledgment without a commit block will do"
    bench.line.dataReceived(frame(b"\x06"))
    assert bench.owner.told.count("stray") == 2


def test_release_1_takes_no_commit_block() -> None:
    bench = Bench()
    bench.send()
    bench.line.dataReceived(frame(b"\x06"))
    assert bench.outcomes == [Outcome.GARBLED]
