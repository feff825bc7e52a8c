"""The load generator of `bench`: many connections, one message outstanding on each, each answer timed.

Law: the clock starts when all connections stand; every answer must be a positive acknowledgment of the
message outstanding on its connection, anything else ends the run as an error.
"""

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from hl7calf.cli.failures import Stopped

_END = b"\x1c\r"


def message(control_id: str) -> bytes:
    """Return an ordinary order without any word of the rule: what most of the traffic is."""
    return (
        f"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115080000||ORM^O01^ORM_O01|{control_id}|P|2.5.1\r"
        "PID|1||000000^^^BENCH^MR||BENCH^ONE||19600101|F\rPV1|1|I|WARD^1^1\r"
        f"ORC|NW|{control_id}^CPOE||||||20260115080000\r"
        f"OBR|1|{control_id}^CPOE||CTHEAD^CT HEAD WITHOUT CONTRAST^L|||20260115080000||||||headache since two days"
        "||||||||||||||||||^headache\r"
    ).encode()


@dataclass(slots=True)
class Load:
    """One run: `count` messages over all connections; `times_s` are the answers' round trips."""

    prefix: str
    count: int
    taken: int = 0
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


class LoadEnd(Protocol):
    """One connection of the load generator."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._rest = b""
        self._wanted = b""
        self._sent_at = 0.0
        self.done: Deferred[None] = Deferred()

    def send_next(self) -> None:
        """Send the next message, or end when all are taken."""
        load = self._load
        if load.taken >= load.count:
            self._end(None)
            return
        control_id = f"{load.prefix}{load.taken:07d}"
        load.taken += 1
        self._wanted = f"|AA|{control_id}".encode()
        self._sent_at = perf_counter()
        assert self.transport is not None
        self.transport.write(b"\x0b" + message(control_id) + _END)

    def dataReceived(self, data: bytes) -> None:
        """Time the answer and send on."""
        self._rest += data
        if not self._rest.endswith(_END):
            return
        answer, self._rest = self._rest, b""
        if self._wanted not in answer:
            self._end(Stopped("The server under load gave another answer than AA for the message sent."))
            return
        self._load.times_s.append(perf_counter() - self._sent_at)
        self.send_next()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """A connection that breaks ends the run."""
        self._end(Stopped("The server under load closed a connection."))

    def _end(self, error: Exception | None) -> None:
        if not self.done.called:
            self.done.errback(error) if error else self.done.callback(None)


async def run_load(reactor: Any, port: int, connections: int, load: Load) -> Load:
    """Put a load on a port of loopback and return it with its figures."""
    ends: Any = await gatherResults(
        [TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(_factory(load)) for _ in range(connections)]
    )
    started = perf_counter()
    for end in ends:
        end.send_next()
    await gatherResults([end.done for end in ends], consumeErrors=True)
    load.seconds = perf_counter() - started
    for end in ends:
        if end.transport is not None:
            end.transport.loseConnection()
    return load


def _factory(load: Load) -> Factory:
    class LoadEnds(Factory):
        noisy = False

        def buildProtocol(self, addr: Any) -> LoadEnd:
            return LoadEnd(load)

    return LoadEnds()
