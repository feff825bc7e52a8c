from pathlib import Path

from hl7calf.service.journal import desk
from hl7calf.service.journal.reader import Reader


def settings(folder: Path) -> Path:
    path = folder / "hl7calf.toml"
    path.write_text(
        f'[service]\ndata_dir = "{folder / "new"}"\nnode = "node-2"\n'
        '[[route]]\nname = "orders"\nlisten = "tcp:0:interface=127.0.0.1"\nforward = "tcp:127.0.0.1:2576"\n'
    )
    return path


def test_a_copy_is_put_back_paused_and_the_log_says_who_did_it(run, journal, tmp_path: Path) -> None:
    journal.arrive("A1", "P-1")
    made = run("backup", tmp_path / "copy", "--data-dir", journal.folder)
    assert (made.exit_code, "patient data" in made.stdout) == (0, True)
    back = run("restore", tmp_path / "copy", "-c", settings(tmp_path))
    assert back.exit_code == 0, back.stderr
    assert "queue resume" in back.stdout.replace("\n", " ")
    with Reader(tmp_path / "new") as reader:
        assert reader.control().paused
        assert reader.books().queued == 1
        assert reader.entries()[-1].kind == "pause"


def test_nothing_that_is_there_is_overwritten(run, journal, tmp_path: Path) -> None:
    journal.arrive("A1", "P-1")
    assert run("backup", tmp_path / "copy", "--data-dir", journal.folder).exit_code == 0
    again = run("backup", tmp_path / "copy", "--data-dir", journal.folder)
    assert again.exit_code == 1 and "cannot be written" in again.stderr
    assert run("restore", tmp_path / "copy", "-c", settings(tmp_path)).exit_code == 0
    twice = run("restore", tmp_path / "copy", "-c", settings(tmp_path))
    assert twice.exit_code == 1 and "move it away" in twice.stderr


def test_a_file_that_is_no_copy_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("not a store")
    refused = run("restore", tmp_path / "other", "-c", settings(tmp_path))
    assert refused.exit_code == 1
    assert refused.stderr and "Traceback" not in refused.stderr


def test_forwarding_is_paused_and_resumed_by_request_with_a_reason(run, journal, monkeypatch) -> None:
    journal.arrive("A1", "P-1")
    asked = []
    monkeypatch.setattr("hl7calf.cli.queue.ask", lambda folder, kind, reason: asked.append((kind, reason)) or "done")
    for kind in ("pause", "resume"):
        assert kind in desk.KINDS
        assert run("queue", kind, "--reason", "compared", "--data-dir", journal.folder).exit_code == 0
        assert run("queue", kind, "--data-dir", journal.folder).exit_code == 2
    assert asked == [("pause", "compared"), ("resume", "compared")]
