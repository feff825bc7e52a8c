"""Memory, file descriptors and the log's own disk run out under the running service (R11, R12, R17)."""

import socket
import subprocess
import sys
from pathlib import Path

from hl7calf.service.journal import backup
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import message
from tests.service.stage import msa, receiving, staged, until

ROOM = "connections_per_listener = 500\nconnections_per_address = 500\n"
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
OFTEN = "import hl7calf.service.watch as watch; watch.LOOK_S = 0.05\n"
MIB = 1024 * 1024
LITTLE_MEMORY = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({190 * MIB}, {190 * MIB}))\n"
STDERR_IS_FULL = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 2)\n"


def test_r12_without_file_descriptors_who_is_inside_is_served_and_who_comes_later_comes_again(tmp_path: Path) -> None:
    with staged(tmp_path, route=ROOM) as stage, receiving(stage.forward) as receiver:
        stage.prelude = FEW_FILES + OFTEN
        stage.start()
        peer = stage.sender()
        assert msa(peer.exchange(message("A1"))) == ("AA", "A1")
        until(lambda: receiver.ids == ["A1"])
        crowd = [_knocking(stage.listen) for _ in range(100)]
        try:
            until(lambda: "S_NO_FILES" in stage.codes, "the alarm")
            for n in range(2, 20):
                assert msa(peer.exchange(message(f"A{n}"))) == ("AA", f"A{n}")
        finally:
            for one in crowd:
                one.close()
        until(lambda: _accepted(stage, "B1"), "there is room again")
        until(lambda: receiver.ids == [*(f"A{n}" for n in range(1, 20)), "B1"])
        assert stage.stop() == 0
        assert "Traceback" not in (tmp_path / "stderr.txt").read_text()
    assert backup.check(tmp_path / "var") == []


def _knocking(port: int) -> socket.socket:
    """Begin to connect; whether the service takes it, closes it or lets it wait is its own to decide."""
    line = socket.socket()
    line.setblocking(False)
    line.connect_ex(("127.0.0.1", port))
    return line


def _accepted(stage: object, name: str) -> bool:
    try:
        return msa(stage.sender().exchange(message(name))) == ("AA", name)  # type: ignore[attr-defined]
    except (OSError, EOFError):
        return False


def test_r11_with_little_memory_a_backlog_of_large_messages_is_taken_and_sent(tmp_path: Path) -> None:
    names = [f"A{n}" for n in range(24)]
    with staged(tmp_path, service="intake_pause_bytes = 8000000") as stage:
        stage.prelude, stage.flags = LITTLE_MEMORY, ()
        stage.start()
        peer = stage.sender()
        for name in names:
            assert msa(peer.exchange(message(name, body="ZZZ|" + "x" * 5_000_000))) == ("AA", name)
        with receiving(stage.forward) as receiver:
            for number in (6, 12, 18, 24):  # each with a test's whole patience
                until(lambda number=number: len(receiver.payloads) >= number)  # type: ignore[misc]
            assert receiver.ids == names
        assert stage.stop() == 0
        assert "MemoryError" not in (tmp_path / "stderr.txt").read_text()
    with Reader(tmp_path / "var") as reader:
        assert reader.books().delivered == 24


def test_r17_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.prelude = STDERR_IS_FULL
        stage.start()
        peer = stage.sender()
        for n in range(20):
            assert msa(peer.exchange(message(f"A{n}"))) == ("AA", f"A{n}")
        until(lambda: len(receiver.ids) == 20)
        assert stage.stop() == 0
    with Reader(tmp_path / "var") as reader:
        assert reader.books().delivered == 20 and reader.verify().ok


def test_the_little_memory_of_r11_is_less_than_what_was_sent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY + f"bytes({300 * MIB})"], capture_output=True, text=True, check=False
    )
    assert "MemoryError" in done.stderr
