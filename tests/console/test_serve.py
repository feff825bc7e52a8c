"""The process itself is run by test_in_a_browser; here what it does with a port and a signal."""

from typing import Any

from twisted.internet.testing import MemoryReactorClock

from hl7calf.console.serve import run
from tests.console.stage import Stage


class Reactor(MemoryReactorClock):
    """Remembers what would have run."""

    def __init__(self) -> None:
        super().__init__()
        self.after: list[Any] = []
        self.ran = 0

    def addSystemEventTrigger(self, phase: str, event: str, call: Any, *args: Any) -> None:  # type: ignore[override]
        self.after.append(call)

    def callWhenRunning(self, call: Any, *args: Any) -> None:  # type: ignore[override]
        call(*args)

    def run(self) -> None:
        self.ran += 1

    def stop(self) -> None:
        self.ran += 10


def test_it_listens_where_it_is_told_and_says_where_to_go(stage: Stage) -> None:
    reactor, said = Reactor(), list[str]()
    assert run(stage.desk, "tcp:9576:interface=127.0.0.1", said.append, reactor) == 0
    assert reactor.tcpServers[0][0] == 9576
    assert reactor.tcpServers[0][3] == "127.0.0.1"
    assert said[0].startswith("The console answers at http://127.0.0.1:9576/")
    for stop in reactor.after:
        stop()


def test_a_port_that_is_taken_is_said_and_ends_it(stage: Stage) -> None:
    class Taken(Reactor):
        def listenTCP(self, *args: Any, **more: Any) -> Any:
            from twisted.internet.error import CannotListenError

            raise CannotListenError("127.0.0.1", 9576, OSError("taken"))

    reactor, said = Taken(), list[str]()
    assert run(stage.desk, "tcp:9576:interface=127.0.0.1", said.append, reactor) == 1
    assert "Is another console running there?" in said[0]
    for stop in reactor.after:
        stop()
