from hl7calf.calf.verdict import Mode
from hl7calf.cli.store import os_user
from hl7calf.service.journal.reader import Reader


def test_the_mode_is_set_within_a_second_and_kept_with_who_and_why(run, answering) -> None:
    shown = run("mode", "observe", "--reason", "odd upgrades on ward 3", "--data-dir", answering.folder)
    assert shown.exit_code == 0, shown.output
    with Reader(answering.folder) as reader:
        control = reader.control()
    assert (control.mode, control.mode_user, control.mode_reason) == (Mode.OBSERVE, os_user(), "odd upgrades on ward 3")
    assert f"observe, set by {os_user()} at" in run("mode", "--data-dir", answering.folder).stdout


def test_a_change_needs_a_reason(run, journal) -> None:
    for reason in ((), ("--reason", "  ")):
        shown = run("mode", "observe", *reason, "--data-dir", journal.folder)
        assert shown.exit_code == 2 and "--reason TEXT" in shown.stderr


def test_a_mode_nobody_set_is_that_of_the_settings(run, journal) -> None:
    assert "as in the settings" in run("mode", "--data-dir", journal.folder).stdout


def test_a_service_that_does_not_run_is_told(run, journal) -> None:
    journal.stop()
    assert "The service does not run." in run("mode", "--data-dir", journal.folder).stdout


def test_a_wrong_mode_names_the_right_ones(run, journal) -> None:
    shown = run("mode", "off", "--data-dir", journal.folder)
    assert shown.exit_code == 2 and "observe" in shown.stderr


def test_the_one_who_called_sudo_is_named(monkeypatch) -> None:
    monkeypatch.setenv("SUDO_USER", "kim")
    monkeypatch.setattr("getpass.getuser", lambda: "hl7calf")
    assert os_user() == "kim (sudo hl7calf)"
