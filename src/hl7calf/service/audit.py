"""Sends audit messages to the site's syslog server, over TCP or TLS, in the order of the modification log.

Law: the log is the queue. Nothing waits in memory and nothing stops for the server: while it is away the entries stay
where they are, and once it is back they are sent from where it left. Syslog has no acknowledgment, so what was written
shortly before a connection broke is sent again: twice rather than never. A restart goes on where the last one was.
"""

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from hl7calf.service import atna
from hl7calf.service.alarms import Alarms
from hl7calf.service.events import emit, error_name
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import LogEntry, LogFilter
from hl7calf.service.metrics import Metrics
from hl7calf.service.syslog import Origin, syslog_message

POSITION = "audit-position"
AT_ONCE = 200
SETTLED_S = 10.0  # what was written that long ago, on a connection that still stands, counts as arrived
PATIENCE_S = 60.0
Connect = Callable[[Factory], "Deferred[Any]"]


@implementer(IPushProducer)
class _Line(Protocol):
    """One connection to the server; what it says is not listened to."""

    def __init__(self, lost: Callable[[], None], ready: Callable[[], None]) -> None:
        self._lost = lost
        self._ready = ready
        self.may_write = True

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        self.may_write = False

    def resumeProducing(self) -> None:
        self.may_write = True
        self._ready()

    def stopProducing(self) -> None:
        self.may_write = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.may_write = False
        self._lost()

    def write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)


class AuditTrail:
    """The way of the log's entries to one syslog server.

    Args:
        read: reads the journal off the reactor's thread.
        connect: connects a factory's protocol to the server.
        folder: where the position is kept, of what was sent.
        seconds: monotonic; `wall` Unix seconds.
    """

    def __init__(
        self,
        read: "Callable[[Callable[[Reader], Any]], Deferred[Any]]",
        connect: Connect,
        folder: Path,
        origin: Origin,
        alarms: Alarms,
        metrics: Metrics,
        seconds: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._read = read
        self._connect = connect
        self._file = folder / POSITION
        self._origin = origin
        self._alarms = alarms
        self._metrics = metrics
        self._seconds = seconds
        self._wall = wall
        self._line: _Line | None = None
        self._connecting = self._reading = False
        self._away_since = seconds()
        self._position: int | None = None  # of the last entry written; None until the file was read
        self._settled = 0
        self._saved = -1
        self._written: deque[tuple[float, int]] = deque()
        self._last: tuple[str, str] | None = None

    def look(self) -> None:
        """Connect if need be, and send what is new."""
        now = self._seconds()
        while self._written and now - self._written[0][0] >= SETTLED_S:
            self._settled = self._written.popleft()[1]
        if self._line is not None:
            self._send_on()
            return
        if now - self._away_since >= PATIENCE_S:
            self._alarms.sound("L_SYSLOG_LOST", now)
        if not self._connecting:
            self._connecting = True
            factory: Any = Factory.forProtocol(lambda: _Line(self._gone, self._send_on))
            self._connect(factory).addCallbacks(self._connected, self._not_connected)

    def tell(self, kind: str, text: str) -> None:
        """Send one message of another kind, now or when the server is back; of several the last one."""
        self._last = (kind, text)
        if self._line is not None and self._line.may_write:
            self._line.write(syslog_message(self._origin, self._wall(), kind, text))
            self._last = None

    def _connected(self, line: _Line) -> None:
        self._connecting = False
        self._line = line
        self._alarms.end("L_SYSLOG_LOST")
        emit("L_SYSLOG_CONNECTED", "info")
        if self._last is not None:
            self.tell(*self._last)
        self._send_on()

    def _not_connected(self, failure: Failure) -> None:
        self._connecting = False
        emit("L_SYSLOG_UNREACHABLE", "debug", error=error_name(failure))

    def _gone(self) -> None:
        """Go back to what surely arrived."""
        if self._line is not None:
            emit("L_SYSLOG_GONE", "warn")
        self._line = None
        self._away_since = self._seconds()
        self._written.clear()
        if self._position is not None:
            self._position = self._settled

    def _send_on(self) -> None:
        if self._line is not None and self._line.may_write and not self._reading:
            self._reading = True
            position, settled = self._position, self._settled
            self._read(lambda reader: self._next(reader, position, settled)).addCallbacks(self._send, self._failed)

    def _next(self, reader: Reader, position: int | None, settled: int) -> tuple[int, list[LogEntry], int]:
        """Read what comes behind a position; in the reading thread, where the position is kept on disk as well."""
        head = reader.head().sequence
        if position is None:
            position = settled = _read_position(self._file, reader, head)
        if settled != self._saved:
            _write_position(self._file, settled)
            self._saved = settled
        return position, reader.entries(after=position, limit=AT_ONCE), head

    def _send(self, found: tuple[int, list[LogEntry], int]) -> None:
        self._reading = False
        before, entries, head = found
        if self._position is None:
            self._position = self._settled = before
        if self._line is None or before != self._position:  # it broke meanwhile; read again from where it is now
            return
        told = [
            syslog_message(self._origin, entry.at, atna.MESSAGE_ID, atna.audit_message(entry))
            for entry in entries if atna.is_audited(entry)
        ]  # fmt: skip
        if entries:
            self._position = entries[-1].sequence
            self._written.append((self._seconds(), self._position))
        self._metrics.audit_unsent.set(head - self._position)
        if told:
            self._line.write(b"".join(told))
        if len(entries) == AT_ONCE:
            self._send_on()

    def _failed(self, failure: Failure) -> None:
        self._reading = False
        emit("S_UNEXPECTED", "error", error=error_name(failure))


def _read_position(file: Path, reader: Reader, head: int) -> int:
    """Return how far the last run came; the first run begins with its own start."""
    try:
        return min(int(file.read_text("ascii")), head)
    except (OSError, ValueError):
        started = reader.newest_entries(LogFilter(kind="start"), 1)
        return started[0].sequence - 1 if started else head


def _write_position(file: Path, position: int) -> None:
    """Keep how far this run came; written whole or not at all."""
    fresh = file.with_name(file.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write(str(position))
    fresh.replace(file)
