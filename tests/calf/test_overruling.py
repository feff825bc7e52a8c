"""Which orders a reviewer may raise: gate by gate, and what binds a reviewer as it binds the rule."""

from dataclasses import replace

import pytest

from hl7calf.calf.overruling import NEVER_OVERRULED, REVIEWED, under_review, why_not_raised
from hl7calf.calf.verdict import Action, Mode, OrderVerdict, Policy, Verdict
from tests.calf.building import CLASSIC, codes, decide, judge, memory_of, notes_written, order

CAST = CLASSIC + ", leg in a cast"
WHOLE = frozenset({1})


def raised(payload: bytes, **more: object) -> tuple[Verdict, OrderVerdict]:
    verdict = judge(payload, reviewed=WHOLE, **more)
    return verdict, verdict.orders[0]


@pytest.mark.parametrize(("reason", "more", "gate"), [
    (CAST, {}, "X16"),
    ("calcification of the left leg on x-ray, pain 5 days", {}, "X5"),
    (CLASSIC + ", f/u known DVT", {}, "X13"),
    (CLASSIC + ". Complete duplex done yesterday", {}, "X14"),
    (CLASSIC, {"pid": {7: "20150101"}}, "X17"),
    (CLASSIC + ", compartment syndrome", {}, "X24"),
])  # fmt: skip
def test_a_reviewer_may_decide_what_the_rule_left_to_a_person(reason: str, more: dict[str, object], gate: str) -> None:
    assert decide(reason, **more).action is Action.REVIEW and gate in codes(decide(reason, **more))
    verdict, one = raised(order(reason, **more))
    assert (one.indicated, one.action, verdict.witness) == (Action.REVIEW, Action.UPGRADE, "ok")
    assert codes(one)[-1] == REVIEWED and gate in codes(one)
    assert [m.path for m in one.modifications] == ["OBR[1]-4", "NTE"]
    assert why_not_raised(one) == ""


@pytest.mark.parametrize(("reason", "more", "gate"), [
    (CAST + ", do not change this order", {}, "X15"),
    ("calf calcification on x-ray, leg in a cast", {"service": "USVENLTD^US VENOUS LIMITED^L"}, "X21"),
    ("Right calf calcification on x-ray, leg in a cast", {}, "X21"),
    (CAST, {"control": ""}, "X23"),
    (CAST, {"service": "OTHERLTDL^US VENOUS LIMITED LEFT^L"}, "X23"),
])  # fmt: skip
def test_a_reviewer_may_not_decide_what_nobody_could_write_safely(
    reason: str, more: dict[str, object], gate: str
) -> None:
    payload = order(reason, **more)
    assert decide(reason, **more).action is Action.REVIEW
    _, one = raised(payload)
    assert "OBR[1]-4" not in [m.path for m in one.modifications]
    assert why_not_raised(one).startswith(gate + " ")


def test_the_gates_never_overruled_are_these_three() -> None:
    assert sorted(NEVER_OVERRULED) == ["X15", "X21", "X23"]


@pytest.mark.parametrize(("more", "gate"), [
    ({"mode": Mode.OBSERVE}, "MODE"),
    ({"mode": Mode.ANNOTATE}, "MODE"),
    ({"policy": Policy("P", "1", in_force=False)}, "POLICY"),
    ({"policy": Policy("P", "1", sending_facilities=("ELSEWHERE",))}, "SCOPE"),
])  # fmt: skip
def test_mode_policy_and_scope_bind_a_reviewer_too(more: dict[str, object], gate: str) -> None:
    verdict, one = raised(order(CAST), **more)
    assert why_not_raised(one).startswith(gate) and "OBR[1]-4" not in [m.path for m in verdict.modifications]


@pytest.mark.parametrize("reason", [CLASSIC, "left calf pain, no calcification", CLASSIC + " no limit"])
def test_a_reviewers_word_changes_nothing_where_the_rule_has_decided(reason: str) -> None:
    payload = order(reason)
    assert raised(payload)[0] == judge(payload)


def test_the_reviewers_word_has_its_gate_and_sentence() -> None:
    _, one = raised(order(CAST))
    assert (one.gates[-1].code, one.gates[-1].why) == (
        "REVIEWED", "a reviewer decided that the complete study is wanted",
    )  # fmt: skip


def test_an_upgrade_needs_its_code_and_a_code_alone_is_no_upgrade() -> None:
    _, one = raised(order(CAST))
    assert why_not_raised(replace(one, modifications=one.modifications[1:])) != ""
    assert why_not_raised(replace(one, action=Action.REVIEW)) != ""
    no_side = replace(one, action=Action.REVIEW, facts=replace(one.facts, laterality=None))
    assert why_not_raised(no_side) == "X21 no side is named"


def test_an_order_that_is_not_named_keeps_its_review() -> None:
    verdict = judge(order(CAST), reviewed=frozenset({2}))
    assert not verdict.changed and under_review(verdict.orders) == WHOLE


def test_the_note_says_that_a_person_decided_and_the_rule_leaves_its_own_output_alone() -> None:
    verdict, _ = raised(order(CAST))
    assert b"upgraded on review" in notes_written(verdict.outbound)[0][3]
    again = judge(verdict.outbound, reviewed=WHOLE)
    assert not again.changed


def test_a_later_change_of_the_raised_order_carries_the_complete_code() -> None:
    verdict, _ = raised(order(CAST))
    later = judge(order("please hurry", control="XO"), recall=memory_of(verdict))
    assert b"USVENCOML" in later.outbound
