"""`serve` as a process, and the commands that look into it and steer it while it runs."""

import json
import re
import signal
import time
from pathlib import Path

import pytest

from hl7calf.cli.stage import Stage
from hl7calf.service.mappings import shipped_mappings

ORDER = (
    b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01^ORM_O01|%s|P|2.5.1\rPID|1||1^^^A^MR||CANARY^ONE||19600101|F\rPV1|1|O\r"
    b"ORC|NW|%s^CPOE\rOBR|1|%s^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    b"||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)


@pytest.fixture
def stage(tmp_path: Path):
    (tmp_path / "stage").mkdir()
    with Stage(tmp_path / "stage", shipped_mappings()) as stage:
        yield stage


@pytest.fixture
def running(stage):
    stage.start("serve", ["serve", "-c", str(stage.settings)])
    stage.wait_for("serve", stage.listen)
    return stage


def write(folder: Path, control_id: bytes, placer: bytes) -> Path:
    file = folder / f"{control_id.decode()}.hl7"
    file.write_bytes(ORDER % (control_id, placer, placer))
    return file


def test_sigterm_ends_it_with_0_and_its_log_lines_are_json(running) -> None:
    assert running.stop("serve") == 0
    lines = running.errors("serve").read_text().splitlines()
    assert lines and all(json.loads(line)["event"] for line in lines)


def test_ctrl_c_ends_it_with_0(running) -> None:
    running._children["serve"].send_signal(signal.SIGINT)
    assert running.finish("serve", 15) == 0


@pytest.mark.alone
def test_the_kill_switch_works_on_the_running_service_within_a_second(running, process, tmp_path) -> None:
    def send(control_id: bytes, placer: bytes) -> str:
        done = process("replay", write(tmp_path, control_id, placer), "--to", f"127.0.0.1:{running.listen}")
        assert done.returncode == 0, done.stderr + done.stdout
        log = process("log", "-c", running.settings, "--control-id", control_id.decode(), "--json").stdout
        return json.loads(log)["changed"]

    assert send(b"M1", b"P-1") is True
    started = time.monotonic()
    done = process("mode", "observe", "--reason", "odd upgrades", "-c", running.settings)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 3  # the process's own start is in it
    assert send(b"M2", b"P-2") is False
    shown = process("mode", "-c", running.settings).stdout
    assert shown.startswith("observe, set by ") and "odd upgrades" in shown


def test_status_queue_and_explain_tell_of_a_destination_that_is_down(running, process, tmp_path) -> None:
    process("replay", write(tmp_path, b"M1", b"P-1"), "--to", f"127.0.0.1:{running.listen}")
    time.sleep(0.5)
    status = json.loads(process("status", "-c", running.settings, "--json").stdout)
    assert status["running"] and status["balanced"] and status["routes"][0]["queued"] == 1
    assert status["routes"][0]["connections"] == 0 and status["routes"][0]["last_error"]
    assert " queued " in process("queue", "list", "-c", running.settings).stdout
    explained = process("explain", "M1", "-c", running.settings)
    assert "upgrade  queued" in explained.stdout and "out  unreachable" in explained.stdout
    assert "The mappings are others" not in explained.stdout and "Vetting again now gives" not in explained.stdout
    assert "CANARY" not in status.__repr__() + explained.stdout


def test_a_skipped_message_is_not_sent_when_the_destination_comes_back(running, process, tmp_path) -> None:
    for number in (b"1", b"2"):
        process("replay", write(tmp_path, b"M" + number, b"P-" + number), "--to", f"127.0.0.1:{running.listen}")
    assert process("queue", "skip", "1", "--reason", "ordered twice", "-c", running.settings).returncode == 0
    running.start("receive", ["receive", "--listen", f"127.0.0.1:{running.forward}", "--store", str(running.received)])
    running.wait_for("receive", running.forward)
    process("queue", "retry", "2", "--reason", "it is back", "-c", running.settings)
    until = time.monotonic() + 10
    while not list(running.received.iterdir()) and time.monotonic() < until:
        time.sleep(0.1)
    (file,) = running.received.iterdir()
    assert b"|M2|" in file.read_bytes()


def test_a_second_service_on_the_same_store_refuses(running, process) -> None:
    done = process("serve", "-c", running.settings)
    assert done.returncode == 1
    assert "Another hl7calf runs on this data_dir" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('mode = "upgrade"', 'mode = "upgrad"', "service.mode"),
        ("data_dir =", "datadir =", "The nearest is data_dir"),
        ('id = "DEMO"', "id = 7", "policy.id"),
        ("[service]", "[service", "not TOML"),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence_and_exit_code_2(
    stage, process, old: str, new: str, said: str
) -> None:
    stage.settings.write_text(stage.settings.read_text().replace(old, new))
    done = process("serve", "-c", stage.settings)
    assert done.returncode == 2 and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_settings_it_says_how_to_get_some(run) -> None:
    shown = run("serve")
    assert shown.exit_code == 2 and "hl7calf init DIR" in shown.stderr


def test_a_port_in_use_is_told_without_a_traceback(stage, process) -> None:
    import socket

    with socket.create_server(("127.0.0.1", stage.listen)):
        done = process("serve", "-c", stage.settings)
    assert done.returncode != 0
    assert not re.search(r"^Traceback", done.stderr, re.MULTILINE)
