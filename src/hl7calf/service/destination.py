"""One connection to a destination: one message out, one answer back.

Law: nothing is sent while an answer is outstanding. When it does not come in time the connection is closed first,
so that a late answer can never be taken for the next message's (Mirth 1441). Before a kept connection is used it is
looked at: an end that is already there means nothing was sent (Mirth 6147). Whatever nobody waits for is counted.
"""

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Shape

from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from hl7calf.errors import WireError
from hl7calf.service.delivery import Attempted, garbled, judge, unanswered, unreachable
from hl7calf.service.events import error_name
from hl7calf.service.journal.jobs import Outcome
from hl7calf.service.tls import raw_socket, tls_refusal
from hl7calf.wire.ack import read_ack
from hl7calf.wire.frames import COMMITTED, NOT_COMMITTED
from hl7calf.wire.mllp import USUAL_BLOCKS, Blocks, Deframer, Frame, FrameLimits, enframe

_ANSWER_LIMITS = FrameLimits(max_frame_bytes=1024 * 1024)  # an acknowledgment with many ERR; ORR with its orders
_REMEMBERED_ACCEPTS = 64
_REFUSES_US = ("certificate", "unknown ca", "access denied")  # words of the alerts about a client (RFC 8446 §6.2)


@dataclass(frozen=True, slots=True)
class Talk:
    """How to talk to a destination.

    Args:
        tolerant: takes an answer whose MSA-2 is empty.
        tls: a connection stands when the handshake is done, not before.
        blocks: its block characters.
        dead_after_s: bytes that the other machine does not take are given up after this (F15).
        handshake_s: TLS must be agreed within this time.
        commits: it speaks MLLP Release 2: its commit block is the answer, and its acknowledgments want one too.
    """

    ack_timeout_s: float = 30.0
    tolerant: bool = False
    tls: bool = False
    blocks: Blocks = USUAL_BLOCKS
    dead_after_s: float = 30.0
    handshake_s: float = 10.0
    commits: bool = False


class Owner(Shape):
    """Who opened a connection and is told about it."""

    def stands(self, destination: "Destination") -> None:
        """The connection can be used from now on."""

    def lost(self, destination: "Destination", why: str) -> None:
        """The connection is gone; called once."""

    def stray(self) -> None:
        """An answer came that nobody waits for."""


@implementer(IHandshakeListener)
class Destination(Protocol):
    """A connection that was made.

    Args:
        clock: `seconds` and `callLater`.

    Attributes:
        stood: it could be used at some time.
        used: a message was sent on it.
    """

    def __init__(self, clock: Any, talk: Talk, owner: Owner) -> None:
        self._clock = clock
        self._talk = talk
        self._owner = owner
        self._deframer = Deframer(_ANSWER_LIMITS, talk.blocks)
        self._control_id = b""
        self._answered: Callable[[Attempted], None] | None = None
        self._deadline = 0.0
        self._timer: Any = None
        self._accepted: deque[bytes] = deque(maxlen=_REMEMBERED_ACCEPTS)
        self._junk = False
        self._heard = False  # anything, ever
        self._gone = False
        self.stood = False
        self.used = False

    def connectionMade(self) -> None:
        """Set the socket up."""
        transport = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
            _user_timeout(raw_socket(transport), self._talk.dead_after_s)
        if self._talk.tls:
            self._timer = self._clock.callLater(self._talk.handshake_s, self.close, "TLS: no answer in time")
        else:
            self._stands()

    def handshakeCompleted(self) -> None:
        """TLS is agreed and the other side's name checked."""
        if not self._gone:
            self._timer.cancel()
            self._timer = None
            self._stands()

    def _stands(self) -> None:
        self.stood = True
        self._owner.stands(self)

    @property
    def usable(self) -> bool:
        """Tell whether a message may be sent now: open, and the other side has not ended it."""
        if not self.stood or self._gone or self._answered is not None:
            return False
        if not _ended(self.transport):
            return True
        self.close("the destination closed the connection")
        return False

    def send(self, payload: bytes, control_id: bytes, answered: Callable[[Attempted], None]) -> None:
        """Send one payload; `answered` is called exactly once, also when no answer comes."""
        assert self._answered is None and self.transport is not None
        self.used = True
        self._control_id = control_id
        self._answered = answered
        self._deadline = self._clock.seconds() + self._talk.ack_timeout_s
        if self._timer is None:
            self._timer = self._clock.callLater(self._talk.ack_timeout_s, self._look)
        self.transport.write(enframe(payload, self._talk.blocks))

    def dataReceived(self, data: bytes) -> None:
        """Take what the destination says."""
        self._heard = True
        items = self._deframer.feed(data)
        if not items and self._answered is not None and not self._deframer.in_frame:
            self._junk = True
        for item in items:
            if isinstance(item, Frame) and self._talk.commits:
                self._take_commit(item.payload)
            elif isinstance(item, Frame):
                self._take(item.payload)
            else:
                why = f"the answer is not framed as MLLP wants it ({item.code})"
                self._end(garbled(why, item.kept), why)

    def _take_commit(self, answer: bytes) -> None:
        """Take what a destination of Release 2 says: a commit block ends the turn, the application speaks later."""
        if answer not in (COMMITTED, NOT_COMMITTED):
            if self.transport is not None:
                self.transport.write(enframe(COMMITTED, self._talk.blocks))
            if not (self._belongs_to_an_accepted_one(answer) and read_ack(answer).positive):
                self._take(answer)
            return
        if self._answered is None:
            self._owner.stray()
            return
        answered, self._answered = self._answered, None
        if answer == COMMITTED:
            self._accepted.append(self._control_id)
            answered(Attempted(Outcome.DELIVERED, "", "CA", answer))
        else:
            answered(Attempted(Outcome.REFUSED, "not committed (0x15)", "CE", answer))

    def _take(self, answer: bytes) -> None:
        if self._answered is None or self._belongs_to_an_accepted_one(answer):
            self._owner.stray()
            return
        attempted = judge(answer, self._control_id, self._talk.tolerant)
        if attempted.ack_code == "CA":
            self._accepted.append(self._control_id)
        if attempted.reconnect:
            self._end(attempted, attempted.why)
            return
        answered, self._answered = self._answered, None
        answered(attempted)

    def _belongs_to_an_accepted_one(self, answer: bytes) -> bool:
        """Tell whether this is the application's later answer to a message that was accepted with CA (A6)."""
        if not self._accepted:
            return False
        try:
            ack = read_ack(answer)
        except WireError:
            return False
        mine = self._answered is not None and ack.control_id == self._control_id
        return ack.code[:1] == "A" and not mine and ack.control_id in self._accepted

    def _look(self) -> None:
        """The timer: one per connection, moved on as messages are answered."""
        self._timer = None
        if self._answered is None:
            return
        rest = self._deadline - self._clock.seconds()
        if rest > 0:
            self._timer = self._clock.callLater(rest, self._look)
            return
        if self._junk or self._deframer.in_frame:
            why = "no whole answer in time: what came is not framed as MLLP wants it"
            self._end(garbled(why), why)
        else:
            self._end(unanswered("no answer in time"), "no answer in time")

    def _end(self, attempted: Attempted, why: str) -> None:
        """Close the connection, and only then say how it ended."""
        answered, self._answered = self._answered, None
        self.close(why)
        if answered is not None:
            answered(attempted)

    def close(self, why: str) -> None:
        """Drop the connection at once."""
        if self._gone:
            return
        self._gone = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        transport = self.transport
        if transport is not None:
            getattr(transport, "abortConnection", transport.loseConnection)()
        self._owner.lost(self, why)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits: sent and not answered is unknown (A10)."""
        if self._gone:
            return
        refusal = tls_refusal(self.transport, reason) if self._talk.tls and not self._heard else ""
        if refusal and (not self.stood or any(word in refusal for word in _REFUSES_US)):
            self.used = False  # who refuses our certificate has read nothing, also where TLS 1.3 says so late
            self._end(unreachable(f"TLS: {refusal}"), f"TLS: {refusal}")
            return
        within = " in the middle of its answer" if self._deframer.in_frame else ""
        why = f"the destination closed the connection{within} ({error_name(reason)})"
        self._end(unanswered(why), why)


def _ended(transport: object) -> bool:
    """Tell whether the other side has closed the connection; looks without taking anything."""
    handle = raw_socket(transport)
    if handle is None:
        return False
    try:
        return not handle.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _user_timeout(handle: socket.socket | None, after_s: float) -> None:
    if handle is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(after_s * 1000))
