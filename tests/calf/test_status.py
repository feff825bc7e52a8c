"""Which calcification counts, and what its status is."""

import pytest

from tests.calf.building import codes, decide


@pytest.mark.parametrize(("reason", "status", "target"), [
    ("Left calf calcification", "affirmed", True),
    ("Possible left calf calcification", "uncertain", True),
    ("No left calf calcification", "negated", False),
    ("Left calf calcification removed 2019", "historical", False),
    ("Left calf pain", "absent", False),
    ("Mother has calf calcification", "absent", False),
    ("Left breast calcification", "affirmed", False),
    ("No breast calcification. Left calf calcification", "affirmed", True),
    ("Breast calcification. No left calf calcification", "negated", False),
    ("Left calf calcification, ?calcification of the calf", "affirmed", True),
])  # fmt: skip
def test_what_bears_on_the_calf_decides(reason: str, status: str, target: bool) -> None:
    facts = decide(reason).facts
    assert (facts.calcification, facts.target) == (status, target)


def test_affirmed_and_denied_of_the_calf_is_a_contradiction() -> None:
    decided = decide("Left calf calcification on XR.", notes=["No calcification in the left calf"])
    assert (decided.action, codes(decided)) == ("review", ["X22"])


@pytest.mark.parametrize("reason", [
    "Films 2019 showed no calcification. Now left calf calcification",
    "Initial XR no calcification, repeat XR shows calcification left calf",
])  # fmt: skip
def test_a_denial_of_an_earlier_time_is_no_contradiction(reason: str) -> None:
    assert decide(reason).action == "upgrade"


@pytest.mark.parametrize(("code", "reason", "action"), [
    ("M61.462", "", "upgrade"),
    ("M61462", "", "upgrade"),
    ("M65.262", "", "upgrade"),
    ("M61.462", "Pain x 3 days", "upgrade"),
    ("L94.2", "Left calf pain", "upgrade"),
    ("L94.2", "Left arm pain", "review"),
    ("M65.272", "", "pass"),
    ("M61.562", "", "upgrade"),
    ("R92.1", "Left calf pain", "pass"),
    ("M79.662", "", "pass"),
])  # fmt: skip
def test_a_diagnosis_code_can_be_the_whole_indication(code: str, reason: str, action: str) -> None:
    assert decide(reason, diagnoses=[code]).action == action


def test_a_code_of_another_system_says_nothing() -> None:
    assert decide("", diagnoses=["M61.462^x^SCT"]).action == "pass"


def test_a_code_and_a_denial_contradict_each_other() -> None:
    assert decide("No calcification in left calf", diagnoses=["M61.462"]).action == "review"


@pytest.mark.parametrize("reason", ["Left calf calc on XR", "Radiodense focus left calf"])
def test_a_weak_word_is_only_a_suspicion(reason: str) -> None:
    assert decide(reason).facts.calcification in ("uncertain", "affirmed")


def test_a_code_alone_places_it_in_the_lower_leg() -> None:
    assert decide("", diagnoses=["M61.462"]).facts.location == "lower leg"
