"""Builds the whole service from settings; nothing is started here.

Law: the store is opened first, because nothing makes sense without it, and given back when anything after it fails.
"""

import socket
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from hl7calf.app.course import Today, limits_of, read_course
from hl7calf.app.outside import tell_outside
from hl7calf.app.routes import Shared, build_route
from hl7calf.app.ways import way_of
from hl7calf.calf.report import verdict_to_json
from hl7calf.calf.verdict import Mode, Verdict
from hl7calf.config import Settings
from hl7calf.errors import Hl7calfError, JournalBroken
from hl7calf.service.acknowledging import Acknowledger
from hl7calf.service.admission import AllowList
from hl7calf.service.alarms import Alarms
from hl7calf.service.control import Actions, ControlDesk
from hl7calf.service.events import emit, error_name
from hl7calf.service.expiry import Expiry
from hl7calf.service.journal.failures import Failpoint, nowhere
from hl7calf.service.journal.jobs import Event, SetMode
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.writer import Writer
from hl7calf.service.metrics import Metrics
from hl7calf.service.ops import OpsSite, ops_root
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.raising import Raising
from hl7calf.service.reading import Readers, ReadingThread
from hl7calf.service.review import ReviewHold
from hl7calf.service.rule import Rule, Terms
from hl7calf.service.running import Inside, Running, RunningRoute
from hl7calf.service.sockets import server_endpoint
from hl7calf.service.steering import Course, Steering
from hl7calf.service.tls import ServerContexts
from hl7calf.service.tls_client import ClientContexts
from hl7calf.service.vetdoor import VetDoor
from hl7calf.service.vetworker import VetWorker
from hl7calf.service.watch import Watch, WatchLimits

BROKEN = 75  # EX_TEMPFAIL: the disk failed; start again after a look at it
MOST_VET_BODY_BYTES = 10_485_760
Halt = Callable[[int], None]
Reread = Callable[[], Settings]


class Hl7calf(MultiService):
    """The service. `inner` holds its routes; `reload` reads mappings, mode and policy anew."""

    inner: Running
    reload: Callable[[], "Deferred[tuple[bool, str]]"]
    metrics: Metrics
    alarms: Alarms


def build(
    settings: Settings,
    reactor: Any,
    *,
    halt: Halt,
    reread: Reread | None = None,
    today: Today | None = None,
    wall: Callable[[], float] = time.time,
    synchronous: str = "FULL",
    failpoint: Failpoint = nowhere,
) -> Hl7calf:
    """Build the service.

    Args:
        halt: ends the process with an exit code, at once: it cannot start, or the disk failed.
        reread: reads the settings again, for a reload; None: they stay.
        today: the site's calendar day.
        synchronous: of the store; anything but FULL is for tests that must see messages lost.
        failpoint: of the store, for tests that kill the process at a named step.

    Raises:
        MappingError, JournalError, TlsFiles: what must be mended first.
    """
    course = read_course(settings, today or _today)
    folder = Path(settings.service.data_dir)
    store = Store.open(folder, node_of(settings), synchronous=synchronous, at=wall(), failpoint=failpoint)
    try:
        return _Building(settings, reactor, store, course, halt, reread, today or _today, wall).build()
    except BaseException:
        store.close()
        raise


class _Building:
    """One service in the making; the steps in the order in which they need each other."""

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        store: Store,
        course: Course,
        halt: Halt,
        reread: Reread | None,
        today: Today,
        wall: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.reactor = reactor
        self.store = store
        self.halt = halt
        self.reread = reread
        self.today = today
        self.wall = wall
        self.tls: list[ServerContexts | ClientContexts] = []
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.writer = Writer(
            store, reactor.callFromThread, on_broken=self._broken, soon=lambda wake: reactor.callLater(0, wake)
        )
        self.readers = Readers(Path(settings.service.data_dir))
        self.reading = ReadingThread(reactor, self.readers)
        self.rule = self._rule(course)
        mode = self.readers.reader().control().mode or Mode(settings.service.mode)
        self.steering = Steering(self.rule, course, mode, self.alarms, self.metrics, reactor.seconds)

    def build(self) -> Hl7calf:
        """Join everything."""
        service = self.settings.service
        worker = VetWorker(self.reactor, service.vet_timeout_s)
        door_worker = VetWorker(self.reactor, service.vet_timeout_s * 5, "vet door")  # the advisor may take its time
        shared = self._shared(worker)
        routes = [build_route(route, shared) for route in self.settings.route]
        forwarders = [route.forwarder for route in routes]

        def pause(paused: bool) -> None:
            for forwarder in forwarders:
                forwarder.pause(paused)

        def queue_changed() -> None:
            for forwarder in forwarders:
                forwarder.reread()

        control = self._control(shared, pause, queue_changed)
        outside = tell_outside(self.settings, self.reactor, self.reading, self.alarms, self.metrics, self.wall)
        watch = self._watch(routes, [*self._holds(queue_changed), *outside])
        inner = Running(
            Inside(self.store, self.writer, self.reading, (worker, door_worker), control, watch),
            routes,
            self._ops(watch, door_worker, lambda: inner.listening),
            service.drain_timeout_s,
            self.reactor,
            self.halt,
        )
        make: Callable[[], Hl7calf] = Hl7calf
        whole = make()
        whole.inner, whole.reload, whole.metrics, whole.alarms = inner, self.reload, self.metrics, self.alarms
        add: Callable[[Running], None] = whole.addService
        add(inner)
        self._note("start", {"mode": self.steering.mode.value, "mappings": self.rule.terms.digest})
        return whole

    def _control(self, shared: Shared, pause: Callable[[bool], None], queue_changed: Callable[[], None]) -> ControlDesk:
        ways = {route.name: way_of(route.direction, route.languages).raise_orders for route in self.settings.route}
        raising = Raising(self.reading.read, self.rule, shared.worker, shared.orders, ways)
        actions = Actions(self.steering.set_mode, pause, queue_changed, self.reload, raising.prepare)
        poll_s = self.settings.service.control_poll_ms / 1000
        return ControlDesk(self.readers.reader(), self.writer.submit, actions, self.reactor, self.wall, poll_s)

    def _holds(self, released: Callable[[], None]) -> list[Callable[[], None]]:
        """Return what looks after the orders held for review, one for each route that holds some."""
        return [
            ReviewHold(
                route.name, route.review_hold_limit_s, self.reading.read, self.writer.submit, self.reactor.seconds,
                self.wall, released,
            ).look
            for route in self.settings.route
            if route.review == "hold"
        ]  # fmt: skip

    def _shared(self, worker: VetWorker) -> Shared:
        service = self.settings.service
        return Shared(
            self.reactor, service, self.writer, self.reading, self.rule, worker,
            OrdersInFlight(self.readers.remembered, self.readers.reader().remembered_keys()),
            Pressure(service.intake_pause_messages, service.intake_pause_bytes),
            self.metrics, self.alarms, Acknowledger(node_of(self.settings), self.wall), self.wall,
        )  # fmt: skip

    def _rule(self, course: Course) -> Rule:
        service = self.settings.service
        terms = Terms(course.tables, course.digest, Mode.OBSERVE, course.policy, course.options)
        ways = way_of("orders", ())
        return Rule(
            terms, ways.vet, ways.triage, self.alarms, service.vet_failures_limit, service.vet_failures_window_s
        )

    def _watch(self, routes: list[RunningRoute], now_and_then: list[Callable[[], None]]) -> Watch:
        service = self.settings.service
        self.tls = [contexts for route in routes for contexts in route.tls]
        self.expiry = Expiry({route.name: route.tls for route in routes}, self.alarms, self.reactor.seconds, self.wall)
        return Watch(
            [route.name for route in routes],
            self.writer,
            self.reading.read,
            self.metrics,
            self.alarms,
            WatchLimits(service.commit_stall_s, service.overdue_alarm_s, limits_of(self.settings)),
            self.reactor,
            self.wall,
            self.steering.look_at_the_date,
            [self.expiry.look_now_and_then, *now_and_then],
        )

    def _ops(self, watch: Watch, worker: VetWorker, listening: Callable[[], bool]) -> tuple[Any, Any] | None:
        service = self.settings.service
        if not service.ops:
            return None
        checks = {"listening": listening, "store": lambda: watch.store_is_well}
        door = VetDoor(self.rule, worker, self.readers.remembered, _describe)
        root = ops_root(self.metrics, checks, lambda: [alarm.code for alarm in self.alarms.active], door)
        site = OpsSite(root, AllowList(service.ops_allow), MOST_VET_BODY_BYTES, self.reactor)
        return server_endpoint(self.reactor, service.ops, None), site

    def reload(self) -> "Deferred[tuple[bool, str]]":
        """Read mappings, mode, policy and certificates anew; what is wrong changes nothing (R18)."""
        reread = self.reread
        if reread is None:
            return succeed((False, "this service was started without a settings file"))

        def read() -> tuple[Settings, Course, list[Any]]:
            settings = reread()
            return settings, read_course(settings, self.today), [contexts.read() for contexts in self.tls]

        return deferToThread(read).addCallbacks(self._reloaded, self._not_reloaded)

    def _reloaded(self, found: tuple[Settings, Course, list[Any]]) -> tuple[bool, str]:
        settings, course, renewed = found
        for contexts, context in zip(self.tls, renewed, strict=True):
            contexts.context = context
        self.expiry.look()
        before, self.settings = self.settings, settings
        self.steering.set_course(course)
        if settings.service.mode != before.service.mode:
            job = SetMode(Mode(settings.service.mode), "settings", "reloaded", self.wall())
            self.writer.submit(job).addErrback(_reported)
        self._note("reload", {"mappings": course.digest, "policy": course.policy.id if course.policy else ""})
        rest = settings.route != before.route or _but_mode(settings) != _but_mode(before)
        emit("S_RELOAD", "info", mappings=course.digest, restart_needed=rest)
        told = f"mappings {course.digest} are in force"
        return True, told + ("; other settings changed too, they need a restart" if rest else "")

    def _not_reloaded(self, failure: Failure) -> tuple[bool, str]:
        emit("S_RELOAD_REFUSED", "error", error=error_name(failure))
        why = str(failure.value) if isinstance(failure.value, Hl7calfError) else error_name(failure)
        return False, f"nothing was changed: {why}"

    def _note(self, kind: str, details: dict[str, str]) -> None:
        """Write into the modification log what was decided by starting or reloading."""
        policy = self.settings.policy
        if policy is not None:
            details = details | {"policy": policy.id, "policy_version": policy.version}
        self.writer.submit(Event(kind, self.wall(), details)).addErrback(_reported)

    def _broken(self, error: JournalBroken) -> None:
        emit("J_BROKEN", "critical", error=type(error).__name__)
        self.halt(BROKEN)


def node_of(settings: Settings) -> str:
    """Return this node's name."""
    return settings.service.node or socket.gethostname()


def _today() -> date:
    return date.today()  # noqa: DTZ011  # a policy's dates are the site's own calendar days


def _but_mode(settings: Settings) -> object:
    return {key: value for key, value in _fields(settings.service) if key not in ("mode", "mappings")}.items()


def _fields(struct: Any) -> list[tuple[str, object]]:
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def _describe(verdict: Verdict) -> dict[str, Any]:
    return verdict_to_json(verdict, "request")


def _reported(failure: Failure) -> None:
    emit("S_UNEXPECTED", "error", error=error_name(failure))
