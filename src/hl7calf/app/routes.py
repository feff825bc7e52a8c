"""One route's settings turned into its listener and its forwarder.

Law: settings end here; what the parts get are limits, endpoints and callables.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from hl7calf.app.ways import way_of
from hl7calf.config import ForwardTls, ListenTls, Route, Service
from hl7calf.config.endpoints import read_connect
from hl7calf.service.acknowledging import Acknowledger
from hl7calf.service.admission import AllowList, Door, ListenLimits
from hl7calf.service.alarms import Alarms
from hl7calf.service.delivery import BackOff, Decider, Patience
from hl7calf.service.destination import Talk
from hl7calf.service.forwarder import Forwarder, ForwarderParts
from hl7calf.service.intake import IntakeParts
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import Queued
from hl7calf.service.journal.writer import Writer
from hl7calf.service.lanes import LaneRule
from hl7calf.service.listener import Listener
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.orders_in_flight import OrdersInFlight
from hl7calf.service.pressure import Pressure
from hl7calf.service.reading import ReadingThread
from hl7calf.service.reception import Manners, Reception
from hl7calf.service.rule import RouteRule, Rule
from hl7calf.service.running import RunningRoute
from hl7calf.service.sockets import client_endpoint, server_endpoint
from hl7calf.service.tls import ServerContexts, ServerTls
from hl7calf.service.tls_client import ClientContexts, ClientTls
from hl7calf.service.vetworker import VetWorker
from hl7calf.wire.mllp import Blocks, Deframer, FrameLimits

ALL_LANES = 4_000_000_000.0  # Unix seconds far ahead: lanes are read whatever their next attempt (P21)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all routes work with."""

    reactor: Any
    service: Service
    writer: Writer
    reading: ReadingThread
    rule: Rule
    worker: VetWorker
    orders: OrdersInFlight
    pressure: Pressure
    metrics: Metrics
    alarms: Alarms
    acknowledger: Acknowledger
    wall: Callable[[], float]


def build_route(route: Route, shared: Shared) -> RunningRoute:
    """Build one route.

    Raises:
        TlsFiles: a certificate or key cannot be used.
    """
    metrics = RouteMetrics(shared.metrics, route.name)
    way = way_of(route.direction, route.languages)
    lanes = LaneRule(route.name, route.order_by)
    inward, outward = _server_tls(route.tls), client_tls(route.forward_tls, read_connect(route.forward).host)
    forwarder = _forwarder(route, shared, metrics, lanes.keyed, outward)
    parts = IntakeParts(
        shared.writer, RouteRule(shared.rule, way.vet, way.triage), shared.worker, shared.orders, shared.pressure,
        metrics, shared.reactor.seconds,
    )  # fmt: skip
    manners = _manners(route, shared.service)
    reception = Reception(
        route.name, manners, parts, lanes, shared.acknowledger, forwarder, shared.reactor, shared.wall
    )
    frame_limits = FrameLimits(max_frame_bytes=route.max_frame_bytes)
    blocks = Blocks(*route.block_characters)

    def deframer() -> Deframer:
        return Deframer(frame_limits, blocks, route.strict_framing, route.lenient_start)

    listener = Listener(
        route.name,
        _door(route),
        reception,
        deframer,
        shared.pressure,
        metrics,
        shared.service.unfinished_frames_max_bytes,
        shared.reactor,
        blocks,
        route.mllp_release == 2,
    )
    endpoint = server_endpoint(shared.reactor, route.listen, inward)
    tls = [contexts for contexts in (inward, outward) if contexts is not None]
    return RunningRoute(route.name, listener, endpoint, forwarder, tls)


def _manners(route: Route, service: Service) -> Manners:
    _, end, trailer = route.forward_block_characters
    same = route.block_characters == route.forward_block_characters  # then no payload can hold what ends a frame
    return Manners(
        route.ack == "relay", route.relay_hold_s, route.forward_unreadable, route.review == "hold",
        service.vet_budget_ms / 1000, route.training == "pass", route.relay_late, route.mllp_release == 2,
        b"" if same else bytes((end, trailer)), route.batches == "refuse",
    )  # fmt: skip


def _door(route: Route) -> Door:
    limits = ListenLimits(
        route.connections_per_listener,
        route.connections_per_address,
        route.first_byte_timeout_s,
        route.frame_timeout_s,
        route.idle_timeout_s,
        route.stale_connection_s,
        route.keepalive_s,
    )
    by_certificate = route.tls is not None and bool(route.tls.client_ca)
    return Door(limits, None if by_certificate and not route.allow else AllowList(route.allow))


def _forwarder(
    route: Route, shared: Shared, metrics: RouteMetrics, keyed: bool, tls: ClientContexts | None
) -> Forwarder:
    parts = ForwarderParts(
        shared.writer,
        _outbox(route.name, keyed, shared.reading),
        Decider(route.nack_actions(), Patience(route.max_attempts, 3, route.unanswered_parks_in_a_row)),
        BackOff(route.retry_initial_s, route.retry_max_s, random.Random().random),
        metrics,
        shared.alarms,
        shared.reactor,
        shared.wall,
    )
    target = read_connect(route.forward)
    endpoint = client_endpoint(shared.reactor, target.host, target.port, route.connect_timeout_s, tls)
    talk = Talk(
        route.ack_timeout_s,
        route.match_control_id == "tolerant",
        route.forward_tls is not None,
        Blocks(*route.forward_block_characters),
        route.forward_dead_after_s,
        route.connect_timeout_s,
        route.forward_mllp_release == 2,
    )
    return Forwarder(
        route.name,
        parts,
        endpoint.connect,
        talk,
        connections=route.connections,
        keyed=keyed,
        relay=route.ack == "relay",
    )


def _outbox(route: str, keyed: bool, reading: ReadingThread) -> Callable[[int], "Deferred[list[Queued]]"]:
    """Return what reads the next free messages of a route: in order, or the first of each lane."""

    def in_order(limit: int) -> "Deferred[list[Queued]]":
        return reading.read(lambda reader: _head(reader, route, limit))

    def by_lane(limit: int) -> "Deferred[list[Queued]]":
        return reading.read(lambda reader: reader.due(route, ALL_LANES, limit))

    return by_lane if keyed else in_order


def _head(reader: Reader, route: str, limit: int) -> list[Queued]:
    return reader.outbox_head(route, route, limit)


def _server_tls(tls: ListenTls | None) -> ServerContexts | None:
    if tls is None:
        return None
    client_ca, revoked = (Path(name) if name else None for name in (tls.client_ca, tls.revoked))
    return ServerContexts(ServerTls(Path(tls.certificate), Path(tls.key), client_ca, revoked, tls.clients))


def client_tls(tls: ForwardTls | None, host: str) -> ClientContexts | None:
    """Return the TLS toward a server, None for none."""
    if tls is None:
        return None
    own = (Path(tls.certificate), Path(tls.key)) if tls.certificate else (None, None)
    return ClientContexts(ClientTls(tls.name or host, Path(tls.ca) if tls.ca else None, *own))
