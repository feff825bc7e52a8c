"""What the running service forgets, by age and by size, and that the disk has its room back (retention)."""

from pathlib import Path

from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from tests.conftest import require_service
from tests.delivery.faketime import LIBRARY, at_time
from tests.service.doubles import message
from tests.service.stage import Stage, msa, receiving, staged, until

DATABASE = "hl7calf.sqlite3"
OFTEN = "import hl7calf.service.watch as watch; watch._PURGE_EVERY_S = 0.2; watch.LOOK_S = 0.1\n"


def accept(stage: Stage, *names: str, size: int = 10) -> None:
    peer = stage.sender()
    for name in names:
        assert msa(peer.exchange(message(name, body="ZZZ|" + "x" * size))) == ("AA", name)


def size(folder: Path) -> int:
    return (folder / "var" / DATABASE).stat().st_size


def test_beyond_its_size_the_store_forgets_the_oldest_finished_messages_and_shrinks(tmp_path: Path) -> None:
    with staged(tmp_path, service="retention_max_bytes = 2000000") as stage:
        with receiving(stage.forward) as receiver:
            stage.start()
            accept(stage, *(f"A{n}" for n in range(60)), size=100_000)
            until(lambda: len(receiver.ids) == 60)
        accept(stage, *(f"B{n}" for n in range(30)), size=100_000)  # nobody takes them: 3 MB that must stay
        assert stage.stop() == 0
        full = size(tmp_path)
        assert full > 9_000_000
        stage.prelude, stage.flags = OFTEN, ()
        stage.start()
        until(lambda: size(tmp_path) < full - 5_500_000, "the file shrinks while the service runs")
        with Reader(tmp_path / "var") as reader:
            books = reader.books()
            assert (books.received, books.delivered, books.queued, books.balanced) == (90, 60, 30, True)
            assert len(reader.messages(State.QUEUED)) == 30
            assert not [line for line in reader.messages(State.DELIVERED)]
        with receiving(stage.forward) as receiver:
            until(lambda: len(receiver.ids) == 30)
            assert receiver.ids == [f"B{n}" for n in range(30)]
            assert stage.stop() == 0
    assert backup.check(tmp_path / "var") == []


def test_after_their_time_messages_and_log_entries_are_forgotten_and_the_log_proves_the_rest(tmp_path: Path) -> None:
    require_service("faketime", LIBRARY)
    with staged(tmp_path, service="retention_days = 30\nretention_log_days = 40") as stage:
        with receiving(stage.forward) as receiver:
            stage.start()
            accept(stage, *(f"A{n}" for n in range(40)), size=50_000)
            until(lambda: len(receiver.ids) == 40)
            until(lambda: stage.metric("delivered_total") == 40)
        accept(stage, "B0")
        assert stage.stop() == 0
        full = size(tmp_path)
        with Reader(tmp_path / "var") as reader:
            first = reader.entries()[0].sequence
        stage.prelude, stage.flags = OFTEN, ()
        stage.environment = at_time(tmp_path, 41 * 86_400.0)
        stage.start()
        until(lambda: size(tmp_path) < full - 1_900_000, "the file shrinks")
        with Reader(tmp_path / "var") as reader:
            until(lambda: reader.entries()[0].sequence > first, "the log is cut")
            assert "purge" in [entry.kind for entry in reader.entries()]
            assert reader.verify().ok
            assert [line.envelope.control_id for line in reader.messages()] == [b"B0"]
            assert reader.books().balanced
        assert stage.stop() == 0
