"""Every example that the documents show in a terminal is run, and what they show is what comes out."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hl7calf.calf.tables import load_tables
from hl7calf.calf.verdict import Policy
from hl7calf.calf.vetting import vet
from hl7calf.config.loading import parse_settings
from hl7calf.errors import JournalError
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.mappings import read_mappings
from tests.conftest import require_service
from tests.documents import OPERATIONS, ROOT, blocks, code_lines, prose, section
from tests.service.doubles import message
from tests.service.stage import SRC, Stage, free_port, receiving, staged, until

README = (ROOT / "README.md").read_text("utf-8")
ENGINES = (ROOT / "docs" / "engines" / "README.md").read_text("utf-8")
NUMBERS = "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
PATIENCE_S = 60.0


@pytest.fixture
def desktop(tmp_path: Path) -> Path:
    """An empty folder that holds what a checkout holds for an analyst."""
    for name in ("mappings", "sample_messages"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def started(words: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(SRC), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.Popen(
        [sys.executable, "-m", "hl7calf", *words], cwd=folder, env=environment, text=True, encoding="utf-8",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(line: str, folder: Path, stdin: str = "") -> tuple[int, str, str]:
    """Run one line as a document shows it."""
    words = shlex.split(line.split(" #")[0])
    assert words[0].rsplit("/", 1)[-1] == "hl7calf", line
    process = started(words[1:], folder)
    said, complained = process.communicate(stdin, timeout=PATIENCE_S)
    return process.returncode, said, complained


def terminal_lines(heading: str) -> list[str]:
    return [line for line in code_lines(section(README, heading)) if line.startswith("hl7calf ")]


# ------------------------------------------------------------------------------------ README, first screen


def shown_diff() -> tuple[str, list[str]]:
    lines = blocks(README, "diff")[0].splitlines()
    return lines[0].removeprefix("-"), [line.removeprefix("+") for line in lines[1:]]


def test_the_change_that_the_readme_shows_is_what_the_program_makes_of_that_order() -> None:
    before, after = shown_diff()
    head = "MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01|A1|P|2.5.1\rPID|1||4711||DOE^JANE||19600101\rPV1|1|O\rORC|NW|P-1^CPOE\r"
    tables = load_tables(read_mappings(ROOT / "mappings"))
    verdict = vet((head + before + "\r").encode(), tables, policy=Policy("DEMO", "1", True, (), ()))
    lines = verdict.outbound.decode().removeprefix(head).rstrip("\r").split("\r")
    assert lines[: len(after)] == after
    more = re.search(r"^and (\w+) more notes", README, re.MULTILINE)
    assert more and NUMBERS[len(lines) - len(after)] == more[1]


# ------------------------------------------------------------------------------------ README, Try it


def test_vet_shows_the_samples_that_would_change(desktop: Path) -> None:
    line = next(line for line in terminal_lines("Try it on your own messages") if "upgraded" in line)
    code, said, complained = run(line, desktop)
    assert code == 0, complained
    assert "+NTE|" in said.replace(" ", "") and "-OBR|" in said.replace(" ", "")


def test_vet_json_prints_one_object_for_each_message(desktop: Path) -> None:
    line = next(line for line in terminal_lines("Try it on your own messages") if "--json" in line)
    code, said, complained = run(line, desktop)
    assert code == 0, complained
    files = [path for path in (ROOT / "sample_messages" / "review").iterdir() if ".expected" not in path.name]
    assert len(said.splitlines()) >= len(files) > 0
    assert all(line.startswith('{"source": ') for line in said.splitlines())


def test_check_finds_the_shipped_tables_right(desktop: Path) -> None:
    line = next(line for line in terminal_lines("Try it on your own messages") if " check " in line)
    code, said, complained = run(line, desktop)
    assert code == 0, said[-2000:] + complained[-2000:]


def test_a_pasted_message_is_read_from_standard_input(desktop: Path) -> None:
    line = next(line for line in terminal_lines("Try it on your own messages") if line.endswith("-"))
    code, said, _ = run(line, desktop, message("PASTED").decode())
    assert code == 0 and "PASTED" in said


def test_no_example_of_that_section_is_left_out() -> None:
    assert len(terminal_lines("Try it on your own messages")) == 4


# ---------------------------------------------------------------------- README, Put it between your systems


def test_init_check_serve_and_the_kill_switch_work_as_the_readme_shows_them(desktop: Path) -> None:
    init, check, serve, mode = terminal_lines_of_a_site()
    assert run(init, desktop)[0] == 0
    on_free_ports(desktop / "site" / "hl7calf.toml")
    code, said, complained = run(check, desktop)
    assert "hl7calf.toml is sound" in said + complained
    assert code == 0, said[-2000:]
    process = started(shlex.split(serve)[1:], desktop)
    try:
        store = desktop / "site" / "var"
        until(lambda: (store / "hl7calf.sqlite3").exists() and running(store), "the service runs")
        code, said, complained = run(mode, desktop / "site")
        assert (code, "observe" in said) == (0, True), complained
        with Reader(store) as reader:
            assert reader.control().mode == "observe"
            assert reader.control().mode_reason == "..."
    finally:
        process.terminate()
        _, complained = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, complained


def terminal_lines_of_a_site() -> tuple[str, str, str, str]:
    """The three indented lines in their order, and the one in the text."""
    text = section(README, "Put it between your systems")
    indented = [line[4:] for line in prose(text).splitlines() if line.startswith("    hl7calf ")]
    init, check, serve = indented
    mode = next(line for line in terminal_lines("Put it between your systems") if line.startswith("hl7calf mode"))
    return init, check, serve, mode


def on_free_ports(path: Path) -> None:
    text = path.read_text()
    for port in ("2575", "2576", "9575"):
        assert f"{port}" in text
        text = text.replace(port, str(free_port()))
    path.write_text(text)


def running(store: Path) -> bool:
    try:
        with Reader(store) as reader:
            return reader.status().running
    except JournalError:  # it is just being made
        return False


# ------------------------------------------------------------------------------------------- engines


@pytest.fixture(name="stage", scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("engine")) as stage:
        (stage.folder / "order.hl7").write_text(blocks(ENGINES, "hl7")[0])
        stage.start()
        yield stage
        stage.stop()


@pytest.mark.parametrize("block", blocks(ENGINES, "console"))
def test_each_curl_example_answers_what_the_page_shows(block: str, stage: Stage) -> None:
    require_service("curl", shutil.which("curl"))
    command, *shown = block.splitlines()
    command = command.removeprefix("$ ").replace(":9575/", f":{stage.ops}/")
    done = subprocess.run(
        ["sh", "-c", command], cwd=stage.folder, capture_output=True, text=True, timeout=PATIENCE_S
    )  # the page's own words
    assert done.returncode == 0, done.stderr
    rest = done.stdout.replace("\r", "")
    for line in shown:
        before, found, rest = rest.partition(line)
        assert found, f"{line!r} is not in what came behind {before[-80:]!r}"


def test_there_are_curl_examples() -> None:
    assert len(blocks(ENGINES, "console")) == 4


def test_the_route_of_the_engines_page_is_a_route(tmp_path: Path) -> None:
    settings = parse_settings(blocks(ENGINES, "toml")[0], tmp_path)
    assert settings.route[0].allow == ("192.0.2.10/32",)


def test_the_sender_of_ones_own_gets_its_acknowledgment(stage: Stage) -> None:
    text = (ROOT / "docs" / "engines" / "others.md").read_text("utf-8")
    code = blocks(text, "python")[0].replace("2575", str(stage.listen)) + "\nprint(answer)\n"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=stage.folder, capture_output=True, text=True, timeout=PATIENCE_S
    )  # the page's own words
    assert "MSA|AA|MSG0001" in done.stdout, done.stderr


# ----------------------------------------------------------------------------------------- operations


def operations_line(containing: str, **paths: Path) -> str:
    """One command of the page, with this test's own places in it."""
    lines = [
        line.removeprefix("$ ")
        for block in blocks(OPERATIONS.read_text("utf-8"), "console")
        for line in block.splitlines()
    ]
    (line,) = [line for line in lines if containing in line]
    for shown, own in {"/backup/hl7calf.sqlite3": paths.get("copy")}.items():
        line = line.replace(shown, str(own)) if own else line
    return line


def test_backup_restore_and_resume_work_as_operations_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, again, copy = tmp_path / "old", tmp_path / "new", tmp_path / "copy.sqlite3"
    folder.mkdir()
    again.mkdir()
    with staged(folder) as stage:
        stage.start()
        stage.sender().exchange(message("A1"))  # nobody receives: it stays queued
        monkeypatch.setenv("HL7CALF_CONFIG", str(folder / "hl7calf.toml"))
        assert run(operations_line(" backup ", copy=copy), folder)[0] == 0
        stage.stop()
    assert copy.stat().st_mode & 0o777 == 0o600
    with staged(again) as stage, receiving(stage.forward) as receiver:
        monkeypatch.setenv("HL7CALF_CONFIG", str(again / "hl7calf.toml"))
        assert run(operations_line(" restore ", copy=copy), again)[0] == 0
        stage.start()
        stage.sender().exchange(message("A2"))
        time.sleep(0.5)
        assert receiver.payloads == [], "a restored store is paused"
        code, said, _ = run("hl7calf status", again)
        assert code == 1 and "Forwarding is paused" in said
        assert run(operations_line(" resume "), again)[0] == 0
        until(lambda: receiver.ids == ["A1", "A2"])
        stage.stop()


def test_the_systemd_unit_starts_and_reloads_what_exists(tmp_path: Path) -> None:
    unit = blocks(OPERATIONS.read_text("utf-8"), "ini")[0]
    start = re.search(r"^ExecStart=\S+/hl7calf (.*)$", unit, re.MULTILINE)
    assert start and start[1].startswith("serve -c /")
    assert "ExecReload=/bin/kill -HUP $MAINPID" in unit
    assert "RestartPreventExitStatus=2 75" in unit
    path = tmp_path / "hl7calf.service"
    path.write_text(unit)
    if shutil.which("systemd-analyze"):  # it complains of an executable that is not installed here, and of nothing else
        done = subprocess.run(
            ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert "Unknown" not in done.stderr


def test_alarm_rules_for_prometheus_are_right_in_the_eyes_of_promtool(tmp_path: Path) -> None:
    require_service("promtool", shutil.which("promtool"))
    rules = tmp_path / "rules.yml"
    rules.write_text(blocks(OPERATIONS.read_text("utf-8"), "yaml")[0])
    done = subprocess.run(
        ["promtool", "check", "rules", str(rules)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_states_that_operations_names_are_the_programs() -> None:
    text = OPERATIONS.read_text("utf-8")
    assert all(state.value in text for state in State)
