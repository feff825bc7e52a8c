"""The whole service as one thing that starts, and stops in good order.

Law: it starts from the inside out (store, then out, then in), so that nothing is taken that could not be kept. It
stops from the outside in: no new frames, what is in flight is answered and marked, then the store is closed (P22).
What is not done when the time is over stays queued, or unknown; nothing is lost by that.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, TimeoutError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from hl7calf.errors import JournalError
from hl7calf.service.control import ControlDesk
from hl7calf.service.events import emit, error_name
from hl7calf.service.forwarder import Forwarder
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.writer import Writer
from hl7calf.service.listener import Listener
from hl7calf.service.reading import ReadingThread
from hl7calf.service.tls import ServerContexts
from hl7calf.service.tls_client import ClientContexts
from hl7calf.service.vetworker import VetWorker
from hl7calf.service.watch import Watch

FAILED = 1  # exit code of a service that could not start


@dataclass(frozen=True, slots=True)
class RunningRoute:
    """One route's parts. `tls` are its contexts, for renewing and watching their files."""

    name: str
    listener: Listener
    endpoint: IStreamServerEndpoint
    forwarder: Forwarder
    tls: Sequence[ServerContexts | ClientContexts] = ()


@dataclass(frozen=True, slots=True)
class Inside:
    """What all routes share."""

    store: Store
    writer: Writer
    reading: ReadingThread
    workers: Sequence[VetWorker]
    control: ControlDesk
    watch: Watch


class Running(Service):
    """The service.

    Args:
        ops: endpoint and site of the ops port, or None.
        halt: ends the process with an exit code, when it cannot start.
    """

    def __init__(
        self,
        inside: Inside,
        routes: Sequence[RunningRoute],
        ops: tuple[IStreamServerEndpoint, Factory] | None,
        drain_timeout_s: float,
        clock: Any,
        halt: Callable[[int], None],
    ) -> None:
        self._inside = inside
        self.routes = tuple(routes)
        self._ops = ops
        self._ops_port: IListeningPort | None = None
        self._drain_timeout_s = drain_timeout_s
        self._clock = clock
        self._halt = halt
        self.draining = False

    @property
    def listening(self) -> bool:
        """Tell whether every route takes connections."""
        return not self.draining and all(route.listener.listening for route in self.routes)

    @property
    def ops_port(self) -> int:
        """The ops port's number, 0 when there is none."""
        return int(getattr(self._ops_port.getHost(), "port", 0)) if self._ops_port is not None else 0

    def startService(self) -> None:
        """Start from the inside out."""
        base: Any = super()  # twisted.application carries no types
        base.startService()
        self._inside.control.start()
        self._inside.watch.start()
        for route in self.routes:
            route.forwarder.start()
        if self._ops is not None:
            endpoint, site = self._ops
            endpoint.listen(site).addCallbacks(self._ops_listens, self._not_listening, errbackArgs=("ops",))
        for route in self.routes:
            route.listener.listen(route.endpoint).addErrback(self._not_listening, route.name)
        emit("S_START", "info", routes=len(self.routes))
        if self._inside.store.unclean:
            emit("S_UNCLEAN", "warn")

    def _ops_listens(self, port: IListeningPort) -> None:
        self._ops_port = port
        emit("S_LISTEN", "info", route="ops", port=self.ops_port)

    def _not_listening(self, failure: Failure, route: str) -> None:
        number = getattr(getattr(failure.value, "socketError", None), "errno", 0)
        emit("S_LISTEN_FAILED", "critical", route=route, error=error_name(failure), errno=number)
        self._halt(FAILED)

    def stopService(self) -> "Deferred[None]":
        """Stop from the outside in, within the time to drain."""
        base: Any = super()
        base.stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        emit("S_STOP", "info", unrecorded=sum(r.listener.reception.intake.unrecorded for r in self.routes))
        self.draining = True
        inside = self._inside
        inside.control.stop()
        inside.watch.stop()
        half_s = self._drain_timeout_s / 2
        await self._within(half_s, [route.listener.stop() for route in self.routes])
        for route in self.routes:
            route.listener.reception.intake.stop()
            route.listener.abort()
        await self._within(half_s, [route.forwarder.stop() for route in self.routes])
        for route in self.routes:
            route.forwarder.close()
        for worker in inside.workers:
            worker.stop()
        if self._ops_port is not None:
            await self._quietly(self._ops_port.stopListening())
        inside.reading.stop()
        if await self._within(half_s, [inside.writer.stop()]):
            self._close_store()
        emit("S_STOPPED", "info")

    def _close_store(self) -> None:
        store = self._inside.store
        try:
            if self._inside.writer.broken is None:
                store.close()
            else:
                store.abandon()
        except JournalError as wrong:
            emit("S_UNEXPECTED", "error", error=type(wrong).__name__)

    async def _within(self, timeout_s: float, waiting: "list[Deferred[None]]") -> bool:
        """Wait for all, at most so long; tell whether all were done."""
        all_done: Deferred[Any] = DeferredList(waiting, consumeErrors=True)
        all_done.addTimeout(timeout_s, self._clock)
        try:
            return all(done for done, _ in await all_done)  # a wait that was cut short is a failed one
        except (TimeoutError, CancelledError):
            return False

    async def _quietly(self, done: Awaitable[Any] | None) -> None:
        if done is not None:
            await done
