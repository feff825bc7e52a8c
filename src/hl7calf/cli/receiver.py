"""The receiving side of MLLP, for the commands: a test receiver that can also misbehave on purpose.

Law: it keeps every payload it was given, in order of arrival, before it answers; it is no store and
promises nothing. What it does wrong, it does because `Manners` says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from hl7calf.errors import WireError
from hl7calf.wire.ack import build_ack
from hl7calf.wire.header import Header, read_header
from hl7calf.wire.mllp import Deframer, Frame, FrameFault, FrameLimits, enframe


@dataclass(frozen=True, slots=True)
class Manners:
    """How to answer.

    `nak` is the negative code for every `nak_every`-th message; `close` is `instead` (of answering) or
    `after` (answering), for every `close_every`-th; `wrong_id` answers with another MSA-2.
    """

    delay_s: float = 0.0
    nak: str | None = None
    nak_every: int = 1
    close: str | None = None
    close_every: int = 1
    silent: bool = False
    wrong_id: bool = False

    def codes(self, number: int, header: Header | None) -> tuple[str, ...]:
        """Return the codes to answer the number-th message with: `AA`, or CA and AA in enhanced mode."""
        if header is None:
            return ("AR",)
        if self.nak and number % self.nak_every == 0:
            return (self.nak,)
        if not header.accept_ack and not header.application_ack:
            return ("AA",)
        wanted = ((header.accept_ack, "CA"), (header.application_ack, "AA"))
        return tuple(code for when, code in wanted if when in ("AL", "SU"))

    def closes(self, number: int) -> str | None:
        """Return whether to close at the number-th message, and when."""
        return self.close if self.close and number % self.close_every == 0 else None


@dataclass(frozen=True, slots=True)
class Arrived:
    """One payload as it came: number (1-based, over all connections), UTC time, answer given."""

    number: int
    at: datetime
    payload: bytes
    header: Header | None
    codes: tuple[str, ...]


class Receiver(Factory):
    """All connections of one test receiver; `arrived` is called for each payload, in order."""

    noisy = False

    def __init__(
        self,
        clock: Any,
        manners: Manners,
        arrived: Callable[[Arrived], None],
        fault: Callable[[FrameFault], None] = lambda _: None,
    ) -> None:
        self.clock = clock
        self.manners = manners
        self.arrived = arrived
        self.fault = fault
        self.count = 0

    def buildProtocol(self, addr: Any) -> "ReceivingEnd":
        """Answer a new connection."""
        return ReceivingEnd(self)


class ReceivingEnd(Protocol):
    """One connection to the test receiver; answers keep the order of the messages."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._deframer = Deframer(FrameLimits())

    def dataReceived(self, data: bytes) -> None:
        """Take each frame and answer it; report what is not one."""
        for item in self._deframer.feed(data):
            if isinstance(item, Frame):
                self._take(item.payload)
            else:
                self._receiver.fault(item)
                if item.close:
                    self._close()

    def _take(self, payload: bytes) -> None:
        receiver = self._receiver
        receiver.count += 1
        number, manners = receiver.count, receiver.manners
        header = _header_or_none(payload)
        codes = () if manners.silent else manners.codes(number, header)
        closes = manners.closes(number)
        codes = () if closes == "instead" else codes
        now = datetime.now(UTC)
        receiver.arrived(Arrived(number, now, payload, header, codes))
        answers = b"".join(enframe(_answer(header, code, number, now, manners.wrong_id)) for code in codes)
        if manners.delay_s:
            receiver.clock.callLater(manners.delay_s, self._respond, answers, closes)
        else:
            self._respond(answers, closes)

    def _respond(self, answers: bytes, closes: str | None) -> None:
        if self.transport is None:
            return
        if answers:
            self.transport.write(answers)
        if closes:
            self._close()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def _header_or_none(payload: bytes) -> Header | None:
    try:
        return read_header(payload)
    except WireError:
        return None


def _answer(header: Header | None, code: str, number: int, now: datetime, wrong_id: bool) -> bytes:
    """Return one acknowledgment; with another MSA-2 when asked to be wrong."""
    ack = build_ack(header, code, f"TEST{number:08d}{code}".encode(), now.strftime("%Y%m%d%H%M%S+0000"))
    if wrong_id and header is not None:
        field = header.delimiters.field
        ack = ack.replace(b"MSA" + field + code.encode() + field, b"MSA" + field + code.encode() + field + b"not-", 1)
    return ack
