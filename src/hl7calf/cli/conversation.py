"""The sending side of MLLP, for the commands: one message out, one answer back, in turn.

Law: one message in flight per connection. After a timeout the connection is closed, so that a late
answer can never be taken for the next message's ([Promises] A7, A8). Pure protocol: the clock and the
transport are handed in, so that tests need no socket.
"""

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from hl7calf.cli.reactor import why_lost
from hl7calf.errors import WireError
from hl7calf.wire.ack import Ack, read_ack
from hl7calf.wire.header import read_header
from hl7calf.wire.mllp import Deframer, Frame, FrameLimits, enframe


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one message.

    `ack` is None when no acknowledgment came that could be read; `why` says in plain words what is wrong
    with it, "" for nothing; `payload` are the bytes that came, if any; `after_s` how long it took.
    """

    ack: Ack | None
    payload: bytes
    why: str
    after_s: float

    @property
    def code(self) -> str:
        """MSA-1, or `-` where there was none."""
        return self.ack.code if self.ack else "-"

    @property
    def positive(self) -> bool:
        """Tell whether the receiver took this very message (AA or CA, MSA-2 echoed)."""
        return self.code in ("AA", "CA") and not self.why


class Conversation(Protocol):
    """One connection to a receiver."""

    def __init__(self, clock: Any, limits: FrameLimits | None = None) -> None:
        self._clock = clock
        self._deframer = Deframer(limits or FrameLimits())
        self._waiting: Deferred[Answer] | None = None
        self._timer: Any = None
        self._sent_at = 0.0
        self._control_id = self._previous_id = b""
        self._unframed_bytes = 0
        self.open = False
        self.unasked = 0

    def exchange(self, payload: bytes, timeout_s: float) -> Deferred[Answer]:
        """Send one payload; the answer comes when it is there, or says why none came. Never fails."""
        assert self._waiting is None, "one message in flight"
        self._waiting = Deferred()
        self._previous_id, self._control_id = self._control_id, _control_id(payload)
        self._sent_at = self._clock.seconds()
        self._timer = self._clock.callLater(timeout_s, self._too_late, timeout_s)
        waiting = self._waiting
        if self.open:
            self._write(enframe(payload))
        else:
            self._answered(None, b"", "the connection was closed before it could be sent")
        return waiting

    def close(self) -> None:
        """Close the connection; nothing more is expected on it."""
        self.open = False
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionMade(self) -> None:
        """Note that bytes can be written now."""
        self.open = True

    def dataReceived(self, data: bytes) -> None:
        """Take framed answers; anything else is named as what it is."""
        self._unframed_bytes += len(data)
        for item in self._deframer.feed(data):
            self._unframed_bytes = 0
            if isinstance(item, Frame):
                self._take(item.payload)
            else:
                self._answered(None, item.kept, f"the answer is not framed as MLLP wants it ({item.code})")
                self.close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the one who waits, if any."""
        self.open = False
        why = why_lost(reason.value)
        if self._deframer.in_frame:
            why += ", in the middle of the answer"
        elif self._unframed_bytes:
            why += " after bytes that are not MLLP"
        self._answered(None, b"", why)

    def _take(self, payload: bytes) -> None:
        try:
            ack = read_ack(payload)
        except WireError as error:
            self._answered(None, payload, f"the answer is no acknowledgment ({error.code})")
            return
        if self._waiting is None or ack.control_id == self._previous_id != self._control_id:
            self.unasked += 1  # such as the application ACK that follows a CA
        elif self._control_id and ack.control_id != self._control_id:
            self._answered(ack, payload, "MSA-2 of the answer is not MSH-10 of the message")
        else:
            self._answered(ack, payload, "")

    def _too_late(self, timeout_s: float) -> None:
        self._timer = None
        self._answered(None, b"", f"no answer within {timeout_s:g} s")
        self.open = False
        if self.transport is not None:
            getattr(self.transport, "abortConnection", self.transport.loseConnection)()

    def _answered(self, ack: Ack | None, payload: bytes, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(Answer(ack, payload, why, self._clock.seconds() - self._sent_at))

    def _write(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class Conversations(Factory):
    """Makes a `Conversation` for an endpoint to connect."""

    noisy = False

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def buildProtocol(self, addr: Any) -> Conversation:
        """Return the new connection's protocol."""
        return Conversation(self._clock)


def _control_id(payload: bytes) -> bytes:
    try:
        return read_header(payload).control_id
    except WireError:
        return b""
