import json

from hl7calf.calf.verdict import Fault
from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Outcome
from hl7calf.service.journal.reader import Reader


def test_one_message_is_told_from_arrival_to_delivery(run, journal) -> None:
    number = journal.arrive()
    journal.do(MarkAttempt(number, Outcome.UNREACHABLE, "connection refused", journal.now, journal.now))
    journal.do(MarkDelivered(number, b"MSA|AA|A1", journal.now + 1))
    shown = run("explain", "A1", "--data-dir", journal.folder)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("message 1  ORM^O01  A1  upgrade  delivered")
    for told in (
        "mode upgrade; policy DEMO 1; rule R 1; mappings ab12",
        "reasons   upgraded",
        "witness ok",
        'calcification affirmed: "calcs" at OBR[1]-13',
        "-OBR|1|P-1^CPOE||USVENLTDL^",
        "+OBR|1|P-1^CPOE||USVENCOML^",
        "in   answered AA to 127.0.0.1:40001",
        "out  unreachable, connection refused",
        "out  delivered, AA",
    ):
        assert told in shown.stdout, told
    assert "CANARY" not in shown.stdout


def test_what_was_decided_under_other_mappings_is_said(run, journal) -> None:
    journal.arrive()
    assert "The mappings are others now than then" in run("explain", "A1", "--data-dir", journal.folder).stdout


def test_a_message_left_alone_is_told_with_its_gate(run, journal) -> None:
    journal.arrive(review=True)
    shown = run("explain", "A1", "--data-dir", journal.folder).stdout
    assert "A1  review  queued" in shown and "+++" not in shown and "not sent yet" in shown


def test_several_with_one_control_id_are_all_told_oldest_first(run, journal) -> None:
    journal.arrive("A1", "P-1")
    journal.arrive("A1", "P-2")
    shown = run("explain", "A1", "--data-dir", journal.folder).stdout
    assert shown.index("message 1 ") < shown.index("message 2 ")
    only = run("explain", "A1", "--number", "2", "--data-dir", journal.folder).stdout
    assert "message 1 " not in only and "message 2 " in only


def test_a_number_with_another_control_id_names_the_right_ones(run, journal) -> None:
    journal.arrive("A1", "P-1")
    shown = run("explain", "A1", "--number", "9", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "there are: 1." in shown.stderr


def test_an_unknown_control_id_says_where_to_look(run, journal) -> None:
    shown = run("explain", "NOPE", "--data-dir", journal.folder)
    assert shown.exit_code == 1 and "hl7calf log --control-id" in shown.stderr


def test_an_unreadable_message_cannot_be_named_but_its_fault_is_in_the_queue(run, journal) -> None:
    journal.arrive("Q1", fault=Fault("H_NO_MSH", "there is no MSH"))
    assert run("explain", "Q1", "--data-dir", journal.folder).exit_code == 1
    assert "H_NO_MSH" in run("queue", "list", "--data-dir", journal.folder).stdout


def test_json_has_the_stored_decision_the_verdict_of_now_and_both_sides(run, journal) -> None:
    journal.do(MarkDelivered(journal.arrive(), b"MSA|AA|A1", journal.now))
    told = json.loads(run("explain", "A1", "--json", "--data-dir", journal.folder).stdout)
    assert (told["number"], told["state"], told["answered"], told["intact"]) == (1, "delivered", "AA", True)
    assert told["entry"]["action"] == "upgrade" and told["verdict"]["source"] == "journal#1"
    assert [one["outcome"] for one in told["history"]] == ["delivered"]


def test_what_an_order_put_into_the_memory_itself_does_not_change_its_story(run, journal) -> None:
    journal.arrive()
    with Reader(journal.folder) as reader:
        assert reader.remembered(b"P-1^CPOE") is not None
    shown = run("explain", "A1", "--data-dir", journal.folder).stdout
    assert "carried on" not in shown and "Vetting again now gives" not in shown


def test_a_cancel_is_explained_with_what_the_order_was_given_before(run, journal) -> None:
    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-1", cancel=True)
    shown = run("explain", "A2", "--data-dir", journal.folder).stdout
    assert "carried on" in shown and "Vetting again now gives" not in shown


def test_a_narrow_window_stays_readable(process, journal) -> None:
    journal.arrive()
    shown = process("explain", "A1", "--data-dir", journal.folder, COLUMNS="40").stdout
    assert max(map(len, shown.splitlines())) <= 40
