"""Limits that somebody set on purpose go to a person (gate X15)."""

import pytest

from tests.calf.building import decide

BOUND = [
    "Left calf calcification; 2 point compression only per onc radiology",
    "Left calf calcification, pain. Insurance approved a limited venous study",
    "Limited duplex protocolled by the radiologist for left calf calcification",
    "left calf calcification, pt in a research trial: 2 point compression per trial",
]
FREE = [
    "Left calf calcification, no insurance. Limited mobility",
    "Radiologist read left calf calcification on XR; pain",
    "Left calf calcification on film read by radiologist. Prior limited study approved by insurance in 2019 was negative",
]


def codes(reason: str, **more: object) -> set[str]:
    return {gate.code for gate in decide(reason, **more).gates}  # type: ignore[arg-type]  # what `order` takes


@pytest.mark.parametrize("reason", BOUND)
def test_a_limit_beside_who_set_it_is_kept(reason: str) -> None:
    assert "X15" in codes(reason) and decide(reason).indicated.value == "review"


@pytest.mark.parametrize("reason", FREE)
def test_who_is_named_elsewhere_binds_nothing(reason: str) -> None:
    assert "X15" not in codes(reason) and decide(reason).indicated.value == "upgrade"


@pytest.mark.parametrize("question", ["May radiology modify exam", "Okay to change protocol?", "Can study be extended"])
def test_an_answer_that_forbids_a_change_is_obeyed(question: str) -> None:
    assert "X15" in codes("Left calf calcification", answers=[(question, "No")])
    assert "X15" not in codes("Left calf calcification", answers=[(question, "Yes")])


def test_a_question_about_the_patient_forbids_nothing() -> None:
    assert "X15" not in codes("Left calf calcification", answers=[("Any change in symptoms", "No")])
