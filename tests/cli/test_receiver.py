from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from hl7calf.cli.receiver import Arrived, Manners, Receiver
from hl7calf.wire.ack import read_ack
from hl7calf.wire.mllp import Deframer, Frame, FrameFault, enframe

SENT = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|M1|P|2.5.1\rPID|1\r"


class Trial:
    def __init__(self, **manners: object) -> None:
        self.arrived: list[Arrived] = []
        self.faults: list[FrameFault] = []
        self.clock = Clock()
        self.transport = StringTransport()
        receiver = Receiver(self.clock, Manners(**manners), self.arrived.append, self.faults.append)  # type: ignore[arg-type]
        self.end = receiver.buildProtocol(None)
        self.end.makeConnection(self.transport)

    def send(self, *payloads: bytes) -> None:
        self.end.dataReceived(b"".join(map(enframe, payloads)))

    def codes(self) -> list[tuple[str, bytes]]:
        acks = [read_ack(item.payload) for item in Deframer().feed(self.transport.value()) if isinstance(item, Frame)]
        return [(ack.code, ack.control_id) for ack in acks]


def test_it_acknowledges_each_message_in_order_and_keeps_its_bytes() -> None:
    trial = Trial()
    trial.send(SENT, SENT.replace(b"M1", b"M2"))
    assert trial.codes() == [("AA", b"M1"), ("AA", b"M2")]
    assert [message.payload for message in trial.arrived] == [SENT, SENT.replace(b"M1", b"M2")]


def test_enhanced_mode_is_answered_as_msh_15_and_16_ask() -> None:
    trial = Trial()
    trial.send(
        SENT.replace(b"|2.5.1", b"|2.5.1|||AL|NE"),
        SENT.replace(b"|2.5.1", b"|2.5.1|||AL|AL"),
        SENT.replace(b"|2.5.1", b"|2.5.1|||NE|NE"),
    )
    assert [code for code, _ in trial.codes()] == ["CA", "CA", "AA"]


def test_every_second_is_refused_when_asked() -> None:
    trial = Trial(nak="AE", nak_every=2)
    trial.send(SENT, SENT, SENT, SENT)
    assert [code for code, _ in trial.codes()] == ["AA", "AE", "AA", "AE"]


def test_an_answer_can_be_late() -> None:
    trial = Trial(delay_s=2.0)
    trial.send(SENT)
    assert not trial.codes()
    trial.clock.advance(2)
    assert trial.codes() == [("AA", b"M1")]


def test_it_can_close_instead_of_answering() -> None:
    trial = Trial(close="instead")
    trial.send(SENT)
    assert not trial.codes() and trial.transport.disconnecting and len(trial.arrived) == 1


def test_it_can_close_after_answering() -> None:
    trial = Trial(close="after")
    trial.send(SENT)
    assert trial.codes() == [("AA", b"M1")] and trial.transport.disconnecting


def test_it_can_stay_silent() -> None:
    trial = Trial(silent=True)
    trial.send(SENT)
    assert not trial.codes() and not trial.transport.disconnecting


def test_it_can_answer_for_another_message() -> None:
    trial = Trial(wrong_id=True)
    trial.send(SENT)
    assert trial.codes() == [("AA", b"not-M1")]


def test_what_is_unreadable_is_refused_and_kept() -> None:
    trial = Trial()
    trial.send(b"no header at all")
    assert trial.codes() == [("AR", b"")] and trial.arrived[0].header is None


def test_what_is_no_frame_is_reported() -> None:
    trial = Trial()
    trial.end.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
    assert trial.faults and trial.transport.disconnecting
