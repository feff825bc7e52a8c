"""The one writing thread: what waits goes together, answers come after the sync, in order, in one call."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from hl7calf.errors import JournalBroken, JournalError, JournalFull
from hl7calf.service.journal.jobs import MarkDelivered, NotPossible, Recorded
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.writer import Writer
from tests.service.journal.building import T0, arrival, opened, payload
from tests.service.journal.failing_disk import FULL, SYNC, FailingDisk

PATIENCE_S = 10.0


class Answers:
    """What the Deferreds said, in the order they said it; waits for as many as are wanted."""

    def __init__(self) -> None:
        self.calls = 0
        self.said: list[tuple[str, Any]] = []
        self._changed = threading.Condition()

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Stand for `reactor.callFromThread`."""
        with self._changed:
            self.calls += 1
            function(*args)
            self._changed.notify_all()

    def listen(self, name: str, deferred: "Deferred[Any]") -> None:
        deferred.addCallbacks(
            lambda value: self.said.append((name, value)), lambda failure: self.said.append((name, failure.value))
        )

    def wait(self, number: int) -> dict[str, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.said) >= number, PATIENCE_S), self.said
            return dict(self.said)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    one = FailingDisk()
    yield one
    one.unregister()


def stop(writer: Writer) -> None:
    writer.stop()
    assert writer.join(PATIENCE_S)


def test_what_waits_goes_into_one_transaction_and_one_call(store: Store, answers: Answers) -> None:
    gate = threading.Event()
    store._batch._failpoint = lambda step: gate.wait(PATIENCE_S) and None if step == "begin" else None
    writer = Writer(store, answers.call)
    for number in range(101):
        answers.listen(str(number), writer.submit(arrival(f"A{number}")))
    assert writer.waiting == 101
    assert writer.waiting_bytes == sum(len(payload(f"A{number}")) for number in range(101))
    gate.set()
    answers.wait(101)
    assert [name for name, _ in answers.said] == [str(number) for number in range(101)]
    assert [value.message_id for _, value in answers.said] == list(range(1, 102))
    assert writer.commits <= 3
    assert answers.calls == writer.commits
    assert (writer.waiting, writer.waiting_bytes) == (0, 0)
    stop(writer)


def test_an_answer_comes_only_after_the_commit_returned(store: Store, answers: Answers) -> None:
    steps: list[str] = []
    store._batch._failpoint = steps.append
    writer = Writer(store, answers.call)
    deferred = writer.submit(arrival("A1"))
    deferred.addCallback(lambda recorded: steps.append("answered") or recorded)
    answers.listen("A1", deferred)
    answers.wait(1)
    assert steps == ["begin", "insert", "commit entered", "commit returned", "answered"]
    stop(writer)


def test_a_transaction_holds_no_more_than_it_may(store: Store, answers: Answers) -> None:
    gate = threading.Event()
    store._batch._failpoint = lambda step: gate.wait(PATIENCE_S) and None if step == "begin" else None
    writer = Writer(store, answers.call, max_batch=10)
    for number in range(30):
        answers.listen(str(number), writer.submit(arrival(f"A{number}")))
    gate.set()
    answers.wait(30)
    assert 3 <= writer.commits <= 4
    stop(writer)


def test_stopping_does_what_waits_first_and_takes_nothing_more(store: Store, answers: Answers) -> None:
    writer = Writer(store, answers.call)
    for number in range(20):
        answers.listen(str(number), writer.submit(arrival(f"A{number}")))
    answers.listen("stopped", writer.stop())
    answers.listen("late", writer.submit(arrival("late")))
    said = answers.wait(22)
    assert isinstance(said["late"], JournalError)
    assert all(isinstance(said[str(number)], Recorded) for number in range(20))
    assert answers.said[-1][0] == "stopped"
    assert writer.join(PATIENCE_S)


def test_what_is_not_possible_fails_alone(store: Store, answers: Answers) -> None:
    writer = Writer(store, answers.call)
    answers.listen("good", writer.submit(arrival("A1")))
    answers.listen("bad", writer.submit(MarkDelivered(99, b"", T0)))
    said = answers.wait(2)
    assert isinstance(said["good"], Recorded)
    assert isinstance(said["bad"], NotPossible)
    stop(writer)


def test_a_full_disk_is_told_and_passes(tmp_path: Path, disk: FailingDisk, answers: Answers) -> None:
    with opened(tmp_path, vfs="failing") as store:
        writer = Writer(store, answers.call)
        disk.on_write = lambda path: FULL
        answers.listen("A1", writer.submit(arrival("A1")))
        assert isinstance(answers.wait(1)["A1"], JournalFull)
        assert writer.full
        disk.on_write = lambda path: 0
        answers.listen("A2", writer.submit(arrival("A2")))
        assert isinstance(answers.wait(2)["A2"], Recorded)
        assert not writer.full
        stop(writer)


def test_a_delivery_is_noted_although_arrivals_find_no_room(
    tmp_path: Path, disk: FailingDisk, answers: Answers
) -> None:
    with opened(tmp_path, vfs="failing") as store, Reader(store.data_dir) as reader:
        gate = threading.Event()
        writer = Writer(store, answers.call)
        answers.listen("A1", writer.submit(arrival("A1")))
        answers.wait(1)
        store._batch._failpoint = lambda step: gate.wait(PATIENCE_S) and None if step == "begin" else None
        room = [40]  # blocks; the large arrival needs more, the delivery fewer

        def fail(path: str) -> int:
            room[0] -= 1
            return FULL if room[0] < 0 else 0

        answers.listen("first", writer.submit(MarkDelivered(99, b"", T0)))
        answers.listen("large", writer.submit(arrival("A2", data=payload("A2", "x" * 2_000_000))))
        answers.listen("delivered", writer.submit(MarkDelivered(1, b"", T0)))
        original = store._batch._roll_back
        store._batch._roll_back = lambda: (original(), room.__setitem__(0, 40))[0]  # type: ignore[method-assign, func-returns-value]
        disk.on_write = fail
        gate.set()
        said = answers.wait(4)
        disk.on_write = lambda path: 0
        assert isinstance(said["large"], JournalFull)
        assert not isinstance(said["delivered"], Exception)
        assert writer.full
        assert reader.books().delivered == 1
        stop(writer)


def test_a_failed_sync_breaks_the_writer_for_good_and_is_told_once(
    tmp_path: Path, disk: FailingDisk, answers: Answers
) -> None:
    store = opened(tmp_path, vfs="failing")
    told: list[JournalBroken] = []
    writer = Writer(store, answers.call, on_broken=told.append)
    disk.on_sync = lambda path: SYNC
    answers.listen("A1", writer.submit(arrival("A1")))
    answers.wait(1)
    disk.on_sync = lambda path: 0
    answers.listen("A2", writer.submit(arrival("A2")))
    said = answers.wait(2)
    assert isinstance(said["A1"], JournalBroken)
    assert isinstance(said["A2"], JournalBroken)
    assert told == [writer.broken]
    stop(writer)
    store.abandon()


def test_many_threads_may_submit(store: Store, answers: Answers) -> None:
    writer = Writer(store, answers.call)
    lock = threading.Lock()

    def submit(name: int) -> None:
        for number in range(25):
            with lock:
                answers.listen(f"{name}-{number}", writer.submit(arrival(f"{name}-{number}")))

    threads = [threading.Thread(target=submit, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = answers.wait(100)
    assert sorted(value.message_id for value in said.values()) == list(range(1, 101))
    stop(writer)


@pytest.mark.alone
def test_a_slow_disk_holds_up_the_writer_and_not_the_one_who_submits(
    tmp_path: Path, disk: FailingDisk, answers: Answers
) -> None:
    with opened(tmp_path, vfs="failing") as store:
        writer = Writer(store, answers.call)
        disk.on_sync = lambda path: time.sleep(0.3) or 0
        started = time.monotonic()
        answers.listen("A1", writer.submit(arrival("A1")))
        assert time.monotonic() - started < 0.2
        answers.wait(1)
        assert writer.last_commit_s >= 0.3
        stop(writer)
