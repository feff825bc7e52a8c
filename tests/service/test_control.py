from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from hl7calf.calf.verdict import Mode
from hl7calf.errors import JournalError
from hl7calf.service.control import Actions, ControlDesk, Prepared
from hl7calf.service.journal.jobs import CarriedOut, CarryOut
from hl7calf.service.journal.views import Control, Request
from tests.service.doubles import MemoryJournal, events, order, upgraded


def wanted(mode: Mode | None = None, paused: bool = False) -> Control:
    return Control(mode, "u", "r", 0.0, paused, "")


def request(number: int, kind: str, value: str = "") -> Request:
    return Request(number, kind, 5, value, "u", "r", 0.0, None, False, "")


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.journal = MemoryJournal()
        self.is_changed = True
        self.now = wanted()
        self.open: list[Request] = []
        self.done: list[str] = []
        self.error: Exception | None = None
        self.journal.answers[CarryOut] = self._carried
        self.reloading: Deferred[tuple[bool, str]] = succeed((True, "reloaded"))
        self.vetting: Deferred[Prepared] = Deferred()
        actions = Actions(
            lambda mode: self.done.append(f"mode {mode}"),
            lambda paused: self.done.append(f"pause {paused}"),
            lambda: self.done.append("queue"),
            self._reload,
            self._vet_again,
        )
        self.desk = ControlDesk(self, self.journal.submit, actions, self.clock, lambda: 1000.0, poll_s=0.2)

    def _reload(self) -> "Deferred[tuple[bool, str]]":
        self.done.append("reload")
        return self.reloading

    def _vet_again(self, request: Request) -> "Deferred[Prepared]":
        self.done.append(f"vet {request.message_id}")
        return self.vetting

    def _carried(self, job: CarryOut) -> CarriedOut:
        kind = next(one.kind for one in self.open if one.request_id == job.request_id)
        self.open = [one for one in self.open if one.request_id != job.request_id]
        if kind == "mode":
            self.now = wanted(Mode.OBSERVE)
        return CarriedOut(job.request_id, job.ok, job.message, kind)

    def changed(self) -> bool:
        if self.error:
            raise self.error
        return self.is_changed

    def control(self) -> Control:
        return self.now

    def requests(self) -> list[Request]:
        return self.open


def test_it_looks_five_times_a_second_and_only_when_something_changed() -> None:
    bench = Bench()
    bench.is_changed = False
    bench.desk.start()
    assert bench.done == []
    bench.is_changed = True
    bench.now = wanted(Mode.OBSERVE)
    bench.clock.advance(0.2)
    assert bench.done == ["mode observe", "pause False"]
    bench.clock.advance(0.2)
    assert bench.done.count("mode observe") == 1
    bench.desk.stop()
    assert bench.clock.getDelayedCalls() == []


def test_a_request_is_carried_out_once_and_acted_upon_when_it_is_on_disk() -> None:
    bench = Bench()
    bench.open = [request(1, "mode", "observe")]
    bench.desk.look()
    bench.desk.look()
    assert len(bench.journal.of(CarryOut)) == 1
    assert "mode observe" not in bench.done
    with events() as seen:
        bench.journal.commit()
    assert "mode observe" in bench.done
    assert seen == [{"code": "S_REQUEST", "request": 1, "kind": "mode", "ok": True, "level": "info"}]


def test_after_a_queue_request_the_queue_is_read_anew() -> None:
    for kind in ("retry", "release", "skip", "park"):
        bench = Bench()
        bench.open = [request(1, kind)]
        bench.desk.look()
        assert "queue" not in bench.done
        bench.journal.commit()
        assert "queue" in bench.done


def test_a_reload_is_done_first_and_then_answered_with_what_came_of_it() -> None:
    bench = Bench()
    bench.reloading = Deferred()
    bench.open = [request(1, "reload")]
    bench.desk.look()
    assert bench.journal.of(CarryOut) == []
    bench.reloading.callback((False, "nothing was changed: x.csv"))
    assert (bench.journal.of(CarryOut)[0].ok, bench.journal.of(CarryOut)[0].message) == (
        False,
        "nothing was changed: x.csv",
    )


def test_what_a_reviewer_wants_raised_is_vetted_first_and_settled_when_the_journal_has_answered() -> None:
    bench = Bench()
    bench.open = [request(1, "raise")]
    bench.desk.look()
    assert bench.done[-1] == "vet 5" and bench.journal.of(CarryOut) == []
    found = upgraded(order())
    bench.vetting.callback(Prepared(True, "", found, lambda: bench.done.append("settled")))
    assert bench.journal.of(CarryOut)[0].verdict is found and "settled" not in bench.done
    bench.journal.commit()
    assert [one for one in bench.done if one in ("settled", "queue")] == ["settled", "queue"]


def test_a_preparation_that_breaks_stops_nothing() -> None:
    bench = Bench()

    def broken(request: Request) -> "Deferred[Prepared]":
        raise RuntimeError("a mistake")

    object.__setattr__(bench.desk._actions, "vet_again", broken)
    bench.open = [request(1, "raise"), request(2, "skip")]
    with events() as seen:
        bench.desk.look()
    assert seen.codes == ["S_UNEXPECTED"]
    assert [job.request_id for job in bench.journal.of(CarryOut)] == [2]


def test_a_raise_that_could_not_be_recorded_is_settled_too() -> None:
    bench = Bench()
    bench.open = [request(1, "raise")]
    bench.vetting = succeed(Prepared(settle=lambda: bench.done.append("settled")))
    bench.desk.look()
    bench.journal.fail(JournalError("no room"))
    assert "settled" in bench.done


def test_a_pause_of_a_restored_journal_is_obeyed_from_the_first_look() -> None:
    bench = Bench()
    bench.now = wanted(paused=True)
    bench.desk.start()
    assert bench.done == ["pause True"]
    bench.desk.stop()


def test_a_look_that_fails_is_told_and_tried_again() -> None:
    bench = Bench()
    bench.error = JournalError("busy")
    with events() as seen:
        bench.desk.start()
    assert seen.codes == ["S_UNEXPECTED"]
    bench.error = None
    bench.clock.advance(0.2)
    assert bench.done == ["pause False"]
    bench.desk.stop()


def test_a_request_that_could_not_be_recorded_is_tried_at_the_next_look() -> None:
    bench = Bench()
    bench.open = [request(1, "skip")]
    bench.desk.look()
    bench.journal.fail(JournalError("no room"))
    bench.desk.look()
    assert len(bench.journal.of(CarryOut)) == 2
