"""`hl7calf salvage`, as a person types it after a disk has failed."""

import sqlite3
from pathlib import Path

import pytest

from hl7calf.service.journal.reader import Reader


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "hl7calf.toml"
    path.write_text(
        f'[service]\ndata_dir = "{tmp_path / "new"}"\nnode = "node-2"\n'
        '[[route]]\nname = "orders"\nlisten = "tcp:0:interface=127.0.0.1"\nforward = "tcp:127.0.0.1:2576"\n'
    )
    return path


def damaged(journal, *numbers: int) -> Path:
    """Return a store of three messages, of which some have a flipped bit; its first page is torn."""
    for name in ("A1", "A2", "A3"):
        journal.arrive(name, f"P-{name}")
    journal.stop()
    path = journal.folder / "hl7calf.sqlite3"
    with sqlite3.connect(path) as connection:
        for number in numbers:
            [(data,)] = connection.execute("SELECT inbound FROM payload WHERE message_id = ?", (number,)).fetchall()
            flipped = data.replace(b"CANARY", b"CANARX")
            connection.execute("UPDATE payload SET inbound = ? WHERE message_id = ?", (flipped, number))
    connection.close()
    data = path.read_bytes()
    path.write_bytes(b"\xff" * 4096 + data[4096:])
    return journal.folder


def test_what_can_be_read_is_a_new_store_that_is_paused(run, journal, settings) -> None:
    done = run("salvage", damaged(journal), "-c", settings)
    assert done.exit_code == 0, done.stderr
    told = done.stdout.replace("\n", " ")
    assert "3 messages were found whole, 3 of them still to be delivered" in told and "queue resume" in told
    with Reader(settings.parent / "new") as reader:
        assert reader.control().paused
        assert reader.books().queued == 3
        assert [entry.kind for entry in reader.entries()][-2:] == ["salvaged", "pause"]


def test_what_is_lost_is_told_by_number_with_exit_code_1_and_without_a_patient(run, journal, settings) -> None:
    done = run("salvage", damaged(journal, 2), "-c", settings)
    assert done.exit_code == 1
    assert "LOST: 1 messages" in done.stdout and "gone: 2." in done.stdout.replace("\n  ", " ")
    assert "CANAR" not in done.stdout + done.stderr


def test_a_store_in_the_way_is_one_sentence(run, journal, settings) -> None:
    folder = damaged(journal)
    assert run("salvage", folder, "-c", settings).exit_code == 0
    again = run("salvage", folder, "-c", settings)
    assert again.exit_code == 1 and "move it away" in again.stderr and again.stderr.count("\n") == 1


def test_a_file_that_is_no_store_gives_an_empty_one_and_says_so(run, settings, tmp_path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(b"MSH|^~\\&|" * 2000)
    done = run("salvage", other, "-c", settings)
    assert "0 messages were found" in done.stdout and "Traceback" not in done.stderr
