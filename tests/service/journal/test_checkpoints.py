"""The WAL is written back beside the writer: without help of a commit, not when idle, and a failed sync is told."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hl7calf.errors import JournalBroken
from hl7calf.service.journal.checkpoints import Checkpoints
from tests.service.journal.building import arrival, opened, payload, record
from tests.service.journal.failing_disk import FULL, SYNC, FailingDisk

PATIENCE_S = 10.0


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    one = FailingDisk()
    yield one
    one.unregister()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nobody(broken: JournalBroken) -> None:
    raise AssertionError(broken)


def test_what_was_committed_is_written_back_while_the_writer_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        database = tmp_path / "var" / "hl7calf.sqlite3"
        commits = [0]
        checkpoints = Checkpoints(store.connect_again, lambda: commits[0], nobody)
        for number in range(3):
            record(store, arrival(f"A{number}", data=payload(f"A{number}", f"mark {number} " + "x" * 9000)))
            commits[0] += 1
            wait_until(lambda number=number: b"mark %d" % number in database.read_bytes())  # type: ignore[misc]
        checkpoints.stop()


def test_an_idle_journal_is_left_alone(tmp_path: Path, disk: FailingDisk) -> None:
    with opened(tmp_path, vfs="failing") as store:
        asked: list[int] = []

        def commits() -> int:
            asked.append(1)
            return 0

        record(store, arrival("A1"))
        checkpoints = Checkpoints(store.connect_again, commits, nobody)
        wait_until(lambda: len(asked) > 0)  # its connection is open
        disk.syncs = 0
        wait_until(lambda: len(asked) > 3)
        assert disk.syncs == 0
        checkpoints.stop()


def test_a_failed_sync_is_told_and_nothing_committed_is_lost(tmp_path: Path, disk: FailingDisk) -> None:
    told: list[JournalBroken] = []
    heard = threading.Event()
    store = opened(tmp_path, vfs="failing")
    record(store, arrival("A1"))
    disk.on_sync = lambda path: 0 if path.endswith("-wal") else SYNC
    checkpoints = Checkpoints(store.connect_again, lambda: 1, lambda broken: (told.append(broken), heard.set()))
    assert heard.wait(PATIENCE_S)
    checkpoints.stop()
    assert len(told) == 1
    disk.on_sync = lambda path: 0
    store.abandon()
    with opened(tmp_path) as store:
        assert record(store, arrival("A2")) == [2]


def test_a_full_disk_is_left_to_the_writer_and_tried_again(tmp_path: Path, disk: FailingDisk) -> None:
    with opened(tmp_path, vfs="failing") as store:
        database = tmp_path / "var" / "hl7calf.sqlite3"
        refused: list[str] = []
        disk.on_write = lambda path: 0 if path.endswith("-wal") else refused.append(path) or FULL  # type: ignore[func-returns-value]
        record(store, arrival("A1", data=payload("A1", "mark " + "x" * 9000)))
        checkpoints = Checkpoints(store.connect_again, lambda: 1, nobody)
        wait_until(lambda: len(refused) > 2)
        disk.on_write = lambda path: 0
        wait_until(lambda: b"mark xxx" in database.read_bytes())
        checkpoints.stop()
