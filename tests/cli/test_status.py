import json
from datetime import date, timedelta
from pathlib import Path

from hl7calf.calf.verdict import Fault, Mode
from hl7calf.cli.settings_example import Places, settings_text
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, MarkAttempt, MarkDelivered, Outcome, Park, SetMode, SetPaused

TODAY = date.today()  # noqa: DTZ011 - the site's own calendar days, as in the policy


def settings(folder: Path, today: date | None = None) -> Path:
    path = folder / "hl7calf.toml"
    path.write_text(settings_text(today or TODAY, Places(ops_port=9, mappings=str(folder))))
    return path


def test_a_service_that_runs_with_everything_delivered_needs_nobody(run, journal) -> None:
    journal.do(MarkDelivered(journal.arrive(), b"MSA|AA|A1", journal.now))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 0, shown.output
    assert "Nothing needs a person." in shown.stdout
    assert "books    balance" in shown.stdout
    assert shown.stdout.splitlines()[-1].split()[:3] == ["orders", "1", "1"]


def test_a_parked_message_needs_a_person(run, journal) -> None:
    journal.do(Park(journal.arrive(age_s=7300), "AR from the destination", journal.now - 7200))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1
    assert "! orders: 1 parked" in shown.stdout and "hl7calf queue list --state parked" in shown.stdout


def test_an_order_held_for_review_is_told_apart_from_what_else_is_parked(run, journal) -> None:
    journal.do(Park(journal.arrive("A1", "P-1", review=True, age_s=300), HELD_FOR_REVIEW, journal.now))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1
    assert "! orders: 1 held for review, the oldest for 5 min" in shown.stdout and " parked:" not in shown.stdout
    journal.do(Park(journal.arrive("A2", "P-2"), "AR from the destination", journal.now))
    shown = run("status", "--data-dir", journal.folder).stdout
    assert "1 held for review" in shown and "! orders: 1 parked:" in shown


def test_80_columns_have_room_for_a_line_for_each_route(process, journal) -> None:
    journal.arrive(age_s=5 * 3600 + 1200)
    shown = process("status", "--data-dir", journal.folder, COLUMNS="80").stdout
    [heading] = [line for line in shown.splitlines() if line.startswith("route")]
    assert heading.split()[-2:] == ["oldest", "peers"] and "5h20min" in shown


def test_an_overdue_message_needs_a_person_and_the_last_error_is_told(run, journal) -> None:
    number = journal.arrive(age_s=600)
    journal.do(MarkAttempt(number, Outcome.UNREACHABLE, "connection refused", journal.now + 60, journal.now - 10))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1
    assert "1 queued, the oldest for 10 min" in shown.stdout
    assert shown.stdout.count("connection refused") == 2


def test_a_quarantined_message_needs_a_person_for_a_day(run, journal) -> None:
    journal.arrive("Q1", fault=Fault("H_NO_MSH", "no MSH"), age_s=2 * 86_400)
    assert run("status", "--data-dir", journal.folder).exit_code == 0
    journal.arrive("Q2", fault=Fault("H_NO_MSH", "no MSH"))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "1 quarantined within a day" in shown.stdout


def test_a_service_that_does_not_run_needs_a_person(run, journal) -> None:
    journal.stop()
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "! The service does not run" in shown.stdout


def test_a_pause_needs_a_person(run, journal) -> None:
    journal.do(SetPaused(True, "kim", "restored from backup", journal.now))
    shown = run("status", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "Forwarding is paused" in shown.stdout


def test_the_mode_that_a_person_set_is_told_with_who_and_why(run, journal) -> None:
    journal.do(SetMode(Mode.OBSERVE, "kim", "odd upgrades", journal.now))
    shown = run("status", "--data-dir", journal.folder)
    assert "observe, set by kim at" in shown.stdout and "odd upgrades" in shown.stdout


def test_a_policy_that_ran_out_is_told_with_the_mode_it_holds_down(run, journal, tmp_path) -> None:
    shown = run("status", "-c", settings(tmp_path, TODAY - timedelta(days=400)))
    assert shown.exit_code == 1
    assert "Mode upgrade is held down to annotate: the policy was valid until" in shown.stdout
    assert "DEMO version 1" in shown.stdout


def test_json_is_one_object_that_says_the_same(run, journal) -> None:
    journal.do(Park(journal.arrive(), "AR", journal.now))
    shown = run("status", "--data-dir", journal.folder, "--json")
    told = json.loads(shown.stdout)
    assert shown.exit_code == 1 and told["ok"] is False and len(told["needs"]) == 1
    route = told["routes"][0]
    assert (route["received"], route["parked"], route["balanced"], route["connections"]) == (1, 1, True, None)


def test_a_silent_ops_port_is_no_fault(run, journal, tmp_path) -> None:
    journal.do(MarkDelivered(journal.arrive(), b"", journal.now))
    shown = run("status", "-c", settings(tmp_path))
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[-1].split()[-1] == "?"


def test_narrow_windows_stay_readable(process, journal) -> None:
    journal.do(Park(journal.arrive(), "AR from the destination", journal.now))
    for width in (40, 80):
        shown = process("status", "--data-dir", journal.folder, COLUMNS=str(width))
        assert max(map(len, shown.stdout.splitlines())) <= width


def test_a_thorough_look_finds_what_a_quick_one_does_not(run, journal) -> None:
    journal.do(MarkDelivered(journal.arrive(), b"MSA|AA|A1", journal.now))
    assert run("status", "--thorough", "--data-dir", journal.folder).exit_code == 0
    journal.store._connection.execute("UPDATE payload SET inbound = CAST(inbound || 'x' AS BLOB)")
    assert run("status", "--data-dir", journal.folder).exit_code == 0
    shown = run("status", "--thorough", "--json", "--data-dir", journal.folder)
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["needs"][0].startswith("The store is not whole: message 1: its bytes are damaged")
