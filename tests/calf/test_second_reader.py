"""Orders that a second reader found the rule wrong about, all mended since: they stay mended."""

import pytest

from tests.calf.building import CLASSIC, decide, judge, notes_written, order


@pytest.mark.parametrize("reason", [
    "Left calf: no mass, calcification or fluid",
    "Left calf calcification previously excised, now swelling",
    "Calcification left calf was an artifact",
    "Left calf pain - doubt calcification",
    "Unlikely calcification left calf",
    "Left calf: -calcification, +swelling",
    "Left calf free from calcification",
    "No concern for left calf calcification",
])  # fmt: skip
def test_what_denies_the_calcification_asks_for_no_upgrade(reason: str) -> None:
    assert decide(reason).action == "pass"


@pytest.mark.parametrize("more", [
    "Complete duplex yesterday was negative",
    "Complete duplex done yesterday, neg",
    "Full leg scan this am was negative",
    "Right side please",
])  # fmt: skip
def test_what_holds_an_order_back_is_heard(more: str) -> None:
    assert decide(f"{CLASSIC}. {more}").action == "review"
    assert decide(f"{more}. {CLASSIC}").action == "review"


@pytest.mark.parametrize("changed", [
    {"reason": "Left calf MO"},
    {"reason": "Ca ++ left calf"},
    {"reason": "left calf Ca2 +"},
    {"reason": "c\u00e1lcification left calf"},
    {"reason": "myositis ossi\ufb01cans left calf"},
    {"reason": "left clf ho"},
    {"reason": "Left calf pain", "answers": [("H^HISTORY^L", "Left calf cal"), ("H^HISTORY^L", "cification")]},
    {"reason": "", "notes": ["Patient with long standing complaints of the left calf, on xray cal", "cification seen"]},
])  # fmt: skip
def test_the_quick_no_says_no_only_where_the_whole_rule_does(changed: dict[str, object]) -> None:
    payload = order(**changed)
    assert judge(payload, thorough=False).outbound == judge(payload).outbound


def test_a_repeat_of_the_service_as_a_coded_answer_goes_to_a_person() -> None:
    repeated = decide(answers=[("P^PROCEDURE^L", "USVENLTDL^US VENOUS LIMITED LEFT^L")])
    assert repeated.action == "review"


def test_abnormal_imaging_by_code_and_calf_pain_go_to_a_person() -> None:
    assert decide("Left calf pain", diagnoses=["R93.6"]).action == "review"


def test_both_legs_are_written_in_english() -> None:
    outbound = judge(order("Calcification both calves", service="USVENLTDB^US VENOUS LIMITED BILATERAL^L")).outbound
    assert not any(b"both legs leg" in cells[3] for cells in notes_written(outbound))


def test_radiotherapy_is_no_right_side() -> None:
    assert decide("s/p RT for sarcoma, calf calcification", service="V^US VENOUS LIMITED^L").facts.laterality is None


@pytest.mark.alone
def test_many_long_notes_take_bounded_time() -> None:
    from time import process_time

    payload = order("Left calf calcification.", notes=["no pain, ? calcification or swelling. " * 20] * 50)
    spent = []
    for _ in range(3):
        started = process_time()
        judge(payload)
        spent.append(process_time() - started)
    assert min(spent) < 0.3
