"""Disks that are full, read-only, slow, failing or lying, under the running service (P13; R3 to R9, R16, R19).

A full disk is a small tmpfs, a failing one is strace's, a lying one is a flipped bit. What is asked each time: no
positive answer without a stored message, and what state the service is in for those who watch it.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hl7calf.app import BROKEN
from hl7calf.service.journal import backup
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from tests.conftest import require_service
from tests.service.doubles import message
from tests.service.stage import SRC, Sender, Stage, msa, receiving, staged, until

DATABASE = "hl7calf.sqlite3"


def mount(folder: Path, *options: str) -> bool:
    """Mount memory there; False where that is not allowed."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, "tmpfs", str(folder)], capture_output=True, check=False)
    return done.returncode == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own for the store; only root can have one, so elsewhere the test is skipped."""
    disk = folder / "disk"
    require_service(
        "mount (as root)", shutil.which("mount") and mount(disk, "-t", "tmpfs", "-o", f"size={size},mode=700")
    )
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


@contextmanager
def injected(stage: Stage, *calls: str) -> Iterator[None]:
    """Have the kernel's answers to these calls of the service changed by strace, as long as this lasts."""
    require_service("strace", shutil.which("strace"))
    assert stage.process is not None
    said = stage.folder / "strace.txt"
    command = [
        "strace",
        "-f",
        "-p",
        str(stage.process.pid),
        "-o",
        "/dev/null",
        "-e",
        f"trace={','.join(c.split(':')[0] for c in calls)}",
    ]
    for call in calls:
        command += ["-e", f"inject={call}"]
    with said.open("wb") as errors:
        tracer = subprocess.Popen(command, stderr=errors)
    try:
        until(lambda: "attached" in said.read_text(), "strace is attached")
        yield
    finally:
        tracer.terminate()
        tracer.wait(30)


def put_store(stage: Stage, disk: Path) -> None:
    """Have the store on another disk."""
    settings = stage.folder / "hl7calf.toml"
    settings.write_text(settings.read_text().replace('data_dir = "var"', f'data_dir = "{disk / "var"}"'))


def code_of(peer: Sender, name: str) -> str:
    return msa(peer.exchange(message(name)))[0]


def test_r3_on_a_full_disk_nothing_is_accepted_and_it_goes_on_by_itself_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path, "3m") as disk, staged(tmp_path, service="") as stage:
        put_store(stage, disk)
        stage.start()
        ballast = disk / "ballast"
        peer = stage.sender()
        assert code_of(peer, "A1") == "AA"
        with ballast.open("wb") as file:
            while True:
                try:
                    os.write(file.fileno(), bytes(16384))
                except OSError:
                    break
        codes = [msa(peer.exchange(message(f"F{n}", body="ZZZ|" + "x" * 30_000)))[0] for n in range(5)]
        assert "AA" not in codes[1:] and codes[-1] == "AE"
        until(lambda: stage.get("/readyz")[0] != 200, "not ready")
        until(lambda: "J_FULL" in stage.codes, "an alarm")
        ballast.unlink()
        until(lambda: code_of(peer, f"G{time.monotonic_ns()}") == "AA", "it takes messages again")
        until(lambda: stage.get("/readyz")[0] == 200, "ready")
        assert stage.stop() == 0
        with Reader(disk / "var") as reader:
            accepted = [line.envelope.control_id.decode() for line in reader.messages()]
            assert "A1" in accepted
            assert {f"F{n}" for n, code in enumerate(codes) if code == "AA"} == {n for n in accepted if n[0] == "F"}
        assert backup.check(disk / "var") == []


def test_r7_a_read_only_disk_refuses_the_start_in_plain_words(tmp_path: Path) -> None:
    with small_disk(tmp_path, "8m") as disk, staged(tmp_path) as stage:
        put_store(stage, disk)
        stage.start()
        assert stage.stop() == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = serve(stage)
        assert done.returncode == 1
        assert "Read-only file system" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EROFS"])
def test_r4_a_write_error_is_no_acceptance_and_the_next_message_goes(tmp_path: Path, error: str) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        peer = stage.sender()
        assert code_of(peer, "A1") == "AA"
        with injected(stage, f"pwrite64:error={error}"):
            assert code_of(peer, "A2") == "AE"
        until(lambda: code_of(peer, f"B{time.monotonic_ns()}") == "AA", "it takes messages again")
        stage.stop()
        with Reader(tmp_path / "var") as reader:
            assert not reader.by_control_id(b"A2")


def test_r5_a_failed_sync_ends_the_process_without_an_answer_and_the_resend_is_recognised(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        peer = stage.sender()
        assert code_of(peer, "A1") == "AA"
        with injected(stage, "fdatasync:error=EIO"):
            peer.send(message("A2"))
            with pytest.raises((EOFError, ConnectionResetError)):
                peer.answer()
            assert stage.wait() == BROKEN
        assert "J_BROKEN" in stage.codes
        stage.start()
        assert code_of(stage.sender(), "A2") == "AA"
        until(lambda: "A2" in receiver.ids)
        assert stage.stop() == 0
        assert receiver.ids.count("A2") == 1
    with Reader(tmp_path / "var") as reader:
        assert reader.books().balanced and reader.verify().ok


@pytest.mark.alone
def test_r6_a_slow_sync_slows_intake_and_leaves_the_rest_alive(tmp_path: Path) -> None:
    with staged(tmp_path, service="commit_stall_s = 0.5") as stage, receiving(stage.forward):
        stage.start()
        peer = stage.sender()
        assert code_of(peer, "A1") == "AA"
        with injected(stage, "fdatasync:delay_enter=3000000"):
            began = time.monotonic()
            peer.send(message("A2"))
            until(lambda: stage.get("/readyz")[0] == 503, "red while the disk does not answer")
            assert time.monotonic() - began < 2.9, "the ops port answered meanwhile"
            assert msa(peer.answer()) == ("AA", "A2")
            assert time.monotonic() - began >= 2.9
        until(lambda: stage.get("/readyz")[0] == 200, "green")
        assert {"J_STALLED"} <= set(stage.codes)
        assert stage.stop() == 0


def test_r8_a_flipped_bit_in_a_queued_message_is_never_sent(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        for name in ("A1", "A2", "A3"):
            assert code_of(stage.sender(), name) == "AA"
        assert stage.stop() == 0
        with sqlite3.connect(tmp_path / "var" / DATABASE) as connection:
            (data,) = connection.execute("SELECT inbound FROM payload WHERE message_id = 2").fetchone()
            flipped = data.replace(b"CANARY", b"CANARX")
            connection.execute("UPDATE payload SET inbound = ? WHERE message_id = 2", (flipped,))
        connection.close()
        with receiving(stage.forward) as receiver:
            stage.start()
            until(lambda: receiver.ids == ["A1", "A3"])
            until(lambda: "D_DAMAGED" in stage.codes)
            with Reader(tmp_path / "var") as reader:
                assert [line.message_id for line in reader.messages(State.PARKED)] == [2]
            assert stage.stop() == 0
        assert any("message 2" in line for line in backup.check(tmp_path / "var"))


@pytest.mark.parametrize("clean", [True, False])
def test_r8_a_torn_database_is_found_at_the_start_after_a_clean_stop_and_after_a_crash(
    tmp_path: Path, clean: bool
) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        peer = stage.sender()
        for n in range(30):
            assert code_of(peer, f"A{n}") == "AA"
        path = tmp_path / "var" / DATABASE
        if clean:
            assert stage.stop() == 0
        else:
            stage.kill()
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is in the WAL cannot be torn here
            connection.close()
        wal = path.with_name(f"{DATABASE}-wal")
        assert not wal.exists() or not wal.stat().st_size, "everything is in the database itself"
        data = bytearray(path.read_bytes())
        for page in range(1, len(data) // 4096):
            data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
        path.write_bytes(data)
        done = serve(stage)
        assert done.returncode == 1
        assert "damaged" in done.stderr and "Traceback" not in done.stderr


def test_r9_a_second_service_on_the_same_store_refuses(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        done = serve(stage)
        assert done.returncode == 1
        assert "another hl7calf runs" in done.stderr
        assert code_of(stage.sender(), "A1") == "AA"
        assert stage.stop() == 0


def test_r16_a_store_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        assert stage.stop() == 0
        path = tmp_path / "var" / DATABASE
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 999")
        connection.close()
        before = path.read_bytes()
        done = serve(stage)
        assert done.returncode == 1
        assert "schema 999" in done.stderr
        assert path.read_bytes() == before


def test_r19_a_copy_taken_under_load_starts_paused_and_forwards_when_a_person_says_so(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        peer = stage.sender()
        peer.send(*(message(f"A{n}") for n in range(300)))
        done = command(stage, "backup", str(tmp_path / "copy"))
        assert done.returncode == 0, done.stderr
        for n in range(300):
            assert msa(peer.answer()) == ("AA", f"A{n}")
        until(lambda: len(receiver.ids) == 300)
        assert stage.stop() == 0
        (tmp_path / "var").rename(tmp_path / "old")
        assert command(stage, "restore", str(tmp_path / "copy")).returncode == 0
        with Reader(tmp_path / "var") as reader:
            waiting = [line.envelope.control_id.decode() for line in reader.messages(State.QUEUED, limit=1000)]
        stage.start()
        assert code_of(stage.sender(), "B1") == "AA", "intake goes on"
        shown = command(stage, "status")
        assert shown.returncode == 1 and "Forwarding is paused" in shown.stdout
        assert len(receiver.ids) == 300 and "B1" not in receiver.ids
        assert command(stage, "queue", "resume", "--reason", "compared").returncode == 0
        until(lambda: "B1" in receiver.ids)
        assert receiver.ids[300:] == [*waiting, "B1"]
        assert stage.stop() == 0
    assert backup.check(tmp_path / "var") == []


def command(stage: Stage, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of hl7calf as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "hl7calf", *arguments, "-c", str(stage.folder / "hl7calf.toml")],
        capture_output=True, text=True, check=False, timeout=60, cwd=stage.folder, env={**os.environ, "PYTHONPATH": str(SRC)},
    )  # fmt: skip


def serve(stage: Stage) -> "subprocess.CompletedProcess[str]":
    """Run `hl7calf serve` as a person would, when it is expected to refuse."""
    return command(stage, "serve")
