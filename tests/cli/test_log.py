import csv
import io
import json
import os
import signal
import time

import apsw
import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal.jobs import SetMode


def test_the_log_shows_each_order_newest_last(run, journal) -> None:
    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-2", review=True)
    shown = run("log", "--data-dir", journal.folder)
    assert shown.exit_code == 0, shown.output
    heading, *lines = shown.stdout.splitlines()
    assert heading.startswith("time (UTC)")
    assert [line.split()[5] for line in lines if "P-" in line] == ["P-1^CPOE", "P-2^CPOE"]
    assert lines[-2].endswith("upgrade   USVENLTDL -> USVENCOML") and lines[-1].endswith("review    X16")


def test_no_patient_stands_in_the_log(run, journal) -> None:
    journal.arrive()
    for form in ((), ("--json",)):
        assert "CANARY" not in run("log", "--data-dir", journal.folder, *form).stdout


def test_filters_choose_entries(run, journal) -> None:
    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-2", review=True)
    journal.do(SetMode(Mode.OBSERVE, "kim", "night", journal.now))

    def numbers(*chosen: str) -> list[str]:
        lines = run("log", "--data-dir", journal.folder, "--json", *chosen).stdout.splitlines()
        return [json.loads(line).get("control_id", "") or json.loads(line)["kind"] for line in lines]

    assert numbers("--action", "review") == ["A2"]
    assert numbers("--control-id", "A1") == ["A1"]
    assert numbers("--placer", "P-2") == ["A2"]
    assert numbers("--kind", "mode") == ["mode"]
    assert numbers("--since", "1h", "--kind", "message") == ["A1", "A2"]
    assert numbers("--until", "1h") == []
    assert numbers("-n", "1") == ["mode"]


def test_json_is_one_object_a_line_and_nothing_else(run, journal) -> None:
    journal.arrive()
    for line in run("log", "--data-dir", journal.folder, "--json").stdout.splitlines():
        assert len(json.loads(line)["hash"]) == 64


def test_an_empty_log_says_so(run, journal) -> None:
    shown = run("log", "--data-dir", journal.folder, "--action", "upgrade")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "No entry matches.\n")


def test_a_time_that_is_none_is_refused(run, journal) -> None:
    shown = run("log", "--data-dir", journal.folder, "--since", "yesterday")
    assert shown.exit_code == 2 and "`yesterday` is no time" in shown.stderr


def test_a_window_of_40_columns_stays_readable(process, journal) -> None:
    journal.arrive()
    shown = process("log", "--data-dir", journal.folder, COLUMNS="40").stdout
    assert max(map(len, shown.splitlines())) <= 40
    assert "USVENCOML" in shown


def test_verify_proves_the_log_and_prints_an_anchor(run, journal) -> None:
    journal.arrive()
    shown = run("log", "verify", "--data-dir", journal.folder)
    assert shown.exit_code == 0 and shown.stdout.startswith("The log is whole:")
    anchor = shown.stdout.splitlines()[-1]
    journal.arrive("A2", "P-2")
    assert run("log", "verify", "--data-dir", journal.folder, "--anchor", anchor).exit_code == 0


def test_verify_finds_a_change_and_a_cut_tail(run, journal) -> None:
    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-2")
    anchor = run("log", "verify", "--data-dir", journal.folder).stdout.splitlines()[-1]
    with apsw.Connection(str(journal.folder / "hl7calf.sqlite3")) as other:
        other.execute("DELETE FROM entry WHERE sequence = (SELECT max(sequence) FROM entry)")
    cut = run("log", "verify", "--data-dir", journal.folder, "--anchor", anchor)
    assert cut.exit_code == 1 and "missing" in cut.stdout
    with apsw.Connection(str(journal.folder / "hl7calf.sqlite3")) as other:
        other.execute("UPDATE entry SET action = 'pass' WHERE control_id = 'A1'")
    changed = run("log", "verify", "--data-dir", journal.folder)
    assert changed.exit_code == 1 and "Keep the store as it is" in changed.stdout


def test_an_anchor_that_is_none_is_refused(run, journal) -> None:
    assert run("log", "verify", "--data-dir", journal.folder, "--anchor", "12").exit_code == 2


def test_export_as_csv_opens_safely(run, journal) -> None:
    journal.arrive("=cmd()", "+P-1")
    shown = run("log", "export", "--csv", "--data-dir", journal.folder)
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    row = next(row for row in rows if row["kind"] == "message")
    assert row["control_id"] == "'=cmd()" and row["placer_order_number"] == "'+P-1^CPOE"
    assert (row["code_before"], row["code_after"]) == ("USVENLTDL", "USVENCOML")


def test_export_as_json_is_the_whole_log(run, journal, tmp_path) -> None:
    for number in range(5):
        journal.arrive(f"A{number}", f"P-{number}")
    file = tmp_path / "log.json"
    assert (
        run("log", "export", "--json", "--out", file, "--kind", "message", "--data-dir", journal.folder).exit_code == 0
    )
    assert [json.loads(line)["control_id"] for line in file.read_text().splitlines()] == [f"A{n}" for n in range(5)]
    again = run("log", "export", "--json", "--out", file, "--data-dir", journal.folder)
    assert again.exit_code == 2 and "is there already" in again.stderr


def test_export_wants_a_form(run, journal) -> None:
    assert run("log", "export", "--data-dir", journal.folder).exit_code == 2


def test_follow_shows_what_comes_and_ends_quietly_with_ctrl_c(start, journal) -> None:
    journal.arrive("A1", "P-1")
    child = start("log", "--data-dir", journal.folder, "--follow", "--kind", "message")
    assert child.stdout.readline().startswith("time (UTC)")
    assert "A1" in child.stdout.readline()
    journal.arrive("A2", "P-2")
    assert "A2" in child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "", "")


def test_a_reader_that_leaves_is_no_traceback(journal, start) -> None:
    for number in range(300):
        journal.arrive(f"A{number}", f"P-{number}")
    child = start("log", "export", "--json", "--data-dir", journal.folder)
    os.read(child.stdout.fileno(), 10)
    child.stdout.close()
    child.stdout = None
    child.wait(timeout=20)
    assert child.stderr.read() == ""
    assert child.returncode == 1


def test_a_missing_store_says_what_to_do(run, tmp_path) -> None:
    shown = run("log", "--data-dir", tmp_path)
    assert shown.exit_code == 2 and "no store there yet" in shown.stderr
    with_nothing = run("log")
    assert with_nothing.exit_code == 2 and "Give -c hl7calf.toml or --data-dir DIR" in with_nothing.stderr


@pytest.mark.alone
def test_200_entries_come_fast(run, journal) -> None:
    for number in range(300):
        journal.arrive(f"A{number}", f"P-{number}")
    started = time.monotonic()
    shown = run("log", "--data-dir", journal.folder)
    assert len(shown.stdout.splitlines()) == 201
    assert time.monotonic() - started < 2
