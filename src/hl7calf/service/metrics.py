"""The figures an operator watches, under the names of the contract.

Law: labels are names out of the settings and codes out of closed sets, never text of a message (S21). The hot
path only adds to children bound once per route.
"""

from collections.abc import Callable
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_SHORT_S = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LONG_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0)

cast(Callable[[], None], disable_created_metrics)()  # a second series per counter that says when the process started


class Metrics:
    """All metrics of one process, in a registry of their own.

    Attributes are named as in the contract, without the prefix `hl7calf_` and a counter's `_total`.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("received", "messages recorded, resends not counted")
        self.acked = self._counter("acked", "acknowledgments sent, by MSA-1", "code")
        self.delivered = self._counter("delivered", "messages the destination acknowledged")
        self.duplicates = self._counter("duplicates", "resends recognised and not forwarded again")
        self.queued = self._gauge("queued", "messages waiting to be delivered")
        self.parked = self._gauge("parked", "messages that wait for a person")
        self.quarantined = self._gauge("quarantined", "messages that could not be read")
        self.rejected = self._counter("rejected", "messages refused to their sender or given up, by code", "code")
        self.oldest_queued_seconds = self._gauge("oldest_queued_seconds", "age of the oldest queued message")
        self.verdict = self._counter(
            "verdict", "orders by what was done and the gate that stopped more", "action", "gate"
        )
        self.vet_seconds = self._histogram("vet_seconds", "time of a full vetting", _SHORT_S)
        self.commit_seconds = self._histogram("commit_seconds", "time of a commit, sync included", _SHORT_S, by=())
        self.delivery_seconds = self._histogram("delivery_seconds", "from arrival to the destination's answer", _LONG_S)
        self.frame_fault = self._counter("frame_fault", "framing faults and tolerated oddities", "code")
        self.vet_fault = self._counter("vet_fault", "messages whose original went on because vetting failed", "code")
        self.unknown_outcome = self._counter("unknown_outcome", "sends whose outcome is unknown")
        self.stray_answer = self._counter("stray_answer", "answers of the destination that nobody waited for")
        self.connections = self._gauge("connections", "peers connected")
        self.destination_connections = self._gauge("destination_connections", "connections to the destination")
        self.mode_info = Gauge("hl7calf_mode_info", "the mode in force", ["mode"], registry=self.registry)
        self.mappings_info = Gauge("hl7calf_mappings_info", "the mappings in force", ["digest"], registry=self.registry)
        self.log_anchor = Gauge(
            "hl7calf_log_anchor", "number of the last log entry, by its hash, every anchor_every_s", ["hash"],
            registry=self.registry,
        )  # fmt: skip
        self.audit_unsent = Gauge("hl7calf_audit_unsent", "log entries not yet sent to syslog", registry=self.registry)
        self.books_unbalanced = self._gauge("books_unbalanced", "1 when received is not the sum of the states")
        self.alarm = Gauge("hl7calf_alarm", "alarms that need a person", ["route", "code"], registry=self.registry)

    def _counter(self, name: str, doc: str, *more: str) -> Counter:
        return Counter(f"hl7calf_{name}", doc, ["route", *more], registry=self.registry)

    def _gauge(self, name: str, doc: str) -> Gauge:
        return Gauge(f"hl7calf_{name}", doc, ["route"], registry=self.registry)

    def _histogram(
        self, name: str, doc: str, buckets: tuple[float, ...], by: tuple[str, ...] = ("route",)
    ) -> Histogram:
        return Histogram(f"hl7calf_{name}", doc, by, buckets=buckets, registry=self.registry)

    def set_mode(self, mode: str) -> None:
        """Show the mode in force."""
        self.mode_info.clear()
        self.mode_info.labels(mode).set(1)

    def set_mappings(self, digest: str) -> None:
        """Show the mappings in force."""
        self.mappings_info.clear()
        self.mappings_info.labels(digest).set(1)

    def set_log_anchor(self, sequence: int, digest: str) -> None:
        """Show the end of the modification log; the series of the one before is gone."""
        self.log_anchor.clear()
        self.log_anchor.labels(digest).set(sequence)

    def exposition(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self.registry)


class RouteMetrics:
    """The counters of one route, bound once; counts by code are bound at first use."""

    def __init__(self, metrics: Metrics, route: str) -> None:
        self.received: Callable[[], None] = metrics.received.labels(route).inc
        self.delivered: Callable[[], None] = metrics.delivered.labels(route).inc
        self.duplicates: Callable[[], None] = metrics.duplicates.labels(route).inc
        self.unknown_outcome: Callable[[], None] = metrics.unknown_outcome.labels(route).inc
        self.stray_answer: Callable[[], None] = metrics.stray_answer.labels(route).inc
        self.vet_seconds: Callable[[float], None] = metrics.vet_seconds.labels(route).observe
        self.delivery_seconds: Callable[[float], None] = metrics.delivery_seconds.labels(route).observe
        self.connections: Callable[[float], None] = metrics.connections.labels(route).set
        self.destination_connections: Callable[[float], None] = metrics.destination_connections.labels(route).set
        self._route = route
        self._by_code = {
            "acked": metrics.acked,
            "rejected": metrics.rejected,
            "frame_fault": metrics.frame_fault,
            "vet_fault": metrics.vet_fault,
        }
        self._bound: dict[tuple[str, str], Callable[[], None]] = {}
        self._verdict = metrics.verdict
        self._bound_verdicts: dict[tuple[str, str], Callable[[], None]] = {}

    def acked(self, code: str) -> None:
        """Count an acknowledgment sent."""
        self._count("acked", code)

    def rejected(self, code: str) -> None:
        """Count a message refused."""
        self._count("rejected", code)

    def frame_fault(self, code: str) -> None:
        """Count a framing fault or a tolerated oddity."""
        self._count("frame_fault", code)

    def vet_fault(self, code: str) -> None:
        """Count a message whose original went on because vetting failed."""
        self._count("vet_fault", code)

    def verdict(self, action: str, gate: str) -> None:
        """Count one order."""
        bound = self._bound_verdicts.get((action, gate))
        if bound is None:
            bound = self._bound_verdicts[action, gate] = self._verdict.labels(self._route, action, gate).inc
        bound()

    def _count(self, what: str, code: str) -> None:
        bound = self._bound.get((what, code))
        if bound is None:
            bound = self._bound[what, code] = self._by_code[what].labels(self._route, code).inc
        bound()
