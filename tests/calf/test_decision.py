"""What is done with one order: order control, order memory, mode, policy; [ClinicalNotes 3.5] row by row."""

import pytest

from hl7calf.calf.order_text import Control, control_of
from hl7calf.calf.verdict import Action, Mode, Policy, Recall, Remembered, Verdict
from tests.calf.building import (
    CLASSIC,
    COMPLETE_LEFT,
    LIMITED_LEFT,
    LIMITED_RIGHT,
    PLAIN_LEFT,
    UPGRADED_LEFT,
    codes,
    decide,
    group,
    judge,
    lines_of,
    memory_of,
    message,
    notes_written,
    order,
)

DEMO = Policy("DEMO", "1")
CARRIES = b"|USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L|"
NOTHING_TO_SAY = "Left leg swelling, afternoon appointment wanted"


def service_of(payload: bytes) -> bytes:
    """Return OBR-4 of the first order."""
    return lines_of(payload, "OBR")[0].split(b"|")[4]


def kinds_of(payload: bytes) -> tuple[bool, bool]:
    """Tell whether the code of the complete study, and a note, stand in the message."""
    return CARRIES in payload, bool(notes_written(payload))


# ------------------------------------------------------------------ ORC-1 and ORC-5 of an order not seen before


@pytest.mark.parametrize(("control", "status", "action", "gates"), [
    ("NW", "", "upgrade", []),
    ("NW", "SC", "upgrade", []),
    ("NW", "HD", "upgrade", []),
    ("RO", "", "upgrade", []),
    ("CH", "", "upgrade", []),
    ("XO", "", "upgrade", []),
    ("nw", "", "upgrade", []),
    ("NW", "IP", "pass", ["X2"]),
    ("NW", "CM", "pass", ["X2"]),
    ("XO", "CM", "pass", ["X2"]),
    ("XO", "CA", "pass", ["X2"]),
    ("XO", "DC", "pass", ["X2"]),
    ("XO", "A", "pass", ["X2"]),
    ("CA", "", "pass", ["X2"]),
    ("DC", "", "pass", ["X2"]),
    ("HD", "", "pass", ["X2"]),
    ("RL", "", "pass", ["X2"]),
    *((control, "", "pass", ["X2"]) for control in "XX SC OC OD CR DR UC UX XR OK NA RE OE OH PA RP RU SN SR".split()),
    ("", "", "review", ["X23"]),
    ("ZZ", "", "pass", ["X2"]),
])  # fmt: skip
def test_order_control_decides_what_is_a_request(control: str, status: str, action: str, gates: list[str]) -> None:
    decided = decide(control=control, status=status)
    assert (decided.action, codes(decided)) == (action, gates)


@pytest.mark.parametrize("control", "CA DC HD RL SC XX OC UC SN".split())
def test_what_is_no_request_is_never_a_target_that_asks(control: str) -> None:
    payload = order(control=control)
    assert judge(payload).outbound is payload


@pytest.mark.parametrize(("code", "status", "control"), [
    ("NW", "", Control.REQUEST), ("RO", "", Control.REQUEST), ("CH", "", Control.REQUEST), ("XO", "", Control.CHANGE),
    ("XO", "CM", Control.FOLLOWS), ("NW", "IP", Control.FOLLOWS), ("CA", "", Control.FOLLOWS),
    ("HD", "", Control.FOLLOWS), ("SC", "", Control.FOLLOWS), ("SN", "", Control.NUMBER), ("XX", "", Control.STATUS),
    ("", "", Control.UNKNOWN),
])  # fmt: skip
def test_order_control_is_read_once(code: str, status: str, control: Control) -> None:
    assert control_of(code, status) is control


def test_a_parent_passes_and_its_child_is_evaluated() -> None:
    both = message([
        *group("", control="PA", service="VASC^VASCULAR WORKUP^L"),
        *group(CLASSIC, control="CH", number="P-2^CPOE", position=2, orc={8: "P-1&CPOE"}),
    ])  # fmt: skip
    assert [o.action for o in judge(both).orders] == [Action.PASS, Action.UPGRADE]


def test_the_replaced_order_passes_and_its_replacement_is_evaluated() -> None:
    both = message([
        *group(CLASSIC, control="RP", service=LIMITED_RIGHT),
        *group(CLASSIC, control="RO", number="P-2^CPOE", position=2),
    ])  # fmt: skip
    assert [o.action for o in judge(both).orders] == [Action.PASS, Action.UPGRADE]


def test_an_order_without_orc_is_left_to_a_person() -> None:
    lines = [line for line in group(CLASSIC) if not line.startswith("ORC")]
    [decided] = judge(message(lines)).orders
    assert (decided.action, codes(decided)) == (Action.REVIEW, ["X23"])


# ------------------------------------------------------------------ order memory


@pytest.fixture
def new() -> Verdict:
    """The order itself, upgraded."""
    verdict = judge(order(), policy=DEMO)
    assert verdict.action is Action.UPGRADE
    return verdict


def test_an_upgrade_is_remembered_by_its_placer_order_number_and_application(new: Verdict) -> None:
    [kept] = new.remember
    assert kept.placer_key == b"P-1^CPOE"
    assert kept.before == ("USVENLTDL", "US VENOUS LIMITED LEFT", "L")
    assert kept.after == UPGRADED_LEFT
    assert kept.control_id == "T1"


@pytest.mark.parametrize("changed", [{"service": COMPLETE_LEFT}, {"control": "CA"}, {"reason": "DVT?"}, {"number": ""}])
def test_nothing_else_is_remembered(changed: dict[str, str]) -> None:
    assert judge(order(**changed)).remember == ()


@pytest.mark.parametrize(("control", "status"), [
    ("CA", ""), ("DC", ""), ("HD", ""), ("RL", ""), ("SC", ""), ("XO", "CM"), ("XO", "CA"), ("XO", "DC"), ("XO", "A"),
    ("NW", "IP"),
])  # fmt: skip
def test_a_later_message_that_is_no_request_carries_the_code_and_no_note(
    new: Verdict, control: str, status: str
) -> None:
    later = judge(order("", control=control, status=status), recall=memory_of(new))
    assert kinds_of(later.outbound) == (True, False)
    assert (later.action, codes(later.orders[0]), later.remember, later.forget) == (Action.UPGRADE, ["X2"], (), ())


def test_the_code_is_carried_also_where_the_prefilter_sees_no_word(new: Verdict) -> None:
    cancel = order("", control="CA")
    assert (
        judge(cancel, recall=memory_of(new), thorough=False).outbound == judge(cancel, recall=memory_of(new)).outbound
    )
    assert CARRIES in judge(cancel, recall=memory_of(new), thorough=False).outbound


@pytest.mark.parametrize("control", "XX OC UC UX OK RE".split())
def test_status_and_answers_pass_as_they_came(new: Verdict, control: str) -> None:
    payload = order("", control=control)
    assert judge(payload, recall=memory_of(new)).outbound is payload


def test_a_change_that_still_asks_for_it_is_upgraded_again_with_its_note(new: Verdict) -> None:
    changed = judge(order(CLASSIC + ", swelling now", control="XO"), recall=memory_of(new))
    assert (changed.action, kinds_of(changed.outbound)) == (Action.UPGRADE, (True, True))


def test_a_change_that_no_longer_asks_for_it_keeps_the_code_and_goes_to_a_person(new: Verdict) -> None:
    changed = judge(order(NOTHING_TO_SAY, control="XO"), recall=memory_of(new))
    assert (changed.action, kinds_of(changed.outbound)) == (Action.REVIEW, (True, False))
    assert "X22" in codes(changed.orders[0])
    assert (changed.remember, changed.forget) == ((), ())


def test_a_change_under_a_closed_gate_keeps_the_code_and_goes_to_a_person(new: Verdict) -> None:
    changed = judge(order(CLASSIC + ". Short leg cast", control="XO"), recall=memory_of(new))
    assert (changed.action, kinds_of(changed.outbound)) == (Action.REVIEW, (True, False))
    assert {"X16", "X22"} <= set(codes(changed.orders[0]))


def test_a_change_that_picks_the_complete_study_itself_is_not_touched_in_its_code(new: Verdict) -> None:
    changed = judge(order(control="XO", service="^".join(UPGRADED_LEFT)), recall=memory_of(new))
    assert changed.action is Action.ANNOTATE
    assert service_of(changed.outbound).decode() == "^".join(UPGRADED_LEFT)
    assert changed.forget == ()


@pytest.mark.parametrize(("service", "reason", "action"), [
    ("XRTFL^XR TIBIA FIBULA LEFT^L", CLASSIC, "pass"),
    (PLAIN_LEFT, CLASSIC, "annotate"),
    (LIMITED_RIGHT, "DVT?", "pass"),
])  # fmt: skip
def test_another_exam_is_a_new_decision_and_ends_the_memory(
    new: Verdict, service: str, reason: str, action: str
) -> None:
    changed = judge(order(reason, control="XO", service=service), recall=memory_of(new))
    assert (changed.action, changed.forget) == (action, (b"P-1^CPOE",))
    assert service_of(changed.outbound).decode() == service
    cancel = order("", control="CA")
    assert judge(cancel, recall=memory_of(new, changed)).outbound is cancel


def test_another_exam_that_is_upgraded_replaces_the_memory(new: Verdict) -> None:
    right = judge(order("Right calf calcification", control="XO", service=LIMITED_RIGHT), recall=memory_of(new))
    assert (right.action, right.forget) == (Action.UPGRADE, ())
    cancel = judge(order("", control="CA", service=LIMITED_RIGHT), recall=memory_of(new, right))
    assert service_of(cancel.outbound) == b"USVENCOMR^US VENOUS DUPLEX COMPLETE RIGHT^L"


def test_a_cancel_of_another_exam_does_not_end_the_memory(new: Verdict) -> None:
    other = judge(order("", control="CA", service=PLAIN_LEFT), recall=memory_of(new))
    assert (other.forget, other.changed) == ((), False)


def test_the_order_sent_again_is_decided_again_in_the_same_way(new: Verdict) -> None:
    again = judge(order(), recall=memory_of(new), policy=DEMO)
    assert again.outbound == new.outbound
    assert again.remember == new.remember


def test_a_second_order_number_has_no_share_in_the_memory(new: Verdict) -> None:
    other = order("", control="CA", number="P-2^CPOE")
    assert judge(other, recall=memory_of(new)).outbound is other


def test_the_same_number_of_another_application_is_another_order(new: Verdict) -> None:
    other = order("", control="CA", number="P-1^EMERGENCY")
    assert judge(other, recall=memory_of(new)).outbound is other


def test_a_cancel_without_the_code_is_not_touched(new: Verdict) -> None:
    bare = order("", control="CA", service="")
    assert judge(bare, recall=memory_of(new)).outbound is bare


def test_with_the_memory_lost_a_cancel_goes_on_as_it_came() -> None:
    cancel = order("", control="CA")
    assert judge(cancel).outbound is cancel


def test_observe_carries_no_code(new: Verdict) -> None:
    cancel = order("", control="CA")
    assert judge(cancel, recall=memory_of(new), mode=Mode.OBSERVE).outbound is cancel


def test_annotate_still_carries_the_code_that_radiology_knows(new: Verdict) -> None:
    later = judge(order("", control="CA"), recall=memory_of(new), mode=Mode.ANNOTATE)
    assert CARRIES in later.outbound


def test_a_code_that_cannot_be_carried_goes_to_a_person(new: Verdict) -> None:
    repeated = judge(order("", control="CA", service=LIMITED_LEFT + "~X^Y^Z"), recall=memory_of(new))
    assert (repeated.action, repeated.changed) == (Action.REVIEW, False)
    assert "X23" in codes(repeated.orders[0])


def test_the_memory_knows_the_same_code_apart_by_its_name() -> None:
    both_93971 = Remembered(
        b"P-1^CPOE",
        ("93971", "VENOUS DUPLEX LIMITED LEFT", "C4"),
        ("93971", "VENOUS DUPLEX COMPLETE LEFT", "C4"),
        "",
        "",
    )
    recall: Recall = {b"P-1^CPOE": both_93971}.get
    old = judge(order("", control="CA", service="93971^VENOUS DUPLEX LIMITED LEFT^C4"), recall=recall)
    assert service_of(old.outbound) == b"93971^VENOUS DUPLEX COMPLETE LEFT^C4"
    known = order("", control="CA", service="93971^VENOUS DUPLEX COMPLETE LEFT^C4")
    assert judge(known, recall=recall).outbound is known


# ------------------------------------------------------------------ mode and policy


@pytest.mark.parametrize(("mode", "action", "gates", "code", "note"), [
    (Mode.UPGRADE, "upgrade", [], True, True),
    (Mode.ANNOTATE, "annotate", ["MODE"], False, True),
    (Mode.OBSERVE, "pass", ["MODE"], False, False),
])  # fmt: skip
def test_the_mode_lowers_what_is_done_and_not_what_is_indicated(
    mode: Mode, action: str, gates: list[str], code: bool, note: bool
) -> None:
    verdict = judge(order(), mode=mode)
    [decided] = verdict.orders
    assert (decided.indicated, decided.action, codes(decided)) == (Action.UPGRADE, action, gates)
    assert kinds_of(verdict.outbound) == (code, note)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("changed", "indicated"), [
    ({"service": COMPLETE_LEFT}, "annotate"), ({"reason": CLASSIC + ". Short leg cast"}, "review"), ({"reason": "DVT?"}, "pass"),
])  # fmt: skip
def test_the_mode_raises_nothing(mode: Mode, changed: dict[str, str], indicated: str) -> None:
    decided = judge(order(**changed), mode=mode).orders[0]
    assert decided.indicated == indicated
    assert decided.action == ("pass" if mode is Mode.OBSERVE and indicated == "annotate" else indicated)


def test_review_stays_review_in_every_mode() -> None:
    for mode in Mode:
        assert judge(order(CLASSIC + ". Short leg cast"), mode=mode).action is Action.REVIEW


def test_a_policy_that_is_not_in_force_allows_no_code() -> None:
    verdict = judge(order(), policy=Policy("DEMO", "1", in_force=False))
    assert (verdict.action, codes(verdict.orders[0])) == (Action.ANNOTATE, ["POLICY"])
    assert kinds_of(verdict.outbound) == (False, True)


@pytest.mark.parametrize(("policy", "changed", "inside"), [
    (Policy("D", "1", sending_facilities=("HOSP",)), {}, True),
    (Policy("D", "1", sending_facilities=("OTHER", "HOSP")), {}, True),
    (Policy("D", "1", sending_facilities=("OTHER",)), {}, False),
    (Policy("D", "1", sending_facilities=("HOSP",)), {"msh": {4: "HOSP^1.2.3^ISO"}}, True),
    (Policy("D", "1", sending_facilities=("HOSP",)), {"msh": {4: ""}}, False),
    (Policy("D", "1", patient_classes=("O",)), {}, True),
    (Policy("D", "1", patient_classes=("E", "I")), {}, False),
    (Policy("D", "1", patient_classes=("I",)), {"pv1": {2: "I"}}, True),
    (Policy("D", "1", patient_classes=("I",)), {"pv1": {2: ""}}, False),
    (Policy("D", "1", sending_facilities=("HOSP",), patient_classes=("I",)), {}, False),
])  # fmt: skip
def test_outside_the_policys_scope_nothing_is_changed(policy: Policy, changed: dict[str, object], inside: bool) -> None:
    verdict = judge(order(**changed), policy=policy)
    assert verdict.action == ("upgrade" if inside else "pass")
    assert codes(verdict.orders[0]) == ([] if inside else ["SCOPE"])
    assert verdict.orders[0].indicated is Action.UPGRADE


def test_without_a_pv1_the_patient_class_is_not_in_scope() -> None:
    bare = b"\r".join(line for line in order().split(b"\r") if not line.startswith(b"PV1"))
    assert judge(bare, policy=Policy("D", "1", patient_classes=("O",))).action is Action.PASS
    assert judge(bare, policy=Policy("D", "1")).action is Action.UPGRADE


def test_the_policy_stands_in_the_note_and_in_the_verdict() -> None:
    verdict = judge(order(), policy=Policy("RAD-US-017", "2"))
    assert b"policy RAD-US-017: protocol upgraded" in verdict.outbound
    assert verdict.policy == "RAD-US-017 v2"
    assert b"policy none: protocol upgraded" in judge(order()).outbound


# ------------------------------------------------------------------ own output


@pytest.mark.parametrize("changed", [{}, {"service": COMPLETE_LEFT}, {"notes": ["one", "two"]}, {"version": "2.3"}])
def test_own_output_fed_back_is_not_changed_again(changed: dict[str, object]) -> None:
    once = judge(order(**changed))
    assert once.changed
    twice = judge(once.outbound)
    assert twice.outbound is once.outbound
    assert "OWN" in codes(twice.orders[0])


def test_own_output_fed_back_is_not_changed_with_the_memory_either(new: Verdict) -> None:
    assert judge(new.outbound, recall=memory_of(new)).outbound is new.outbound


def test_the_marker_of_another_order_does_not_stop_this_one() -> None:
    done = judge(order(number="P-0^CPOE")).outbound.decode().split("\r")
    orders = [line for line in done if line.startswith(("ORC", "OBR", "NTE"))]
    both = message([*orders, *group(CLASSIC, number="P-2^CPOE", position=2)])
    assert [o.action for o in judge(both).orders] == [Action.PASS, Action.UPGRADE]


def test_a_note_that_only_names_hl7calf_is_no_marker() -> None:
    assert decide(notes=["see HL7CALF log"]).action is Action.UPGRADE


def test_the_indication_stays_to_be_read_beside_what_was_done() -> None:
    decided = decide(service="ZZLTDL^US VENOUS LIMITED LEFT^L")
    assert (decided.indicated, decided.action, codes(decided)) == (Action.UPGRADE, Action.ANNOTATE, ["X23"])


def test_two_orders_are_decided_and_remembered_each_alone() -> None:
    both = message([
        *group(CLASSIC),
        *group("Right calf calcification", number="P-2^CPOE", service=LIMITED_RIGHT, position=2),
    ])  # fmt: skip
    verdict = judge(both)
    assert [r.placer_key for r in verdict.remember] == [b"P-1^CPOE", b"P-2^CPOE"]
    assert [o.facts.laterality for o in verdict.orders] == ["L", "R"]
