"""The room of the WAL: zeros behind what is there, seen by nobody, and used again."""

import os
import shutil
from pathlib import Path

import apsw
import pytest

from hl7calf.service.journal import wal
from hl7calf.service.journal.checkpoints import BUSY_COMMITS, Checkpoints
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.wal import lay_out
from tests.service.journal.building import arrival, opened, record
from tests.service.journal.test_checkpoints import nobody, wait_until

SMALL = 3 * 1024**2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wal, "WAL_BYTES", SMALL)
    monkeypatch.setattr(wal, "_SPARE", 2)


def test_the_file_grows_behind_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "var" / f"{DATABASE}-wal"
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
        connection = store.connect_again()
        before = path.read_bytes()
        assert lay_out(connection, path)
        after = path.read_bytes()
        assert after[: len(before)] == before and not any(after[len(before) :])
        assert len(after) == SMALL
        assert not lay_out(store.connect_again(), path)
        record(store, arrival("A2"))
        assert path.stat().st_size == SMALL


def test_a_journal_that_stopped_there_recovers_to_what_was_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
        lay_out(store.connect_again(), tmp_path / "var" / f"{DATABASE}-wal")
        record(store, arrival("A2"))
        shutil.copytree(tmp_path / "var", tmp_path / "crashed" / "var")
    os.remove(tmp_path / "crashed" / "var" / f"{DATABASE}-shm")
    with opened(tmp_path / "crashed") as store, Reader(tmp_path / "crashed" / "var") as reader:
        assert reader.books().received == 2
        assert record(store, arrival("A3")) == [3]


def test_nothing_is_appended_while_somebody_else_writes(tmp_path: Path) -> None:
    path = tmp_path / "var" / f"{DATABASE}-wal"
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
        other, ours = store.connect_again(), store.connect_again()
        size = path.stat().st_size
        ours.set_busy_timeout(10)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(apsw.BusyError):
            lay_out(ours, path)
        assert path.stat().st_size == size
        other.execute("ROLLBACK")


def test_a_disk_without_room_to_spare_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "var" / f"{DATABASE}-wal"
    monkeypatch.setattr(wal, "_SPARE", 10**9)
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
        connection = store.connect_again()
        size = path.stat().st_size
        assert not lay_out(connection, path)
        assert path.stat().st_size == size


def test_a_busy_journal_lays_it_out_and_a_quiet_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "var" / f"{DATABASE}-wal"
    with opened(tmp_path) as store:
        commits, asked = [1], [0]

        def count() -> int:
            asked[0] += 1
            return commits[0]

        record(store, arrival("A1"))
        checkpoints = Checkpoints(store.connect_again, count, nobody)
        wait_until(lambda: asked[0] > 2)
        assert path.stat().st_size < SMALL
        commits[0] = BUSY_COMMITS
        wait_until(lambda: path.stat().st_size == SMALL)
        checkpoints.stop()


class Connection:
    """A connection whose log has so many pages; it notes how it is written back."""

    def __init__(self, pages: int) -> None:
        self.pages = pages
        self.filename_wal = "/nowhere"
        self.modes: list[int] = []

    def set_busy_timeout(self, milliseconds: int) -> None:
        assert milliseconds <= 50

    def wal_checkpoint(self, mode: int) -> tuple[int, int]:
        self.modes.append(mode)
        return self.pages, self.pages

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("pages", "anew"), [(5999, False), (6000, True)])
def test_only_a_long_log_is_begun_anew(pages: int, anew: bool) -> None:
    connection = Connection(pages)
    checkpoints = Checkpoints(lambda: connection, lambda: 1, nobody)  # type: ignore[arg-type,return-value]  # a double
    wait_until(lambda: len(connection.modes) > anew)
    checkpoints.stop()
    assert connection.modes == [apsw.SQLITE_CHECKPOINT_PASSIVE, *[apsw.SQLITE_CHECKPOINT_RESTART] * anew]
