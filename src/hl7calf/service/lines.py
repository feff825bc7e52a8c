"""The connections of one route to its destination: opened when there is something to send, kept, reopened slowly.

Law: a destination that is away is asked again after a growing pause, never in a flood (Mirth 1314), and this costs
no message anything. A pause ends only when an answer came: a peer that takes connections and drops them unused is away.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from hl7calf.service.delivery import BackOff
from hl7calf.service.destination import Destination, Talk
from hl7calf.service.events import emit, error_name

Connect = Callable[[Factory], "Deferred[IProtocol]"]

_PLAIN = {
    "ConnectionRefusedError": "nobody listens there (refused)",
    "TimeoutError": "no answer in time: firewall, wrong address, or the machine is down",
    "DNSLookupError": "the host name is not known",
    "NoRouteError": "there is no route to that network",
    "ConnectionDone": "it closed the connection",
    "ConnectionLost": "the connection broke",
}


class Lines:
    """Up to `count` connections.

    Args:
        connect: connects a factory, such as an endpoint's method.
        changed: called when a connection can be used, or may be opened again.
        failed: called with the reason and the pause, when a connection could not be had.
        stray: called for each answer nobody waits for.
    """

    def __init__(
        self,
        connect: Connect,
        count: int,
        talk: Talk,
        back_off: BackOff,
        clock: Any,
        changed: Callable[[], None],
        failed: Callable[[str, float], None],
        stray: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._count = count
        self._talk = talk
        self._back_off = back_off
        self._clock = clock
        self._changed = changed
        self._failed = failed
        self.stray = stray
        self._open: list[Destination] = []
        self._opening: set[Deferred[IProtocol]] = set()
        self._shaking: set[Destination] = set()  # made, and TLS not yet agreed
        self._failures = 0
        self._timer: Any = None
        self._closed = False

    @property
    def open_count(self) -> int:
        """How many connections stand."""
        return len(self._open)

    def free(self) -> Destination | None:
        """Return a connection that can take a message now."""
        for line in list(self._open):
            if line.usable:
                return line
        return None

    def want(self, lanes: int) -> None:
        """See that connections are opened for so many lanes, unless the destination is left in peace for now."""
        most = 1 if self._failures else lanes
        opening = len(self._opening) + len(self._shaking)
        for _ in range(min(most - opening, self._count - len(self._open) - opening)):
            if self._closed or self._timer is not None:
                return
            made = self._connect(_Lines(self._make))
            self._opening.add(made)
            made.addCallbacks(self._connected, self._not_connected, callbackArgs=(made,), errbackArgs=(made,))

    def _make(self) -> Destination:
        destination = Destination(self._clock, self._talk, self)
        if self._talk.tls:
            self._shaking.add(destination)
        return destination

    def _connected(self, protocol: IProtocol, opening: "Deferred[IProtocol]") -> None:
        self._opening.discard(opening)

    def _not_connected(self, failure: Failure, opening: "Deferred[IProtocol]") -> None:
        self._opening.discard(opening)
        if not self._closed:
            self._leave_in_peace(plain(error_name(failure)))

    def stands(self, destination: Destination) -> None:
        """A connection can be used."""
        self._shaking.discard(destination)
        if self._closed:
            destination.close("the service stops")
            return
        self._open.append(destination)
        self._changed()

    def lost(self, destination: Destination, why: str) -> None:
        """A connection is gone."""
        self._shaking.discard(destination)
        if destination in self._open:
            self._open.remove(destination)
        if not self._closed and not destination.used:
            self._leave_in_peace(why)
        elif not self._closed:
            emit("D_LOST", "debug", why=why)
            self._changed()

    def answered(self) -> None:
        """An answer came: the destination is there."""
        self._failures = 0

    def _leave_in_peace(self, why: str) -> None:
        if self._timer is not None:
            return
        self._failures += 1
        pause_s = self._back_off.pause_s(self._failures)
        self._timer = self._clock.callLater(pause_s, self._again)
        self._failed(why, pause_s)

    def _again(self) -> None:
        self._timer = None
        self._changed()

    def close(self) -> None:
        """Close everything; nothing is opened any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for opening in list(self._opening):
            opening.cancel()
        for line in [*self._open, *self._shaking]:
            line.close("the service stops")


class _Lines(Factory):
    noisy = False

    def __init__(self, make: Callable[[], Destination]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return self._make()


def plain(error: str) -> str:
    """Return why a connection failed in plain words; for others the error's name, which holds no text of a peer."""
    return _PLAIN.get(error, error)
