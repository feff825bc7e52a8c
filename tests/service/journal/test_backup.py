"""Copies of the journal: whole while the service runs, private, paused when put back (R19); and the whole check (R8)."""

import stat
from pathlib import Path

import pytest

from hl7calf.errors import JournalBroken, JournalError, JournalLocked
from hl7calf.service.journal.backup import backup, check, restore
from hl7calf.service.journal.jobs import MarkDelivered, SetPaused
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, record, upgraded


def put_back(copy: Path, data_dir: Path) -> None:
    restore(copy, data_dir, node="node-9", user="ada", at=T0 + 5)


def test_a_copy_taken_while_the_service_writes_is_one_state_of_it(store: Store, tmp_path: Path) -> None:
    record(store, *[arrival(f"A{n}", placer="P-1") for n in range(50)])
    size = backup(store.data_dir, tmp_path / "copy", T0)
    assert size == (tmp_path / "copy").stat().st_size > 50_000
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    record(store, arrival("later"))
    assert not (tmp_path / "copy-wal").exists()
    put_back(tmp_path / "copy", tmp_path / "new")
    with Reader(tmp_path / "new") as reader:
        assert reader.books().received == 50
        assert len(reader.outbox_head("orders", "orders", 100)) == 50
        assert reader.verify().ok
    assert check(tmp_path / "new") == []


def test_a_journal_that_was_put_back_starts_paused_until_a_person_resumes_it(store: Store, tmp_path: Path) -> None:
    record(store, arrival("A1"))
    backup(store.data_dir, tmp_path / "copy", T0)
    assert not store.unclean
    put_back(tmp_path / "copy", tmp_path / "new")
    with Store.open(tmp_path / "new", "node-9") as other, Reader(other.data_dir) as reader:
        assert not other.unclean
        assert reader.control().paused
        assert "may have been delivered" in reader.control().paused_why
        assert [(one.kind, one.content["user"]) for one in reader.entries()] == [("pause", "ada")]
        do(other, SetPaused(False, "ada", "looked at", T0))
        assert not reader.control().paused
    with Reader(store.data_dir) as reader:
        assert not reader.control().paused


def test_a_copy_that_was_moved_into_place_by_hand_is_paused_too(store: Store, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir(mode=0o700)
    backup(store.data_dir, tmp_path / "new" / "hl7calf.sqlite3", T0)
    with Store.open(tmp_path / "new", "node-9") as other, Reader(other.data_dir) as reader:
        assert reader.control().paused


def test_a_file_that_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"precious")
    with pytest.raises(JournalError, match="exists"):
        backup(store.data_dir, tmp_path / "copy", T0)
    assert (tmp_path / "copy").read_bytes() == b"precious"


def test_a_journal_that_is_there_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    backup(store.data_dir, tmp_path / "copy", T0)
    with pytest.raises(JournalLocked):
        put_back(tmp_path / "copy", store.data_dir)
    opened(tmp_path / "stopped").close()
    with pytest.raises(JournalError, match="move it away"):
        put_back(tmp_path / "copy", tmp_path / "stopped" / "var")


def test_there_must_be_a_journal_to_copy(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        backup(tmp_path, tmp_path / "copy", T0)
    assert not (tmp_path / "copy").exists()


def test_a_damaged_copy_is_refused(store: Store, tmp_path: Path) -> None:
    record(store, *[arrival(f"A{n}") for n in range(100)])
    backup(store.data_dir, tmp_path / "copy", T0)
    data = bytearray((tmp_path / "copy").read_bytes())
    data[4096 * 4 : 4096 * 4 + 512] = b"\xff" * 512
    (tmp_path / "copy").write_bytes(data)
    with pytest.raises(JournalBroken):
        put_back(tmp_path / "copy", tmp_path / "new")


@pytest.mark.parametrize("data", [b"", b"not a database" * 100])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "copy").write_bytes(data)
    with pytest.raises(JournalError):
        put_back(tmp_path / "copy", tmp_path / "new")


def test_a_whole_journal_has_nothing_wrong(store: Store) -> None:
    record(store, arrival("A1", found=upgraded()), arrival("A2"), arrival("A3", forward=False))
    do(store, MarkDelivered(2, b"", T0))
    assert check(store.data_dir) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            "UPDATE payload SET inbound = zeroblob(length(inbound)) WHERE message_id = 1",
            "message 1: its bytes are damaged",
        ),
        ("UPDATE payload SET outbound = x'00' WHERE message_id = 2", "message 2: its bytes are damaged"),
        ("UPDATE book SET count = count + 1 WHERE name = 'queued'", "the books of orders do not balance"),
        ("UPDATE entry SET action = 'pass'", "log entry 1: the entry's columns or place differ from what it says"),
        ("INSERT INTO entry_placer VALUES (1, x'78', 77)", "log entry 77: a search row belongs to no entry"),
    ],
)
def test_each_kind_of_damage_is_found(store: Store, damage: str, found: str) -> None:
    record(store, arrival("A1", found=upgraded()), arrival("A2"))
    store._connection.execute(damage)
    assert check(store.data_dir) == [found]


def test_a_torn_file_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}") for n in range(100)])
    path = tmp_path / "var" / "hl7calf.sqlite3"
    data = bytearray(path.read_bytes())
    data[4096 * 5 : 4096 * 6] = bytes(4096)
    path.write_bytes(data)
    assert check(tmp_path / "var")
