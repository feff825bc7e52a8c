from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from hl7calf.errors import JournalError
from hl7calf.service.alarms import Alarms
from hl7calf.service.journal.jobs import FOR_EVER_S, Limits, Purge, Purged
from hl7calf.service.journal.views import Books, Control, RouteStatus, Status
from hl7calf.service.metrics import Metrics
from hl7calf.service.watch import Watch, WatchLimits
from tests.service.doubles import events


class Writer:
    def __init__(self) -> None:
        self.full = False
        self.commits = 0
        self.last_commit_s = 0.01
        self.waiting = 0
        self.purges: list[Purge] = []
        self.more = False

    def submit(self, job: Purge) -> "Deferred[Purged]":
        self.purges.append(job)
        return succeed(Purged(0, 0, 0, 0, 0, self.more))


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.writer = Writer()
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self.books = Books()
        self.oldest: float | None = None
        self.quarantined_at: float | None = None
        self.looked: list[str] = []
        self.error: Exception | None = None
        self.jumped_s = 0.0
        self.few_files = False
        self.watch = Watch(
            ["orders"],
            self.writer,
            self._read,
            self.metrics,
            self.alarms,
            WatchLimits(commit_stall_s=10, overdue_s=60),
            self.clock,
            lambda: 1000.0 + self.jumped_s + self.clock.seconds(),
            lambda: self.looked.append("date"),
            [lambda: self.looked.append("now and then")],
            lambda: self.few_files,
        )

    def _read(self, what: Any) -> "Deferred[Status]":
        if self.error is not None:
            failed: Deferred[Status] = Deferred()
            failed.errback(self.error)
            return failed
        route = RouteStatus("orders", self.books, self.oldest, None, None, "", "", self.quarantined_at)
        return succeed(Status("n", True, Control(None, "", "", 0.0, False, ""), (route,), 0, b"", 0, 0))

    def seconds(self, number: int) -> None:
        for _ in range(number):
            self.clock.advance(1)

    @property
    def codes(self) -> list[str]:
        return [alarm.code for alarm in self.alarms.active]


def started() -> Bench:
    bench = Bench()
    bench.watch.start()
    return bench


def test_p13_a_full_disk_turns_ready_red_and_green_again_by_itself() -> None:
    bench = started()
    assert bench.watch.store_is_well
    bench.writer.full = True
    bench.seconds(1)
    assert bench.codes == ["J_FULL"] and not bench.watch.store_is_well
    bench.seconds(3)
    assert bench.writer.purges, "somebody must find out whether there is room again"
    bench.writer.full = False
    with events() as seen:
        bench.seconds(1)
    assert bench.codes == [] and bench.watch.store_is_well
    assert seen.codes == ["J_ROOM"]


def test_r6_a_commit_that_hangs_turns_ready_red_after_ten_seconds() -> None:
    bench = started()
    bench.writer.waiting = 5
    bench.seconds(9)
    assert bench.watch.store_is_well
    bench.seconds(2)
    assert bench.codes == ["J_STALLED"] and not bench.watch.store_is_well
    bench.writer.commits += 1
    bench.seconds(1)
    assert bench.codes == []


def test_a_store_that_has_nothing_to_do_is_well() -> None:
    bench = started()
    bench.seconds(100)
    assert bench.watch.store_is_well and bench.codes == []


def test_a_commit_that_has_just_begun_after_a_quiet_night_does_not_hang() -> None:
    bench = started()
    bench.seconds(100)
    bench.writer.waiting = 1
    bench.seconds(5)
    assert bench.watch.store_is_well and bench.codes == []


def test_p14_the_books_become_figures_every_ten_seconds() -> None:
    bench = started()
    bench.books = Books(received=5, queued=2, delivered=1, parked=1, quarantined=1)
    bench.oldest = 1000.0
    bench.seconds(10)
    text = bench.metrics.exposition().decode()
    for line in ("queued 2.0", "parked 1.0", "quarantined 1.0", "oldest_queued_seconds 10.0", "books_unbalanced 0.0"):
        name, _, value = line.partition(" ")
        assert f'hl7calf_{name}{{route="orders"}} {value}' in text
    assert bench.codes == ["D_PARKED"]


def test_p14_books_that_do_not_balance_are_an_alarm() -> None:
    bench = started()
    bench.books = Books(received=5, delivered=4)
    bench.seconds(10)
    assert bench.codes == ["J_UNBALANCED"]
    assert 'books_unbalanced{route="orders"} 1.0' in bench.metrics.exposition().decode()


def test_p14_a_message_that_waits_too_long_is_an_alarm_until_it_is_gone() -> None:
    bench = started()
    bench.books = Books(received=1, queued=1)
    bench.oldest = 1000.0
    bench.seconds(50)
    assert bench.codes == []
    with events() as seen:
        bench.seconds(10)
    assert bench.codes == ["D_OVERDUE"]
    assert (seen[0]["messages"], seen[0]["oldest_s"]) == (1, 60), "with their number and the age of the oldest"
    bench.books = Books(received=1, delivered=1)
    bench.oldest = None
    bench.seconds(10)
    assert bench.codes == []


def test_the_date_is_looked_at_every_second_and_the_rest_every_tenth() -> None:
    bench = started()
    bench.seconds(19)
    assert (bench.looked.count("date"), bench.looked.count("now and then")) == (20, 2)


def test_r20_a_blocked_reactor_is_told() -> None:
    bench = started()
    bench.seconds(1)
    with events() as seen:
        bench.clock.advance(3)
    assert "S_STALL" in seen.codes


def test_old_messages_are_forgotten_step_by_step() -> None:
    bench = started()
    bench.seconds(599)
    assert bench.writer.purges == []
    bench.writer.more = True
    bench.seconds(5)
    assert len(bench.writer.purges) >= 3
    bench.writer.more = False
    bench.seconds(1)
    so_far = len(bench.writer.purges)
    bench.seconds(500)
    assert len(bench.writer.purges) == so_far


def test_a_reading_that_fails_is_told_and_tried_again() -> None:
    bench = Bench()
    bench.error = JournalError("busy")
    with events() as seen:
        bench.watch.start()
    assert seen.codes == ["S_UNEXPECTED"]
    bench.error = None
    bench.books = Books(received=1, parked=1)
    bench.seconds(10)
    assert bench.codes == ["D_PARKED"]
    bench.watch.stop()
    assert bench.clock.getDelayedCalls() == []


def test_p21_after_the_time_of_day_jumped_nothing_is_forgotten_for_its_age_until_a_day_has_passed() -> None:
    bench = started()
    bench.seconds(700)
    assert [job.limits for job in bench.writer.purges] == [Limits()]
    with events() as seen:
        bench.jumped_s = 315_576_000.0
        bench.seconds(1)
    assert seen.codes == ["S_CLOCK"] and seen[0]["jump_s"] == 315_576_000
    bench.seconds(1200)
    kept = bench.writer.purges[-1].limits
    assert min(kept.message_age_s, kept.log_age_s, kept.order_memory_age_s, kept.duplicate_age_s) == FOR_EVER_S
    assert (kept.max_bytes, kept.duplicate_keys) == (Limits().max_bytes, Limits().duplicate_keys)
    bench.seconds(86_400)
    assert bench.writer.purges[-1].limits == Limits()


def test_p21_a_clock_that_is_put_right_by_seconds_or_drifts_is_no_jump() -> None:
    bench = started()
    with events() as seen:
        for _ in range(10):
            bench.jumped_s += 20.0
            bench.seconds(100)
    assert seen.codes == []
    assert bench.writer.purges[-1].limits == Limits()


def test_what_is_in_quarantine_is_alarmed_until_it_is_decided_or_a_day_old() -> None:
    bench = started()
    bench.quarantined_at = 1000.0
    bench.seconds(10)
    assert bench.codes == ["H_QUARANTINED"]
    bench.quarantined_at = None
    bench.seconds(10)
    assert bench.codes == []
    bench.quarantined_at = 1010.0
    bench.seconds(10)
    assert bench.codes == ["H_QUARANTINED"]
    bench.jumped_s = 86_400.0
    bench.seconds(10)
    assert bench.codes == []


def test_r12_few_file_descriptors_are_an_alarm_until_there_are_more() -> None:
    bench = started()
    bench.few_files = True
    bench.seconds(10)
    assert bench.codes == ["S_NO_FILES"]
    bench.few_files = False
    bench.seconds(10)
    assert bench.codes == []
