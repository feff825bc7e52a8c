"""A disk that fails at the nth write or the nth sync, for every n (P13): nothing is accepted that is not stored.

The journal records, delivers, parks, purges and writes its log back meanwhile, so that every kind of write comes up.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hl7calf.errors import JournalBroken, JournalError
from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import Limits, MarkDelivered, Park, Purge, Recorded, Release
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, opened, payload, upgraded
from tests.service.journal.failing_disk import FULL, SYNC, WRITE, FailingDisk

EVERY = int(os.environ.get("HL7CALF_EVERY_WRITE", "41"))  # one in so many; 1 is all of them, some minutes


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    one = FailingDisk("every")
    yield one
    one.unregister()


class Fails:
    """Fails once, at the nth time, or (`lasting`) from then on until it is told to stop."""

    def __init__(self, nth: int, code: int, lasting: bool = False) -> None:
        self.nth, self.code, self.lasting = nth, code, lasting
        self.count = 0
        self.failed = False

    def __call__(self, path: str) -> int:
        if path.endswith("-shm"):
            return 0
        self.count += 1
        if self.count == self.nth or (self.lasting and self.count > self.nth):
            self.failed = True
            return self.code
        return 0


def work(store: Store, accepted: list[str], refused: list[str], fails: Fails) -> None:
    """Do everything a journal does; note what was accepted and what was not."""
    beside = store.connect_again()
    try:
        for turn in range(8):
            names = [f"T{turn}N{n}" for n in range(3)]
            jobs = [arrival(name, data=payload(name, "x" * 3000)) for name in names[:2]]
            try:
                store.run([*jobs, arrival(names[2], found=upgraded(names[2], f"P-{turn}"))])
                accepted += names
            except JournalBroken:
                raise
            except JournalError:
                refused += names
                fails.lasting = False  # there is room again
            try:
                store.run([MarkDelivered(turn + 1, b"", T0), Park(turn + 2, "x", T0), Release(turn + 2, "a", "r", T0)])
                store.run([Purge(T0 + 60, Limits(message_age_s=1.0, duplicate_age_s=1e9))])
                beside.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except JournalBroken:
                raise
            except (JournalError, apsw.FullError, apsw.IOError):
                fails.lasting = False
    finally:
        beside.close()


def count_of(folder: Path, disk: FailingDisk, kind: str) -> int:
    """Return how many writes or syncs the work takes when nothing fails."""
    never = Fails(0, 0)
    with opened(folder, vfs="every") as store:
        setattr(disk, kind, never)
        work(store, [], [], never)
    setattr(disk, kind, lambda path: 0)
    return never.count


@pytest.mark.parametrize(
    ("kind", "code", "lasting"),
    [("on_write", FULL, False), ("on_write", FULL, True), ("on_write", WRITE, False), ("on_sync", SYNC, False)],
)
def test_p13_at_each_write_and_each_sync_nothing_is_accepted_that_is_not_stored(
    tmp_path: Path, disk: FailingDisk, kind: str, code: int, lasting: bool
) -> None:
    total = count_of(tmp_path / "count", disk, kind)
    assert total > 20
    failed = 0
    for nth in range(1, total + 1, EVERY):
        folder = tmp_path / f"{nth}"
        accepted: list[str] = []
        refused: list[str] = []
        fails = Fails(nth, code, lasting)
        store = opened(folder, vfs="every")
        setattr(disk, kind, fails)
        try:
            work(store, accepted, refused, fails)
            broken = False
        except (JournalBroken, apsw.IOError):
            broken = True
        setattr(disk, kind, lambda path: 0)
        failed += fails.failed
        store.abandon() if broken else store.close()
        assert not (broken and kind == "on_write"), "a write that fails breaks nothing"
        with opened(folder) as again, Reader(again.data_dir) as reader:
            answers = again.run(
                [arrival(name, data=payload(name, "x" * 3000)) for name in accepted if "N2" not in name]
            )
            for answer in answers:
                assert isinstance(answer, Recorded) and answer.duplicate_of is not None, "accepted and not stored"
            for name in refused:
                assert not reader.by_control_id(name.encode()), "stored and not accepted, though no sync failed"
        assert backup.check(folder / "var") == []
    assert failed >= total // EVERY * 0.8, "most of them came up again"
