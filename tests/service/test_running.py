"""The order in which the service starts and stops."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock

from hl7calf.errors import JournalBroken
from hl7calf.service.running import FAILED, Inside, Running, RunningRoute
from tests.service.doubles import events


class Part:
    """Stands for any part: notes what is asked of it."""

    def __init__(self, name: str, steps: list[str]) -> None:
        self.name = name
        self.steps = steps
        self.stopping: Deferred[None] | None = None
        self.unclean = False
        self.broken: JournalBroken | None = None
        self.listening = True
        self.unrecorded = 0
        self.fails = False

    def _step(self, what: str) -> None:
        self.steps.append(f"{self.name} {what}")

    def start(self) -> None:
        self._step("start")

    def stop(self) -> "Deferred[None]":
        self._step("stop")
        return self.stopping or succeed(None)

    def close(self) -> None:
        self._step("close")

    def abort(self) -> None:
        self._step("abort")

    def abandon(self) -> None:
        self._step("abandon")

    def listen(self, endpoint: Any) -> "Deferred[Any]":
        self._step("listen")
        answer: Deferred[Any] = Deferred()
        if self.fails:
            answer.errback(CannotListenError("127.0.0.1", 2575, OSError(98, "in use")))
        else:
            answer.callback(self)
        return answer

    def stopListening(self) -> None:
        self._step("stopListening")

    def getHost(self) -> Any:
        return type("Host", (), {"port": 9575})()

    @property
    def reception(self) -> "Part":
        return self

    @property
    def intake(self) -> "Part":
        return self


class Bench:
    def __init__(self) -> None:
        self.steps: list[str] = []
        self.clock = Clock()
        self.halted: list[int] = []
        names = ("store", "writer", "reading", "worker", "control", "watch", "listener", "forwarder", "ops")
        self.parts: dict[str, Any] = {name: Part(name, self.steps) for name in names}
        parts = self.parts
        inside = Inside(
            parts["store"], parts["writer"], parts["reading"], (parts["worker"],), parts["control"], parts["watch"]
        )
        route = RunningRoute("orders", parts["listener"], parts["ops"], parts["forwarder"])
        self.running = Running(inside, [route], (parts["ops"], parts["ops"]), 10.0, self.clock, self.halted.append)


def test_it_starts_from_the_inside_out() -> None:
    bench = Bench()
    bench.running.startService()
    assert bench.steps == ["control start", "watch start", "forwarder start", "ops listen", "listener listen"]
    assert bench.running.listening and bench.running.ops_port == 9575


def test_an_unclean_start_is_told() -> None:
    bench = Bench()
    bench.parts["store"].unclean = True
    with events() as seen:
        bench.running.startService()
    assert "S_UNCLEAN" in seen.codes


def test_a_port_that_cannot_be_taken_ends_the_process() -> None:
    bench = Bench()
    bench.parts["listener"].fails = True
    with events() as seen:
        bench.running.startService()
    assert bench.halted == [FAILED]
    assert {
        "code": "S_LISTEN_FAILED",
        "route": "orders",
        "error": "CannotListenError",
        "errno": 98,
        "level": "critical",
    } in seen


def test_p22_it_stops_from_the_outside_in() -> None:
    bench = Bench()
    bench.running.startService()
    bench.steps.clear()
    stopped: list[str] = []
    bench.running.stopService().addCallback(lambda _: stopped.append("yes"))
    assert stopped == ["yes"]
    assert bench.steps == [
        "control stop",
        "watch stop",
        "listener stop",
        "listener stop",
        "listener abort",
        "forwarder stop",
        "forwarder close",
        "worker stop",
        "ops stopListening",
        "reading stop",
        "writer stop",
        "store close",
    ]


def test_p22_a_peer_or_destination_that_will_not_end_is_given_up_in_time() -> None:
    bench = Bench()
    bench.running.startService()
    bench.parts["listener"].stopping = Deferred()
    bench.parts["forwarder"].stopping = Deferred()
    stopped: list[str] = []
    bench.running.stopService().addCallback(lambda _: stopped.append("yes"))
    assert not bench.running.listening
    bench.clock.advance(5)
    assert "listener abort" in bench.steps and stopped == []
    bench.clock.advance(5)
    assert stopped == ["yes"] and bench.steps[-1] == "store close"


def test_a_store_that_is_still_writing_is_not_closed_under_it() -> None:
    bench = Bench()
    bench.running.startService()
    bench.parts["writer"].stopping = Deferred()
    bench.running.stopService()
    bench.clock.advance(20)
    assert "store close" not in bench.steps


def test_a_broken_store_is_left_as_it_is() -> None:
    bench = Bench()
    bench.running.startService()
    bench.parts["writer"].broken = JournalBroken("sync")
    bench.running.stopService()
    assert bench.steps[-1] == "store abandon"
