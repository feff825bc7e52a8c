"""One route's listener: lets peers in, watches over their silence, and stops them in good order.

Law: it opens a port, counts and closes; frames are the peer's business and messages the reception's. A port that
cannot be taken is an error of the start, not a log line (Twisted's own service would go on without it).
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall

from hl7calf.service.admission import Door
from hl7calf.service.events import emit
from hl7calf.service.metrics import RouteMetrics
from hl7calf.service.peer import MllpPeer
from hl7calf.service.pressure import Pressure
from hl7calf.service.reception import Reception
from hl7calf.wire.mllp import USUAL_BLOCKS, Blocks, Deframer

SWEEP_S = 1.0


class Listener(Factory):
    """The listener of one route.

    Args:
        deframer: makes a fresh one per connection.
        unfinished_max_bytes: all unfinished frames together; beyond, the largest is cut off (P17).
        clock: the reactor.
        blocks: the block characters of the answers; those of the frames are the deframer's.
        commits: peers speak MLLP Release 2: a commit block of theirs is no message.
    """

    noisy = False

    def __init__(
        self,
        route: str,
        door: Door,
        reception: Reception,
        deframer: Callable[[], Deframer],
        pressure: Pressure,
        metrics: RouteMetrics,
        unfinished_max_bytes: int,
        clock: Any,
        blocks: Blocks = USUAL_BLOCKS,
        commits: bool = False,
    ) -> None:
        self.route = route
        self.blocks = blocks
        self.commits = commits
        self.limits = door.limits
        self.pressure = pressure
        self.metrics = metrics
        self.reception = reception
        self.seconds: Callable[[], float] = clock.seconds
        self._door = door
        self._deframer = deframer
        self._unfinished_max_bytes = unfinished_max_bytes
        self._unfinished_bytes = 0
        self._peers: set[MllpPeer] = set()
        self._port: IListeningPort | None = None
        self._sweeping = LoopingCall(self.sweep)
        self._sweeping.clock = clock
        self._empty: Deferred[None] | None = None

    def listen(self, endpoint: IStreamServerEndpoint) -> Deferred[IListeningPort]:
        """Take the port; the Deferred fails where that is not possible."""

        def taken(port: IListeningPort) -> IListeningPort:
            self._port = port
            self._sweeping.start(SWEEP_S, now=False)
            emit("S_LISTEN", "info", route=self.route, port=getattr(port.getHost(), "port", 0))
            return port

        return endpoint.listen(self).addCallback(taken)

    @property
    def listening(self) -> bool:
        """Tell whether the port is open."""
        return self._port is not None

    @property
    def port(self) -> int:
        """The port number in use, 0 when none is."""
        return int(getattr(self._port.getHost(), "port", 0)) if self._port is not None else 0

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Let a peer in, or turn it away with a reason in the log."""
        host, port = str(getattr(addr, "host", "")), int(getattr(addr, "port", 0))
        refusal = self._door.refusal(host)
        if refusal.startswith("C_TOO_MANY") and self._replace_stale(host):
            refusal = ""
        if refusal:
            emit(refusal, "warn", route=self.route, peer=host)
            return None
        self._door.enter(host)
        peer = MllpPeer(self, self._deframer(), host, port)
        self._peers.add(peer)
        self.metrics.connections(self._door.count)
        return peer

    def _replace_stale(self, host: str) -> bool:
        """Close the connection of this peer that has been silent longest, if it looks dead; tell whether there was one.

        A peer whose line broke without a word (F15) comes back while its old connections still count.
        """
        now = self.seconds()
        own = (peer for peer in self._peers if peer.host == host)
        stale = max(own, key=lambda peer: peer.silent_s(now), default=None)
        if stale is None or stale.silent_s(now) < self.limits.stale_s:
            return False
        emit("C_REPLACED", "warn", route=self.route, peer=host)
        stale.drop()
        self.left(stale)
        return True

    def left(self, peer: MllpPeer) -> None:
        """Note that a peer is gone."""
        if peer in self._peers:
            self._peers.discard(peer)
            self._door.leave(peer.host)
            self.metrics.connections(self._door.count)
        if self._empty is not None and not self._peers:
            empty, self._empty = self._empty, None
            empty.callback(None)

    def room_for(self, peer: MllpPeer, size_bytes: int) -> None:
        """Bound what unfinished frames hold together; the largest gives way."""
        self._unfinished_bytes += size_bytes - peer.unfinished_bytes
        peer.unfinished_bytes = size_bytes
        if size_bytes and self._unfinished_bytes > self._unfinished_max_bytes:
            max(self._peers, key=lambda one: one.unfinished_bytes).cut_off("C_NO_ROOM")

    def sweep(self) -> None:
        """Close what has been silent for too long."""
        now = self.seconds()
        for peer in list(self._peers):
            peer.sweep(now)

    def stop(self) -> Deferred[None]:
        """Close the port and take no new frames; fires when every peer is answered and gone."""
        port, self._port = self._port, None
        if self._sweeping.running:
            self._sweeping.stop()
        closed = succeed(None) if port is None else port.stopListening()
        for peer in list(self._peers):
            peer.stop_taking()
        gone: Deferred[None] = succeed(None)
        if self._peers:
            gone = self._empty = Deferred()
        result: Deferred[None] = Deferred.fromCoroutine(_both(closed, gone))
        return result

    def abort(self) -> None:
        """Cut every connection; the time to drain is over."""
        for peer in list(self._peers):
            peer.hang_up()
            peer.sweep(float("inf"))


async def _both(closed: Any, gone: Deferred[None]) -> None:
    if closed is not None:
        await closed
    await gone
