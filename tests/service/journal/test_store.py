"""Opening a journal: who may, what is refused, what an unclean stop leaves behind."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from hl7calf.errors import JournalBroken, JournalError, JournalLocked, JournalTooNew
from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.jobs import MarkDelivered
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store, quick_check
from tests.service.journal.building import T0, arrival, do, opened, payload, record
from tests.service.journal.failing_disk import FailingDisk


def test_the_folder_and_every_file_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(tmp_path) as store:
            record(store, arrival("A1"))
            rights = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
            assert rights == {
                "hl7calf.sqlite3": 0o600,
                "hl7calf.sqlite3-wal": 0o600,
                "hl7calf.sqlite3-shm": 0o600,
                "hl7calf.lock": 0o600,
            }
            assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_a_second_service_on_the_same_journal_is_refused(store: Store) -> None:
    with pytest.raises(JournalLocked):
        Store.open(store.data_dir, "node-2")


def test_another_process_is_refused_too_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from hl7calf.service.journal.store import Store\n"
        "store = Store.open(Path(sys.argv[1]), 'node-2'); print('open', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "var")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(JournalLocked):
            opened(tmp_path)
        child.send_signal(signal.SIGKILL)
        child.wait()
    with opened(tmp_path) as store:
        assert store.unclean


def test_a_closed_journal_can_be_opened_again_and_was_stopped_cleanly(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path) as store:
            assert not store.unclean
    with Reader(tmp_path / "var") as reader:
        assert reader.status().unclean_starts == 0
        assert reader.entries() == []


def test_after_an_unclean_stop_only_the_first_of_each_lane_may_have_been_sent(tmp_path: Path) -> None:
    store = opened(tmp_path)
    record(store, arrival("A1"), arrival("A2"), arrival("A3"), arrival("B1", route="other"))
    do(store, MarkDelivered(1, b"", T0))
    store.abandon()
    with opened(tmp_path) as store, Reader(store.data_dir) as reader:
        assert store.unclean
        marks = {one.message_id: one.possible_duplicate for one in reader.outbox_head("orders", "orders", 9)}
        assert marks == {2: True, 3: False}
        assert reader.outbox_head("other", "other")[0].possible_duplicate
        [entry] = reader.entries()
        assert entry.kind == "unclean-start"
        assert entry.content["details"] == {"possible_duplicates": "2", "check": "ok"}
        assert reader.status().unclean_starts == 1


def test_the_settings_that_the_promises_rest_on_are_in_force(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        connection = store._connection
        assert connection.pragma("journal_mode") == "wal"
        assert connection.pragma("synchronous") == 2  # FULL
        assert connection.pragma("auto_vacuum") == 2  # INCREMENTAL
        with Reader(store.data_dir) as reader:
            for one in (connection, reader._connection):
                assert one.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1  # plans do not change with the values


def test_an_unknown_synchronous_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="OFF"):
        opened(tmp_path, synchronous="OFF")
    opened(tmp_path).close()  # and the lock is free again


def test_a_newer_journal_is_refused_untouched(tmp_path: Path) -> None:
    opened(tmp_path).close()
    path = tmp_path / "var" / DATABASE
    with apsw.Connection(str(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalTooNew, match="999"):
        opened(tmp_path)
    assert path.read_bytes() == before


def test_the_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o700)
    path = tmp_path / "var" / DATABASE
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalBroken, match="not a journal"):
        opened(tmp_path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir(mode=0o700)
    (tmp_path / "var" / DATABASE).write_bytes(b"MSH|^~\\&|" * 1000)
    with pytest.raises(JournalBroken, match="damaged"):
        opened(tmp_path)


def test_damage_is_found_at_the_next_start_after_an_unclean_stop(tmp_path: Path) -> None:
    store = opened(tmp_path)
    record(store, *[arrival(f"A{n}") for n in range(200)])
    store.abandon()
    path = tmp_path / "var" / DATABASE
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 3 + 64] = b"\xa5" * 64
    path.write_bytes(data)
    with pytest.raises(JournalBroken, match="damaged"):
        opened(tmp_path)


def test_damage_is_found_at_the_next_start_after_a_clean_stop_too(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}") for n in range(200)])
    path = tmp_path / "var" / DATABASE
    data = bytearray(path.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(JournalBroken, match="damaged"):
        opened(tmp_path)


def test_a_clean_stop_leaves_nothing_in_the_wal_also_while_others_have_the_journal_open(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with Reader(store.data_dir) as reader:
        record(store, *[arrival(f"A{n}") for n in range(20)])
        assert reader.books().queued == 20
        store.close()
        assert (tmp_path / "var" / f"{DATABASE}-wal").stat().st_size == 0


def test_a_clean_stop_waits_for_no_one_who_reads_for_long(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with Reader(store.data_dir) as reader, reader._reading() as query:
        query.value("bytes_used")
        record(store, arrival("A1"))
        store.close()
    with opened(tmp_path) as store, Reader(tmp_path / "var") as reader:
        assert not store.unclean
        assert reader.books().queued == 1


def test_the_check_at_the_start_ends_with_its_budget(store: Store) -> None:
    record(store, *[arrival(f"A{n}") for n in range(500)])
    assert quick_check(store._connection, 60.0) == "ok"
    assert quick_check(store._connection, -1.0) == "not finished"
    record(store, arrival("B1"))  # and the connection goes on


def test_the_check_keeps_to_its_budget_on_a_disk_that_answers_slowly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk("slow")
    reads: list[str] = []
    try:
        with opened(tmp_path) as store:
            record(store, *[arrival(f"A{n}", data=payload(f"A{n}", "x" * 10_000)) for n in range(1000)])
        with opened(tmp_path, vfs="slow") as store:
            store._connection.execute("PRAGMA shrink_memory")
            disk.on_read = lambda path: reads.append(path) or 0
            monkeypatch.setattr("time.monotonic", lambda: float(len(reads)))  # each read takes a second
            assert quick_check(store._connection, 100.0) == "not finished"
            monkeypatch.undo()
            assert len(reads) < 700, "there are three thousand pages"
            disk.on_read = lambda path: 0
    finally:
        disk.unregister()


def test_numbering_goes_on_after_everything_was_purged(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, arrival("A1"), arrival("A2"))
        store._connection.execute("DELETE FROM message; DELETE FROM payload; DELETE FROM outbox; DELETE FROM seen")
    with opened(tmp_path) as store:
        assert record(store, arrival("A3")) == [3]


def test_leaving_the_block_with_a_broken_disk_does_not_note_a_clean_stop(tmp_path: Path) -> None:
    with pytest.raises(JournalBroken), opened(tmp_path):
        raise JournalBroken("the disk failed")
    with opened(tmp_path) as store:
        assert store.unclean


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a read-only mount of a folder")
def test_a_journal_on_a_read_only_mount_is_refused_in_plain_words(tmp_path: Path) -> None:
    opened(tmp_path).close()
    folder = str(tmp_path / "var")
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True, capture_output=True)
        with pytest.raises(JournalError, match=r"cannot be used|cannot be written"):
            opened(tmp_path)
    finally:
        subprocess.run(["umount", folder], check=True)
