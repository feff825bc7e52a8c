"""One connection from a peer: bytes in, frames to the reception, answers out in order.

Law: this decides nothing about messages. It keeps order, bounds what it holds, and says why it closes. A peer is
paused while the store is behind, while too many of its answers are outstanding, and while it does not read its
answers; a half-closed peer is answered before the connection ends (F17).
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any
from typing import Protocol as Shape

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from hl7calf.service.admission import ListenLimits, Silence
from hl7calf.service.answers import AnswerQueue
from hl7calf.service.events import emit, error_name
from hl7calf.service.metrics import RouteMetrics
from hl7calf.service.pressure import Pressure
from hl7calf.service.reception import Reception
from hl7calf.service.senders import may_send, not_its_own
from hl7calf.service.tls import allowed_senders, raw_socket, why_refused
from hl7calf.wire.frames import COMMITTED, NOT_COMMITTED
from hl7calf.wire.mllp import Blocks, Deframer, Frame, FrameFault, FrameNote

MOST_OUTSTANDING = 512  # answers a peer may owe us reading or we may owe it, before it is paused
NO_TRAILER_S = 2.0  # a frame whose end block has no CR, and nothing behind it, is taken as complete
_COMMITS = (COMMITTED, NOT_COMMITTED)
CLOSING_S = 5.0  # a peer that was told to go has this long to read its last answer


class Floor(Shape):
    """What a connection needs of the listener it came through."""

    route: str
    limits: ListenLimits
    pressure: Pressure
    metrics: RouteMetrics
    reception: Reception
    seconds: Callable[[], float]
    blocks: Blocks
    commits: bool

    def room_for(self, peer: "MllpPeer", size_bytes: int) -> None:
        """Note how much of an unfinished frame a peer holds."""

    def left(self, peer: "MllpPeer") -> None:
        """Note that a peer is gone."""


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class MllpPeer(Protocol):
    """One peer's connection.

    Attributes:
        unfinished_bytes: how much of a frame is here and not complete.
    """

    def __init__(self, floor: Floor, deframer: Deframer, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.unfinished_bytes = 0
        self._floor = floor
        self._deframer = deframer
        self._answers = AnswerQueue(self._write, self._all_answered, floor.blocks)
        self._silence = Silence(floor.seconds())
        self._paused: set[str] = set()
        self._noted: set[str] = set()
        self._half_closed = False
        self._registered = False
        self._senders: frozenset[bytes] = frozenset()
        self._closing_since: float | None = None

    def connectionMade(self) -> None:
        """Set the socket up."""
        transport: Any = self.transport
        transport.registerProducer(self, True)
        self._registered = True
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
            _keepalive(raw_socket(transport), self._floor.limits.keepalive_s)
        emit("C_OPEN", "debug", route=self._floor.route, peer=self.host)

    def handshakeCompleted(self) -> None:
        """Note what the certificate allows; called before the first byte, with TLS alone."""
        self._senders = allowed_senders(self.transport)

    def dataReceived(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._closing_since is not None:
            return
        floor, silence = self._floor, self._silence
        silence.heard_at = floor.seconds()
        self._take(self._deframer.feed(data))
        if floor.pressure.high and "store" not in self._paused:
            self._pause("store")
            floor.pressure.pause(lambda: self._resume("store"))
        if len(self._answers) > MOST_OUTSTANDING:
            self._pause("answers")

    def _take(self, items: Sequence[Frame | FrameFault]) -> None:
        """Hand on what is complete, and note what is not."""
        floor, silence, answers = self._floor, self._silence, self._answers
        for item in items:
            if isinstance(item, Frame):
                if item.notes:
                    self._note(item.notes)
                if floor.commits and item.payload in _COMMITS:  # of an acknowledgment of ours; it needs no answer
                    continue
                if b"\n" in item.payload:
                    self._note((FrameNote("F_LF_ENDS", 1, item.payload.index(b"\n")),))
                if (headers := headers_within(item.payload)) > 1:
                    self._note((FrameNote("F_MULTI_MSH", headers),))
                if self._senders and not may_send(item.payload, self._senders):
                    floor.reception.fault(not_its_own(item.payload), self, answers.place())
                else:
                    floor.reception.take(item.payload, self, answers.place())
            else:
                floor.reception.fault(item, self, answers.place())
        if self._deframer.in_frame:
            if items or silence.frame_since is None:
                silence.frame_since = silence.heard_at
            floor.room_for(self, self._deframer.buffered)
        elif silence.frame_since is not None:
            silence.frame_since = None
            floor.room_for(self, 0)

    def _note(self, notes: Sequence[FrameNote]) -> None:
        """Count what was tolerated; in the log once a connection for each kind."""
        for note in notes:
            self._floor.metrics.frame_fault(note.code)
            if note.code not in self._noted:
                self._noted.add(note.code)
                emit(
                    "F_TOLERATED", "info", route=self._floor.route, peer=self.host, fault=note.code, count=note.count,
                    offset=note.offset,
                )  # fmt: skip

    def sweep(self, now: float) -> None:
        """Close what has been silent, or unfinished, for too long."""
        if self._closing_since is not None:
            if now - self._closing_since >= CLOSING_S:
                self._abort()
            return
        if "store" in self._paused:
            return  # we do not listen, so its silence is ours
        if now - self._silence.heard_at >= NO_TRAILER_S and self._deframer.in_frame:
            self._take(self._deframer.idle())
        why = self._silence.verdict(now, self._floor.limits, len(self._answers))
        if why == "F_SLOW":
            self.cut_off("F_SLOW")
        elif why:
            emit(why, "info", route=self._floor.route, peer=self.host)
            self._abort()

    def cut_off(self, code: str) -> None:
        """End a frame that will not end by itself: keep what came, answer where that is safe, close (F12)."""
        emit(code, "warn", route=self._floor.route, peer=self.host, bytes=self._deframer.buffered)
        self._floor.metrics.frame_fault(code)
        for fault in self._deframer.eof():
            seen = fault.kept.find(b"MSH", 0, 64) >= 0
            unended = FrameFault(fault.code, fault.why, fault.kept, close=True, answer=seen)
            self._floor.reception.fault(unended, self, self._answers.place())
        self._floor.room_for(self, 0)
        if not self._answers:
            self.hang_up()

    def silent_s(self, now: float) -> float:
        """Return for how long nothing was heard; 0 while an answer is outstanding."""
        return 0.0 if self._answers else now - max(self._silence.heard_at, self._silence.opened_at)

    def drop(self) -> None:
        """Cut the connection; nothing is outstanding on it."""
        self._abort()

    def stop_taking(self) -> None:
        """Take no new frames; close when what is in flight is answered."""
        self._pause("stop")
        self._half_closed = True
        if not self._answers:
            self.hang_up()

    def hang_up(self) -> None:
        """Close after what was answered."""
        if self._closing_since is None:
            self._closing_since = self._floor.seconds()
            self._end(lambda transport: transport.loseConnection())

    def readConnectionLost(self) -> None:
        """The peer has sent all it will send; answer what is outstanding, then close (F17)."""
        self._half_closed = True
        self._torn()
        if not self._answers:
            self.hang_up()

    def writeConnectionLost(self) -> None:
        """The peer takes no more answers."""
        self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note what can no longer be answered; what was received whole is stored all the same (F16)."""
        now, ended = self._floor.seconds(), self._closing_since is not None
        silent_s, unanswered = self.silent_s(now), self._answers.close()
        self._closing_since = now
        if not ended and not self._half_closed:
            self._torn()
        if not ended and silent_s >= self._floor.limits.keepalive_s and reason.check(ConnectionLost):
            emit("C_DEAD_PEER", "warn", route=self._floor.route, peer=self.host)
        if unanswered:
            emit("A_ACK_UNDELIVERED", "warn", route=self._floor.route, peer=self.host, answers=unanswered)
        noted = "why" in getattr(self.transport, "notes", ())
        if noted or (self._silence.heard_at < 0 and reason.type is not None and "SSL" in reason.type.__module__):
            why = why_refused(self.transport, reason)
            emit("C_TLS_REFUSED", "warn", route=self._floor.route, peer=self.host, error=error_name(reason), why=why)
        emit("C_CLOSED", "debug", route=self._floor.route, peer=self.host)
        self._floor.left(self)

    def _torn(self) -> None:
        for fault in self._deframer.eof():
            self._floor.reception.fault(fault, self, self._answers.place())
        self._floor.room_for(self, 0)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)
        if "answers" in self._paused and len(self._answers) * 2 < MOST_OUTSTANDING:
            self._resume("answers")

    def _all_answered(self) -> None:
        if self._half_closed:
            self.hang_up()

    def _pause(self, why: str) -> None:
        transport: Any = self.transport
        if not self._paused and transport is not None:
            transport.pauseProducing()
        self._paused.add(why)

    def _resume(self, why: str) -> None:
        self._paused.discard(why)
        transport: Any = self.transport
        if not self._paused and self._closing_since is None and transport is not None:
            now = self._floor.seconds()
            self._silence.heard_at = now
            if self._silence.frame_since is not None:
                self._silence.frame_since = now
            transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The peer does not read its answers: do not read it either."""
        self._pause("reader")

    def resumeProducing(self) -> None:
        """It reads again."""
        self._resume("reader")

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    def _abort(self) -> None:
        """Cut the connection."""
        self._closing_since = self._floor.seconds()
        self._end(lambda transport: getattr(transport, "abortConnection", transport.loseConnection)())

    def _end(self, how: Callable[[Any], None]) -> None:
        transport: Any = self.transport
        if transport is not None:
            if self._registered:  # Twisted keeps a connection open for as long as somebody may write to it
                self._registered = False
                transport.unregisterProducer()
            how(transport)


def headers_within(payload: bytes) -> int:
    """Count the MSH segments of one payload (F10); those of a batch are none too many."""
    if payload.find(b"MSH", 4) < 0 or payload.startswith((b"FHS", b"BHS")):
        return 1
    return 1 + payload.count(b"\rMSH" + payload[3:4]) + payload.count(b"\nMSH" + payload[3:4])


def _keepalive(handle: socket.socket | None, after_s: int) -> None:
    """Ask the kernel to probe a silent peer; systems without these options keep their default."""
    if handle is not None and hasattr(socket, "TCP_KEEPIDLE"):
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, after_s)
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, after_s // 6))
        handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
