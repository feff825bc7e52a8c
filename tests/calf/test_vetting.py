"""The one door: a payload in, a verdict out; total, pure, proven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.calf import vetting
from hl7calf.calf.verdict import Action, Mode
from hl7calf.calf.vetting import triage
from hl7calf.wire.splice import is_exact, unsplice
from tests.calf.building import CLASSIC, codes, group, judge, message, order, tables

NOT_ORDERS = ["ORU^R01", "ADT^A08", "SIU^S12", "ORR^O02", "ACK", "MDM^T02", "ORM^O02", "OML^O21", "RDE^O11", ""]


@pytest.mark.parametrize("kind", NOT_ORDERS)
def test_what_is_no_order_is_answered_at_once_with_the_same_object(kind: str) -> None:
    payload = order(kind=kind)
    verdict = triage(payload, tables())
    assert verdict is not None
    assert verdict.outbound is payload and verdict.action is Action.PASS and verdict.orders == ()
    assert judge(payload).outbound is payload


@pytest.mark.parametrize("kind", ["ORM^O01", "ORM^O01^ORM_O01", "ORM", "OMG^O19", "OMG^O19^OMG_O19", "OMI^O23"])
def test_three_kinds_of_order_message_are_vetted(kind: str) -> None:
    payload = order(kind=kind)
    assert triage(payload, tables()) is None
    assert judge(payload).action is Action.UPGRADE


@pytest.mark.parametrize(("payload", "code"), [
    (b"", "H_EMPTY"),
    (b"PID|1\r", "H_NO_MSH"),
    (b"{}", "H_NO_MSH"),
    (b"MSH", "H_MSH_SHORT"),
    (b"MSH|^^\\&|A\r", "H_DELIMITERS"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_code(payload: bytes, code: str) -> None:
    verdict = judge(payload)
    assert verdict.fault is not None
    assert (verdict.action, verdict.fault.code, verdict.fault.ack) == (Action.REFUSE, code, "AR")
    assert verdict.outbound is payload


def test_a_batch_and_two_messages_in_one_frame_pass_as_they_came() -> None:
    for payload in (b"FHS|^~\\&\rBHS|^~\\&\r" + order() + b"BTS|1\rFTS|1\r", order() + order(number="P-2^CPOE")):
        verdict = judge(payload)
        assert verdict.outbound is payload and verdict.action in (Action.PASS, Action.REFUSE)


def test_an_order_message_without_an_order_passes() -> None:
    payload = message([])
    verdict = judge(payload)
    assert (verdict.action, verdict.reasons, verdict.outbound) == (Action.PASS, ("no order in it",), payload)


def test_an_orc_without_obr_is_an_order_that_passes() -> None:
    payload = message(["ORC|NW|P-1^CPOE", "RXO|1^ASPIRIN^L"])
    [decided] = judge(payload).orders
    assert (decided.action, decided.order_control) == (Action.PASS, "NW")


def test_the_verdict_names_message_rule_and_tables() -> None:
    verdict = judge(order(control_id="A1"))
    assert (verdict.control_id, verdict.message_type, verdict.version) == ("A1", "ORM^O01", "2.5.1")
    assert verdict.digest == tables().digest and verdict.mode is Mode.UPGRADE


def test_a_change_can_be_undone_from_the_verdict_alone() -> None:
    verdict = judge(order())
    assert is_exact(verdict.payload, verdict.outbound, verdict.modifications)
    assert unsplice(verdict.outbound, verdict.modifications) == verdict.payload
    assert verdict.witness == "ok"


def test_what_is_not_changed_is_the_very_same_object() -> None:
    for reason in (CLASSIC + ". Short leg cast", "Left calf pain", "No calf calcification"):
        payload = order(reason)
        verdict = judge(payload)
        assert verdict.outbound is payload and not verdict.changed and verdict.witness == "unchanged"


def test_reasons_name_every_order_in_words_for_a_person() -> None:
    verdict = judge(message([*group(CLASSIC), *group("DVT?", number="P-2^CPOE", position=2)]))
    first, second = verdict.reasons
    assert first.startswith("order 1: upgrade") and second.startswith("order 2: pass: X3 ")


def test_no_reason_holds_text_of_the_message() -> None:
    verdict = judge(order("XYZZY left calf calcification, cast", pid={5: "CANARY^NAME"}))
    assert not any(word in reason for reason in verdict.reasons for word in ("XYZZY", "CANARY"))


def test_a_change_the_witness_does_not_confirm_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "prove", lambda *_: "segment 5 (OBR) does not read as declared")
    payload = order()
    verdict = judge(payload)
    assert verdict.outbound is payload and verdict.action is Action.REVIEW
    assert verdict.fault is not None and verdict.fault.code == "V_WITNESS"
    assert (verdict.remember, codes(verdict.orders[0]), verdict.modifications) == ((), ["WITNESS"], ())


def test_a_change_that_is_not_exact_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetting, "is_exact", lambda *_: False)
    payload = order()
    assert judge(payload).outbound is payload


def test_the_quick_answer_is_the_same_decision() -> None:
    for reason in (CLASSIC, "Left calf pain", "", "No calcification", "Left leg calcification"):
        for control in ("NW", "CA", "XX", ""):
            payload = order(reason, control=control)
            quick, whole = judge(payload, thorough=False), judge(payload)
            assert (quick.action, quick.outbound) == (whole.action, whole.outbound)
            assert [codes(o) for o in quick.orders] == [codes(o) for o in whole.orders]


def test_vetting_twice_gives_the_same_verdict() -> None:
    payload = order()
    assert judge(payload) == judge(payload)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for payload in (data, b"MSH|^~\\&|" + data, order().replace(b"Left calf", data)):
        assert judge(payload).payload is payload


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_a_message_cut_or_struck_anywhere_does_not_make_it_raise(place: int, struck: bytes) -> None:
    whole = order(notes=["one"], answers=[("Q", "A")], diagnoses=["M61.462"])
    for payload in (whole[:place], whole[:place] + struck + whole[place + len(struck) :]):
        verdict = judge(payload)
        assert verdict.changed or verdict.outbound is payload
        assert not verdict.changed or unsplice(verdict.outbound, verdict.modifications) == payload


def test_a_broken_line_inside_the_order_stops_the_change() -> None:
    broken = order().replace(b"Left calf", b"Left\rcalf")
    verdict = judge(broken)
    assert not verdict.changed


@pytest.mark.parametrize(
    "unit", ["no pain, ? calcification or swelling, denies lump. ", "(x) ", "calf ", "? ", "cast, "]
)
def test_a_text_too_long_to_be_read_is_never_upgraded_and_takes_bounded_time(unit: str) -> None:
    from time import process_time  # the processor's, not the wall's: other tests run beside

    payload = order(CLASSIC + ". " + unit * (200_000 // len(unit)))
    started = process_time()
    verdict = judge(payload)
    assert process_time() - started < 2
    assert (verdict.outbound is payload, verdict.action) == (True, Action.REVIEW)


def test_a_field_of_five_megabytes_takes_under_two_seconds() -> None:
    from time import process_time

    payload = order("x" * 5_000_000)
    started = process_time()
    assert judge(payload).outbound is payload
    assert process_time() - started < 2
