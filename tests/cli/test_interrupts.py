"""Windows, pipes and Ctrl-C: what a person at a terminal does to a command."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|M%d|P|2.5.1\rPID|1||CANARY\r"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    (tmp_path / "many.hl7").write_bytes(b"".join(MESSAGE % number for number in range(2000)))
    return tmp_path / "many.hl7"


def in_window(args: list[object], seconds: float = 20, **env: str) -> str:
    """Run a command with stdout and stderr on a terminal and return what it wrote there."""
    ours, theirs = pty.openpty()
    path = os.pathsep.join([str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")])
    child = subprocess.Popen(
        [sys.executable, "-m", "hl7calf", *map(str, args)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": path, "TERM": "xterm-256color", "COLUMNS": "80", **env},
    )
    os.close(theirs)
    written = b""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    child.wait(timeout=5)
    os.close(ours)
    return written.decode()


def test_in_a_window_there_is_colour_and_no_color_takes_it_away(tmp_path) -> None:
    (tmp_path / "one.hl7").write_bytes(MESSAGE % 1)
    assert "\x1b[" in in_window(["vet", tmp_path / "one.hl7"])
    assert "\x1b[" not in in_window(["vet", tmp_path / "one.hl7"], NO_COLOR="1")


def test_a_replay_in_a_window_has_a_progress_bar(start, many) -> None:
    child = start("receive", "--listen", "127.0.0.1:0", "--json")
    found = re.search(r"Listening on (\S+);", child.stderr.readline())
    assert found
    threading.Thread(target=child.stdout.read, daemon=True).start()
    written = in_window(["replay", many, "--to", found[1]])
    assert "/2000" in written and "2000 sent" in written


def test_ctrl_c_is_one_sentence(start, many) -> None:
    silent = start("receive", "--listen", "127.0.0.1:0", "--no-ack")
    to = silent.stderr.readline().split()[2].rstrip(";")
    child = start("replay", many, "--to", to)
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert child.returncode == 1
    assert err.strip() == "hl7calf: Stopped by Ctrl-C; what was already sent or stored stays so."


def test_ctrl_c_while_vetting_is_one_sentence(start, many) -> None:
    child = start("vet", many, "--json")
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=10)
    assert (
        child.returncode == 1
        and err.splitlines()[-1].startswith("hl7calf: Stopped by Ctrl-C")
        and "Traceback" not in err
    )


def test_a_reader_that_leaves_early_is_no_traceback(many) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        f"{sys.executable} -m hl7calf vet {many} | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_a_full_disk_behind_stdout_is_one_sentence(many) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    path = os.pathsep.join([str(Path(__file__).parents[2] / "src"), os.environ.get("PYTHONPATH", "")])
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hl7calf", "vet", str(many)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            env={**os.environ, "PYTHONPATH": path},
            check=False,
        )
    assert done.returncode == 1
    assert (
        "no space left on device" in done.stderr
        and "Traceback" not in done.stderr
        and "Exception ignored" not in done.stderr
    )
