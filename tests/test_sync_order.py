"""What the kernel saw (P2): every AA goes to the socket after the sync of the log that holds its message returned.

The trace is strace's, of the service as a process. The same service with `synchronous=NORMAL` must fail the check.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import require_service
from tests.service.doubles import message
from tests.service.stage import MAPPINGS, SETTINGS, SRC, Receiver, Sender, free_port, until

LAUNCHER = Path(__file__).with_name("delivery") / "launching.py"
_WRITE = re.compile(r"^(\d+) +pwrite64\(\d+<[^>]*-wal>, (.*)")
_SYNC = re.compile(r"^(\d+) +fdatasync\(\d+<[^>]*-wal>( <unfinished|\) += 0)")
_SYNCED = re.compile(r"^(\d+) +<\.\.\. fdatasync resumed>\) += 0")
_SEND = re.compile(r"^(\d+) +(?:sendto|write|writev|sendmsg)\(\d+<[^>]*>, (.*)")
_NAME = re.compile(r"Q\d{7}Q")
_ACCEPTED = re.compile(r"MSA\|AA\|(Q\d{7}Q)")


def unsynced(lines: list[str]) -> tuple[int, list[str]]:
    """Return how many AA were sent, and which of them before their message was safe."""
    written: set[str] = set()
    safe: set[str] = set()
    under_way: dict[str, set[str]] = {}
    accepted, early = 0, []
    for line in lines:
        if found := _WRITE.match(line):
            written.update(_NAME.findall(found[2]))
        elif found := _SYNC.match(line):
            if "unfinished" in found[2]:
                under_way[found[1]] = set(written)
            else:
                safe |= written
        elif found := _SYNCED.match(line):
            safe |= under_way.pop(found[1], set())
        elif found := _SEND.match(line):
            for name in _ACCEPTED.findall(found[2]):
                accepted += 1
                if name not in safe:
                    early.append(name)
    return accepted, early


def trace(folder: Path, messages: int, synchronous: str, ahead: int = 20) -> list[str]:
    """Run the service under strace, send it messages and return the trace."""
    require_service("strace", shutil.which("strace"))
    port, onward = free_port(), free_port()
    destination = Receiver(onward)
    text = SETTINGS.format(
        mode="upgrade", listen=port, forward=onward, ops=free_port(), mappings=f'"{MAPPINGS}"', service="", route=""
    )  # fmt: skip
    (folder / "hl7calf.toml").write_text(text)
    out = folder / "trace.txt"
    calls = "trace=pwrite64,fdatasync,sendto,sendmsg,writev"
    command = ["strace", "-f", "-y", "-s", "9000", "-e", calls, "-e", "signal=none", "-o", str(out)]
    with (folder / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [*command, sys.executable, str(LAUNCHER), str(folder / "hl7calf.toml"), "", "0", synchronous],
            stderr=errors, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SRC.parent), str(SRC)])},
        )  # fmt: skip
    try:
        peer = until(lambda: _connected(port), "the service listens")
        for first in range(0, messages, ahead):
            names = [f"Q{number:07}Q" for number in range(first, min(messages, first + ahead))]
            peer.send(*(message(name) for name in names))
            for name in names:
                assert f"MSA|AA|{name}".encode() in peer.answer()
        peer.close()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        process.wait(60)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        destination.close()
    return out.read_text("latin-1").splitlines()


def _connected(port: int) -> Sender | None:
    try:
        return Sender(port)
    except OSError:
        return None


def test_every_positive_answer_is_sent_after_the_sync_that_covers_its_message(tmp_path: Path) -> None:
    accepted, early = unsynced(trace(tmp_path, 300, "FULL"))
    assert (accepted, early) == (300, [])


def test_with_normal_the_answers_come_too_early_so_the_trace_can_show_it(tmp_path: Path) -> None:
    accepted, early = unsynced(trace(tmp_path, 60, "NORMAL"))
    assert accepted == 60
    assert len(early) > 50


def test_an_answer_between_a_syncs_begin_and_its_end_is_seen() -> None:
    write = '1 pwrite64(3</d/x-wal>, "..Q0000001Q..", 4096, 0) = 4096'
    begin, end = "1 fdatasync(3</d/x-wal> <unfinished ...>", "1 <... fdatasync resumed>) = 0"
    answer = r'2 sendto(9<socket:[1]>, "\vMSH\rMSA|AA|Q0000001Q\r\34\r", 50, 0, NULL, 0) = 50'
    assert unsynced([write, begin, end, answer]) == (1, [])
    assert unsynced([write, begin, answer, end]) == (1, ["Q0000001Q"])
    assert unsynced([begin, write, end, answer]) == (1, ["Q0000001Q"])
    assert unsynced([write, begin, "1 <... fdatasync resumed>) = -1 EIO", answer]) == (1, ["Q0000001Q"])


@pytest.mark.soak
def test_p2_ten_thousand_messages(tmp_path: Path) -> None:
    accepted, early = unsynced(trace(tmp_path, 10_000, "FULL"))
    assert (accepted, early) == (10_000, [])
