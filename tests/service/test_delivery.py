import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.service.delivery import BackOff, Decider, Patience, Step, garbled, job_for, judge, unanswered, unreachable
from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Outcome, Park, Skip
from tests.service.doubles import ack, message

ON_NACK = {"AE": "retry", "AR": "park", "CE": "retry", "CR": "park"}


def decider(**more: int) -> Decider:
    return Decider(ON_NACK, Patience(**more))


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_a1_a_positive_answer_with_our_control_id_is_a_delivery(code: str) -> None:
    attempted = judge(ack("A1", code), b"A1")
    assert (attempted.outcome, attempted.ack_code, attempted.reconnect) == (Outcome.DELIVERED, code, False)
    assert attempted.ack == ack("A1", code)


@given(
    code=st.sampled_from(["AA", "CA", "AE", "XX", "aa", ""]),
    given_id=st.sampled_from(["A1", "A2", "", "MSA", "A1 "]),
    ends=st.sampled_from(["\r", "\n", "\r\n"]),
    before=st.sampled_from(["", "\ufeff", " ", "\r"]),
    after=st.sampled_from(["", "MSA|AA|A1\r", "MSH|^~\\&|\r", "ERR|||207\r", "MSA", "ZMSA|x\r"]),
    separator=st.sampled_from(["|", "#", "^", "A", "\r"]),
    tail=st.sampled_from(["", "|", "|text", "|text|"]),
)
def test_the_quick_look_at_an_answer_says_what_the_careful_one_says(
    code: str, given_id: str, ends: str, before: str, after: str, separator: str, tail: str
) -> None:
    text = f"{before}MSH|^~\\&|RIS||CPOE||2026||ACK|R1|P|2.5\rMSA|{code}|{given_id}{tail}\r{after}"
    answer = text.replace("^~", "*~").replace("|", separator).replace("\r", ends).encode()
    quick = judge(answer, b"A1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hl7calf.service.delivery._usual_code", lambda answer, control_id: "")
        assert judge(answer, b"A1") == quick


def test_a2_a_positive_answer_with_another_control_id_is_none_and_the_connection_must_go() -> None:
    attempted = judge(ack("A2"), b"A1")
    assert (attempted.outcome, attempted.reconnect) == (Outcome.MISMATCHED, True)


def test_a3_an_empty_msa_2_counts_only_where_the_route_is_tolerant() -> None:
    assert judge(ack(""), b"A1").outcome is Outcome.MISMATCHED
    assert judge(ack(""), b"A1", tolerant=True).outcome is Outcome.DELIVERED
    assert judge(ack("A2"), b"A1", tolerant=True).outcome is Outcome.MISMATCHED


def test_a_message_without_control_id_can_only_be_answered_without_one() -> None:
    assert judge(ack(""), b"").outcome is Outcome.DELIVERED
    assert judge(ack("A1"), b"").outcome is Outcome.MISMATCHED


def test_a9_what_is_no_acknowledgment_is_garbled() -> None:
    for answer in (message(), b"HTTP/1.1 400", ack("A1", "XX"), ack() + b"MSA|AA|A1\r"):
        attempted = judge(answer, b"A1")
        assert (attempted.outcome, attempted.reconnect) == (Outcome.GARBLED, True)
        assert "CANARY" not in attempted.why


def test_a12_line_ends_bom_and_charset_of_the_answer_do_not_matter() -> None:
    answer = b"\xef\xbb\xbf" + ack("A\xe9").decode().encode("latin-1").replace(b"\r", b"\n")
    assert judge(answer, b"A\xe9").outcome is Outcome.DELIVERED


def test_a13_an_orr_with_msa_is_an_answer() -> None:
    assert judge(ack().replace(b"|ACK|", b"|ORR^O02|") + b"ORC|OK\r", b"A1").outcome is Outcome.DELIVERED


def test_a4_ae_is_tried_again_until_the_attempts_are_used_up() -> None:
    refused = judge(ack("A1", "AE"), b"A1")
    steps = [decider(max_attempts=3).next_step(1, before, refused) for before in range(4)]
    assert steps == [Step.RETRY, Step.RETRY, Step.PARK, Step.PARK]
    assert decider(max_attempts=0).next_step(1, 10_000, refused) is Step.RETRY


def test_a5_ar_parks_at_once() -> None:
    assert decider().next_step(1, 0, judge(ack("A1", "AR"), b"A1")) is Step.PARK


def test_an_err_code_is_more_precise_than_msa_1() -> None:
    one = Decider({**ON_NACK, "207": "skip"}, Patience())
    refused = judge(ack("A1", "AR", "ERR|||207^internal^HL70357\r"), b"A1")
    assert refused.error_codes == ("207",)
    assert one.next_step(1, 0, refused) is Step.SKIP


def test_a_dead_destination_never_parks_a_message() -> None:
    one = decider(max_attempts=1)
    assert {one.next_step(1, before, unreachable("refused")) for before in range(50)} == {Step.RETRY}


def test_a2_the_third_answer_for_another_message_parks() -> None:
    one = decider(max_attempts=0)
    wrong = judge(ack("A2"), b"A1")
    assert [one.next_step(1, n, wrong) for n in range(3)] == [Step.RETRY, Step.RETRY, Step.PARK]
    assert one.next_step(2, 0, wrong) is Step.RETRY, "each message has its own count"


def test_r15_a_message_nobody_answers_is_parked_and_the_lane_goes_on() -> None:
    one = decider(max_attempts=3)
    assert [one.next_step(1, n, unanswered("closed")) for n in range(3)] == [Step.RETRY, Step.RETRY, Step.PARK]
    assert one.next_step(2, 0, judge(ack("A1"), b"A1")) is Step.DELIVERED


def test_p12_a_destination_that_answers_nobody_does_not_empty_the_queue_into_the_parking_place() -> None:
    one = decider(max_attempts=2, unanswered_parks_in_a_row=3)
    steps = [one.next_step(number, 1, garbled("hung")) for number in range(1, 6)]
    assert steps == [Step.PARK, Step.PARK, Step.PARK, Step.RETRY, Step.RETRY]
    assert one.waits_instead_of_parking
    one.next_step(9, 0, judge(ack("A1"), b"A1"))
    assert one.next_step(10, 1, unanswered("closed")) is Step.PARK, "a delivery shows that the destination lives"


def test_the_journal_is_told_what_happened() -> None:
    assert job_for(Step.DELIVERED, judge(ack(), b"A1"), 7, 100.0, 2.0) == MarkDelivered(7, ack(), 100.0, "AA")
    tried = job_for(Step.RETRY, unreachable("refused"), 7, 100.0, 2.0)
    assert isinstance(tried, MarkAttempt)
    assert (tried.outcome, tried.next_attempt_at, tried.counts) == (Outcome.UNREACHABLE, 102.0, False)
    sent = job_for(Step.RETRY, unanswered("closed"), 7, 100.0, 2.0)
    assert isinstance(sent, MarkAttempt) and sent.counts
    assert isinstance(job_for(Step.PARK, judge(ack("A1", "AR"), b"A1"), 7, 100.0, 2.0), Park)
    skipped = job_for(Step.SKIP, judge(ack("A1", "AR"), b"A1"), 7, 100.0, 2.0)
    assert isinstance(skipped, Skip) and skipped.user == "hl7calf"


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    eager, lazy = BackOff(1.0, 60.0, lambda: 0.0), BackOff(1.0, 60.0, lambda: 1.0)
    assert [lazy.pause_s(n) for n in (1, 2, 3, 7, 100, 10_000)] == [1, 2, 4, 60, 60, 60]
    assert [eager.pause_s(n) for n in (1, 2, 3)] == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("on_nack", "errors", "step"),
    [
        ({"AE": "retry", "F": "park", "207": "skip"}, "ERR|||207^x|F\r", Step.SKIP),
        ({"AE": "retry", "F": "park"}, "ERR|||207^x|F\r", Step.PARK),
        ({"AE": "retry", "F": "park", "W": "skip"}, "ERR|||207^x|W\rERR|||207^x|f\r", Step.PARK),
        ({"AE": "retry", "W": "skip"}, "ERR|||207^x|E\r", Step.RETRY),
        ({"AE": "retry"}, "ERR|||207^x|F\r", Step.RETRY),
    ],
)
def test_the_code_of_err_3_goes_before_the_severity_of_err_4_and_that_before_msa_1(
    on_nack: dict[str, str], errors: str, step: Step
) -> None:
    assert Decider(on_nack, Patience()).next_step(1, 0, judge(ack("A1", "AE", errors), b"A1")) is step
