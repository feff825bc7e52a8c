import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from hl7calf.cli.conversation import Answer, Conversation

SENT = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|M1|P|2.5.1\rPID|1\r"


def ack(code: bytes = b"AA", control_id: bytes = b"M1") -> bytes:
    return b"\x0bMSH|^~\\&|C|D|A|B|20260101||ACK|9|P|2.5.1\rMSA|" + code + b"|" + control_id + b"\r\x1c\r"


class Talk:
    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.conversation = Conversation(self.clock)
        self.conversation.makeConnection(self.transport)

    def send(self, payload: bytes = SENT) -> list[Answer]:
        got: list[Answer] = []
        waiting: Deferred[Answer] = self.conversation.exchange(payload, 30)
        waiting.addCallback(got.append)
        return got


def test_the_payload_goes_out_framed_and_the_answer_comes_back() -> None:
    talk = Talk()
    got = talk.send()
    assert talk.transport.value() == b"\x0b" + SENT + b"\x1c\r"
    talk.clock.advance(0.25)
    talk.conversation.dataReceived(ack())
    assert (got[0].code, got[0].positive, got[0].after_s) == ("AA", True, 0.25)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_answer_may_come_in_any_pieces(size: int) -> None:
    talk = Talk()
    got = talk.send()
    data = ack(b"AE")
    for start in range(0, len(data), size):
        talk.conversation.dataReceived(data[start : start + size])
    assert (got[0].code, got[0].positive) == ("AE", False)


def test_an_answer_for_another_message_is_not_positive() -> None:
    talk = Talk()
    got = talk.send()
    talk.conversation.dataReceived(ack(control_id=b"OTHER"))
    assert not got[0].positive and "MSA-2" in got[0].why


def test_the_application_ack_after_a_commit_ack_is_not_taken_for_the_next_message() -> None:
    talk = Talk()
    talk.send()
    talk.conversation.dataReceived(ack(b"CA"))
    got = talk.send(SENT.replace(b"M1", b"M2"))
    talk.conversation.dataReceived(ack(b"AA", b"M1"))
    assert not got and talk.conversation.unasked == 1
    talk.conversation.dataReceived(ack(b"CA", b"M2"))
    assert got[0].code == "CA"


def test_after_a_timeout_the_connection_is_closed_so_that_no_late_answer_is_taken() -> None:
    talk = Talk()
    got = talk.send()
    talk.clock.advance(30)
    assert got[0].why == "no answer within 30 s"
    assert talk.transport.disconnecting and not talk.conversation.open
    talk.conversation.dataReceived(ack())
    assert len(got) == 1


def test_a_connection_that_closes_before_the_answer_is_no_answer() -> None:
    talk = Talk()
    got = talk.send()
    talk.conversation.connectionLost(Failure(ConnectionDone()))
    assert (got[0].code, got[0].why) == ("-", "the other side closed the connection")
    assert talk.send()[0].why == "the connection was closed before it could be sent"


def test_a_connection_that_breaks_in_the_middle_of_the_answer_says_so() -> None:
    talk = Talk()
    got = talk.send()
    talk.conversation.dataReceived(ack()[:20])
    talk.conversation.connectionLost(Failure(ConnectionLost()))
    assert got[0].why == "the connection broke, in the middle of the answer"


def test_http_instead_of_an_answer_is_named() -> None:
    talk = Talk()
    got = talk.send()
    talk.conversation.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    talk.conversation.connectionLost(Failure(ConnectionDone()))
    assert "not" in got[0].why and "MLLP" in got[0].why


def test_a_message_that_is_no_acknowledgment_is_named() -> None:
    talk = Talk()
    got = talk.send()
    talk.conversation.dataReceived(b"\x0b" + SENT + b"\x1c\r")
    assert "no acknowledgment" in got[0].why


def test_no_timer_is_left_behind() -> None:
    talk = Talk()
    talk.send()
    talk.conversation.dataReceived(ack())
    assert not talk.clock.getDelayedCalls()
