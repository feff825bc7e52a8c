"""The load generator of `bench`: many connections, one message outstanding on each, each answer timed.

Law: the clock starts when all connections stand and all messages are made; every answer must be a positive
acknowledgment of the message outstanding on its connection, anything else ends the run as an error. It talks to
sockets directly, because what it costs is missing to the server on a small machine.
"""

import select
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from hl7calf.cli.failures import Stopped

PATIENCE_S = 30.0
_START, _END = b"\x0b", b"\x1c\r"
_WRONG = "The server under load gave another answer than AA for the message sent."
_CLOSED = "The server under load closed a connection."
_SILENT = "The server under load did not answer in time."


def message(control_id: str, placer: str = "") -> bytes:
    """Return an ordinary order without any word of the rule: what most of the traffic is."""
    return _order(control_id, placer or control_id, "CTHEAD^CT HEAD WITHOUT CONTRAST^L", "headache since two days")


def changed(control_id: str) -> bytes:
    """Return an order that the shipped mappings raise to the complete study."""
    reason = "Left calf calcification on x-ray, pain 5 days, r/o DVT"
    return _order(control_id, control_id, "USVENLTDL^US VENOUS LIMITED LEFT^L", reason)


def other(control_id: str) -> bytes:
    """Return a message that is no order."""
    return message(control_id).replace(b"ORM^O01^ORM_O01", b"ADT^A08^ADT_A01")


def _order(control_id: str, placer: str, service: str, reason: str) -> bytes:
    return (
        f"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115080000||ORM^O01^ORM_O01|{control_id}|P|2.5.1\r"
        "PID|1||000000^^^BENCH^MR||BENCH^ONE||19600101|F\rPV1|1|I|WARD^1^1\r"
        f"ORC|NW|{placer}^CPOE||||||20260115080000\r"
        f"OBR|1|{placer}^CPOE||{service}|||20260115080000||||||{reason}"
        f"||||||||||||||||||^{reason}\r"
    ).encode()


@dataclass(slots=True)
class Load:
    """The figures of one run: the answers' times in seconds, and how long all of it took."""

    times_s: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Messages acknowledged a second."""
        return len(self.times_s) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Return the time that this share of the answers took at most, in milliseconds."""
        ordered = sorted(self.times_s)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


@dataclass(slots=True)
class _End:
    """One connection: since when a message is out on it, and what must stand in the answer."""

    socket: socket.socket
    since: float = 0.0
    wanted: bytes = b""
    rest: bytes = b""


def run_load(port: int, connections: int, messages: Sequence[bytes], rate: float = 0.0) -> Load:
    """Put messages on a port of loopback, each as soon as a connection is free, and return the figures.

    Args:
        rate: so many a second, spaced evenly; the time of an answer then counts from when its message was due, so
            that a server which holds everybody up cannot hide it.

    Raises:
        Stopped: the server gave another answer than AA, closed a connection, or fell silent.
    """
    frames = [(_START + one + _END, b"|AA|" + one.split(b"|", 10)[9]) for one in messages]
    ends = [
        _End(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) for _ in range(min(connections, len(frames)))
    ]
    try:
        return _Run(ends, frames, rate).run()
    except OSError as error:
        raise Stopped(_CLOSED) from error
    finally:
        for end in ends:
            end.socket.close()


class _Run:
    """One run in progress."""

    def __init__(self, ends: list[_End], frames: Sequence[tuple[bytes, bytes]], rate: float) -> None:
        self._free = ends[::-1]
        self._by_number = {end.socket.fileno(): end for end in ends}
        self._frames: Iterator[tuple[bytes, bytes]] = iter(frames)
        self._count = len(frames)
        self._sent = 0
        self._rate = rate
        self._begun = 0.0
        self._load = Load()

    def run(self) -> Load:
        """Send and read until every message is answered."""
        poll = select.epoll()
        for number, end in self._by_number.items():
            end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.socket.setblocking(False)
            poll.register(number, select.EPOLLIN)
        with poll:
            self._begun = heard = perf_counter()
            while len(self._load.times_s) < self._count:
                pause_s = self._send_due()
                ready = poll.poll(pause_s)
                now = perf_counter()
                if ready:
                    heard = now
                elif now - heard > PATIENCE_S:
                    raise Stopped(_SILENT)
                for number, _ in ready:
                    self._take(self._by_number[number], now)
        self._load.seconds = perf_counter() - self._begun
        return self._load

    def _send_due(self) -> float:
        """Send what is due and has a connection; return how long to wait for answers at most."""
        while self._free and self._sent < self._count:
            now = perf_counter()
            due = self._begun + self._sent / self._rate if self._rate else now
            if due > now:
                return min(due - now, 1.0)
            end = self._free.pop()
            frame, end.wanted = next(self._frames)
            end.since = due
            self._sent += 1
            end.socket.sendall(frame)
        return 1.0

    def _take(self, end: _End, now: float) -> None:
        """Read an answer; a whole one frees the connection."""
        data = end.socket.recv(65536)
        if not data:
            raise Stopped(_CLOSED)
        answer = end.rest + data
        if not answer.endswith(_END):
            end.rest = answer
            return
        end.rest = b""
        if end.wanted not in answer:
            raise Stopped(_WRONG)
        self._load.times_s.append(now - end.since)
        self._free.append(end)
