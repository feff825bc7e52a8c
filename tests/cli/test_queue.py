import json
import re

from hl7calf.calf.verdict import Fault
from hl7calf.service.journal.jobs import MarkAttempt, Outcome, Park, State
from hl7calf.service.journal.reader import Reader


def state_of(journal, number: int) -> State:
    with Reader(journal.folder) as reader:
        return reader.message(number).line.state


def test_the_list_shows_what_waits_oldest_first(run, journal) -> None:
    journal.arrive("A1", "P-1", age_s=120)
    journal.do(Park(journal.arrive("A2", "P-2"), "AR: unknown code", journal.now))
    journal.arrive("Q3", fault=Fault("H_NO_MSH", "no MSH"))
    shown = run("queue", "list", "--data-dir", journal.folder)
    lines = shown.stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["1", "queued"], ["2", "parked"], ["3", "quarantined"]]
    assert "AR: unknown code" in lines[2] and "2 min" in lines[1]


def test_a_message_held_behind_a_parked_one_says_so(run, journal) -> None:
    journal.do(Park(journal.arrive("A1", "P-1"), "AR", journal.now))
    journal.arrive("A2", "P-1")
    assert "queued, held" in run("queue", "list", "--data-dir", journal.folder).stdout


def test_an_empty_queue_says_so(run, journal) -> None:
    assert run("queue", "list", "--data-dir", journal.folder).stdout == "Nothing waits.\n"


def test_the_list_as_json(run, journal) -> None:
    journal.arrive()
    (line,) = run("queue", "list", "--json", "--data-dir", journal.folder).stdout.splitlines()
    told = json.loads(line)
    assert (told["number"], told["state"], told["control_id"]) == (1, "queued", "A1")


def test_show_tells_every_attempt_and_no_patient(run, journal) -> None:
    number = journal.arrive()
    journal.do(MarkAttempt(number, Outcome.REFUSED, "AE", journal.now + 5, journal.now, ack_code="AE"))
    shown = run("queue", "show", number, "--data-dir", journal.folder)
    assert shown.exit_code == 0, shown.output
    assert "in   answered AA to 127.0.0.1:40001" in shown.stdout and "out  refused, AE" in shown.stdout
    assert "CANARY" not in shown.stdout


def test_reveal_shows_the_message_itself_and_is_in_the_log_before(run, journal) -> None:
    asked = ("queue", "show", journal.arrive(), "--reveal", "--data-dir", journal.folder)
    without = run(*asked)
    assert without.exit_code == 2 and "--reason" in without.stderr and "CANARY" not in without.output
    assert "CANARY" in run(*asked, "--reason", "a call about it").stdout
    (entry,) = (
        json.loads(line)
        for line in run("log", "--kind", "reveal", "--json", "--data-dir", journal.folder).stdout.splitlines()
    )
    assert (entry["reason"], entry["details"]) == ("a call about it", {"what": "message", "message": "1"})
    assert entry["user"]


def test_what_cannot_be_recorded_is_not_revealed(run, journal, monkeypatch) -> None:
    from hl7calf.errors import JournalFull

    def full(*_: object) -> None:
        raise JournalFull("no room")

    monkeypatch.setattr("hl7calf.cli.console_journal.record", full)
    shown = run("queue", "show", journal.arrive(), "--reveal", "--reason", "x", "--data-dir", journal.folder)
    assert shown.exit_code != 0 and "CANARY" not in shown.output


def test_an_unknown_number_says_where_numbers_stand(run, journal) -> None:
    shown = run("queue", "show", "77", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "There is no message 77" in shown.stderr


def test_decisions_are_carried_out_and_kept_with_the_users_name(run, answering) -> None:
    number = answering.arrive()
    for kind, after in (
        ("park", State.PARKED),
        ("release", State.QUEUED),
        ("retry", State.QUEUED),
        ("skip", State.REJECTED),
    ):
        shown = run("queue", kind, number, "--reason", "asked by radiology", "--data-dir", answering.folder)
        assert shown.exit_code == 0, shown.output
        assert state_of(answering, number) is after
    lines = run("log", "--kind", "queue", "--data-dir", answering.folder).stdout
    assert lines.count("asked by radiology") == 4
    assert re.search(r"root|[a-z]", lines)


def test_what_is_not_possible_is_told_and_is_exit_code_1(run, answering) -> None:
    number = answering.arrive()
    shown = run("queue", "release", number, "99", "--reason", "x", "--data-dir", answering.folder)
    assert shown.exit_code == 1
    assert shown.stderr.count("\n") == 2


def test_a_decision_needs_a_reason(run, journal) -> None:
    shown = run("queue", "skip", "1", "--data-dir", journal.folder)
    assert shown.exit_code == 2 and "--reason" in shown.stderr


def test_a_service_that_does_not_answer_is_told(run, journal, monkeypatch) -> None:
    monkeypatch.setattr("hl7calf.cli.store.ANSWER_TIMEOUT_S", 0.1)
    shown = run("queue", "park", journal.arrive(), "--reason", "x", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "did not answer within 0.1 s" in shown.stderr


def test_a_narrow_window_gets_a_block_for_each_message(process, journal) -> None:
    journal.arrive()
    shown = process("queue", "list", "--data-dir", journal.folder, COLUMNS="40").stdout
    assert max(map(len, shown.splitlines())) <= 40 and "control id  A1" in shown
