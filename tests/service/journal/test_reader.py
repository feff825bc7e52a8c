"""The reader: from any process, while the service writes, without holding anything up."""

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from hl7calf.errors import JournalError
from hl7calf.service.journal.jobs import MarkDelivered
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, record


def test_a_reader_cannot_write(reader: Reader) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        reader._connection.execute("DELETE FROM message")


def test_there_is_nothing_to_read_where_no_journal_is(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        Reader(tmp_path)


def test_a_commit_is_noticed_once_and_an_own_reading_is_not(store: Store, reader: Reader) -> None:
    assert reader.changed()
    assert not reader.changed()
    reader.books()
    assert not reader.changed()
    record(store, arrival("A1"))
    assert reader.changed()
    assert not reader.changed()


def test_each_call_sees_what_was_committed_last(store: Store, reader: Reader) -> None:
    for number in range(3):
        record(store, arrival(f"A{number}"))
        assert reader.books().received == number + 1


def test_no_reader_keeps_the_wal_from_being_written_back(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"))
    reader.status(), reader.entries(), reader.message(1), reader.verify(), reader.lanes()
    record(store, arrival("A2"))
    _, frames, written = store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0]
    assert (frames, written) == (0, 0)


def test_another_process_reads_while_the_service_writes(store: Store) -> None:
    record(store, arrival("A1"))
    script = (
        "import sys; from pathlib import Path; from hl7calf.service.journal.reader import Reader\n"
        "reader = Reader(Path(sys.argv[1])); s = reader.status(); print(s.running, s.routes[0].books.received)"
    )
    child = [sys.executable, "-c", script, str(store.data_dir)]
    assert subprocess.run(child, capture_output=True, check=True, text=True).stdout.split() == ["True", "1"]


def test_reading_does_not_load_twisted() -> None:
    script = "import sys; import hl7calf.service.journal.reader, hl7calf.service.journal.desk; print('twisted' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"


def test_a_damaged_journal_is_said_in_plain_words(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}") for n in range(100)])
        do(store, MarkDelivered(1, b"", T0))
    path = tmp_path / "var" / "hl7calf.sqlite3"
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(JournalError, match="damaged"), Reader(tmp_path / "var") as reader:
        reader.status(), reader.messages(), reader.outbox_head("orders", "orders"), reader.entries()
