"""The ops port over real HTTP bytes, without a socket."""

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.web.resource import Resource

from hl7calf.service.admission import AllowList
from hl7calf.service.metrics import Metrics, RouteMetrics
from hl7calf.service.ops import OpsSite, ops_root
from tests.service.doubles import events


class Echo(Resource):
    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        return b"%d bytes" % len(request.content.read())


class Bench:
    def __init__(self, max_body_bytes: int = 1000, networks: tuple[str, ...] = ()) -> None:
        self.checks = {"listening": True, "store": True}
        self.alarms: list[str] = []
        self.metrics = Metrics()
        checks = {name: lambda name=name: self.checks[name] for name in self.checks}
        root = ops_root(self.metrics, checks, lambda: self.alarms, Echo())
        self.reactor = MemoryReactorClock()
        self.site = OpsSite(root, AllowList(networks), max_body_bytes, self.reactor)
        self.site.startFactory()

    def ask(self, request: bytes, host: str = "127.0.0.1") -> tuple[int, bytes, bytes]:
        channel = self.site.buildProtocol(IPv4Address("TCP", host, 4000))
        if channel is None:
            return 0, b"", b""
        transport = StringTransport()
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        channel.makeConnection(transport)
        channel.dataReceived(request)
        head, _, body = transport.value().partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]) if head else 0, head, body

    def get(self, path: str) -> tuple[int, bytes, bytes]:
        return self.ask(f"GET {path} HTTP/1.0\r\n\r\n".encode())


def test_healthz_says_that_the_process_lives() -> None:
    assert Bench().get("/healthz")[::2] == (200, b"alive\n")


def test_readyz_says_by_which_check_it_is_red() -> None:
    bench = Bench()
    assert bench.get("/readyz")[0] == 200
    bench.checks["store"] = False
    bench.alarms = ["J_FULL"]
    status, _, body = bench.get("/readyz")
    assert status == 503
    assert json.loads(body) == {"ready": False, "checks": {"listening": True, "store": False}, "alarms": ["J_FULL"]}


def test_metrics_are_in_the_prometheus_text_format() -> None:
    bench = Bench()
    RouteMetrics(bench.metrics, "orders").received()
    status, head, body = bench.get("/metrics")
    assert status == 200 and b"text/plain; version=0.0.4" in head
    assert b'hl7calf_received_total{route="orders"} 1.0' in body


def test_nothing_else_is_there() -> None:
    bench = Bench()
    assert bench.get("/")[0] == 404
    assert bench.get("/metrics/../../etc/passwd")[0] == 404
    assert bench.ask(b"POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n")[0] == 405


def test_s13_a_body_beyond_the_limit_is_refused_before_it_is_read() -> None:
    bench = Bench(max_body_bytes=10)
    assert bench.ask(b"POST /vet HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789")[::2] == (
        200,
        b"10 bytes",
    )
    assert bench.ask(b"POST /vet HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n")[0] == 413
    assert bench.ask(b"POST /vet HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")[0] == 413


def test_who_is_not_allowed_gets_no_answer_at_all() -> None:
    bench = Bench()
    with events() as seen:
        assert bench.ask(b"GET /metrics HTTP/1.0\r\n\r\n", host="192.0.2.1")[0] == 0
    assert seen.codes == ["C_NOT_ALLOWED"]
    assert Bench(networks=("192.0.2.0/24",)).ask(b"GET /healthz HTTP/1.0\r\n\r\n", host="192.0.2.1")[0] == 200


def test_pages_are_not_kept_and_not_guessed_at() -> None:
    head = Bench().get("/healthz")[1].lower()
    assert b"cache-control: no-store" in head and b"x-content-type-options: nosniff" in head
