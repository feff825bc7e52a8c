"""Denials that no table knows, and calcifications whose place only nearness tells: a person reads them."""

import pytest

from tests.calf.building import decide

DENIED = [
    "I hardly believe, nor does anyone here, in calcification of the left calf; pain",
    "No grounds whatever to report calcification in the left calf, pain",
    "Left calf calcification, which was raised on the outside film, proved to be a skin fold. Pain",
    "There is no evidence on today's film, and I looked twice, of calcification within the left calf. Swollen",
    "Left calf calcification: none. Tender",
]
ELSEWHERE = [
    "In the thigh, well above the tender left calf, there is a calcified scar",
    "Calcified widget on XR, left calf pain",
    "PMH: soft tissue calcification. Left calf pain",
]
AFFIRMED = [
    "Left calf calcification, no fever. Pain",
    "No DVT last year. Left calf calcification on XR",
    "Left calf calcification, not on anticoagulants",
    "Left calf calcification not previously imaged; tender",
    "Not only pain but left calf calcification on XR",
    "Left calf calcinosis (bx proven 2020), tender",
    "Left calf calcification without FDG avidity on PET CT",
    "Cannot rule out left calf calcification on XR, cramps",
    "Knee film: calcification of the left posterior calf, calf swollen",
]


@pytest.mark.parametrize("reason", DENIED)
def test_a_denial_without_an_object_stops_the_upgrade(reason: str) -> None:
    decided = decide(reason)
    assert decided.indicated.value in ("review", "pass") and not decided.facts.target


def test_the_reason_says_that_a_denial_is_near() -> None:
    [gate] = decide(DENIED[3]).gates
    assert gate.code == "X22" and "a denial stands beside the calcification" in gate.why


@pytest.mark.parametrize("reason", ELSEWHERE)
def test_a_calf_that_belongs_to_another_finding_is_not_the_calcifications(reason: str) -> None:
    decided = decide(reason)
    assert decided.indicated.value == "review" and "not clear that the calcification" in decided.gates[-1].why


@pytest.mark.parametrize("reason", AFFIRMED)
def test_a_denial_of_something_else_stops_nothing(reason: str) -> None:
    assert decide(reason).indicated.value == "upgrade"


def test_an_answer_that_places_the_calcification_elsewhere_counts() -> None:
    answers = [("Calcification on prior imaging", "Yes"), ("Location of calcification", "Left breast")]
    assert decide("Left calf swelling", answers=answers).indicated.value == "review"
