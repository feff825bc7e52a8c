"""The end of the log, told every so often, in the form that proves a cut tail."""

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from hl7calf.errors import JournalError
from hl7calf.service.anchor import Anchoring
from hl7calf.service.metrics import Metrics
from hl7calf.service.modlog import Anchor
from tests.service.doubles import events


class Bench:
    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.told: list[tuple[str, str]] = []
        self.head = Anchor(7, b"\xab" * 32)
        self.error: Exception | None = None
        self.anchoring = Anchoring(
            self._read, self.metrics, lambda kind, text: self.told.append((kind, text)), self.clock.seconds, 300.0
        )

    def _read(self, what: Any) -> "Deferred[Anchor]":
        return fail(self.error) if self.error else succeed(self.head)


def test_it_is_told_at_once_and_every_five_minutes_not_more_often() -> None:
    bench = Bench()
    for _ in range(31):
        bench.anchoring.look()
        bench.clock.advance(10.0)
    assert bench.told == [("anchor", "7:" + "ab" * 32)] * 2


def test_the_metric_holds_the_newest_anchor_alone() -> None:
    bench = Bench()
    bench.anchoring.look()
    bench.head = Anchor(9, b"\xcd" * 32)
    bench.clock.advance(300.0)
    bench.anchoring.look()
    shown = [
        line for line in bench.metrics.exposition().decode().splitlines() if line.startswith("hl7calf_log_anchor{")
    ]
    assert shown == ['hl7calf_log_anchor{hash="' + "cd" * 32 + '"} 9.0']


def test_a_store_that_cannot_be_read_is_told_and_tried_again() -> None:
    bench = Bench()
    bench.error = JournalError("busy")
    with events() as seen:
        bench.anchoring.look()
    assert seen.codes == ["S_UNEXPECTED"] and bench.told == []
    bench.error = None
    bench.clock.advance(300.0)
    bench.anchoring.look()
    assert len(bench.told) == 1
