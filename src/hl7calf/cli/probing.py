"""A connection for trying a receiver out: writes any bytes, gathers whatever frames come back.

Law: nothing is repeated or mended; what the receiver does is only noted.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from hl7calf.wire.mllp import Deframer, Frame


class Probe(Protocol):
    """One connection. `payloads` are the frames' contents so far, `unframed` codes of what was none."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._deframer = Deframer()
        self._changed: Deferred[None] | None = None
        self.payloads: list[bytes] = []
        self.unframed: list[str] = []
        self.raw_bytes = 0
        self.open = False

    def connectionMade(self) -> None:
        """Note that bytes can be written, and send small pieces at once."""
        self.open = True
        set_no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)

    def dataReceived(self, data: bytes) -> None:
        """Gather frames."""
        self.raw_bytes += len(data)
        for item in self._deframer.feed(data):
            if isinstance(item, Frame):
                self.payloads.append(item.payload)
            else:
                self.unframed.append(item.code)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note that the receiver closed."""
        self.open = False
        self._wake()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        if self.transport is not None and self.open:
            self.transport.write(data)

    def close(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.loseConnection()

    async def answers(self, count: int, timeout_s: float) -> Sequence[bytes]:
        """Wait until so many frames came, the receiver closed, or the time is up; return the frames."""
        until = self._clock.seconds() + timeout_s
        while len(self.payloads) < count and self.open and self._clock.seconds() < until:
            await self._change(until - self._clock.seconds())
        return self.payloads

    async def stays_open(self, seconds: float) -> bool:
        """Tell whether the connection is still there after so many seconds."""
        until = self._clock.seconds() + seconds
        while self.open and self._clock.seconds() < until:
            await self._change(until - self._clock.seconds())
        return self.open

    async def _change(self, within_s: float) -> None:
        self._changed = Deferred()
        timer = self._clock.callLater(max(within_s, 0.0), self._wake)
        await self._changed
        if timer.active():
            timer.cancel()

    def _wake(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.callback(None)


class Probes(Factory):
    """Makes a `Probe` for an endpoint to connect."""

    noisy = False

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def buildProtocol(self, addr: Any) -> Probe:
        """Return the new connection's protocol."""
        return Probe(self._clock)
