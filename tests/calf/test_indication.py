"""The rule as a whole: what one order asks, and what is indicated; guideline R1, [ClinicalNotes 4]."""

import pytest

from hl7calf.calf.indication import Indication, OrderText, read_indication
from hl7calf.calf.rule import Options
from hl7calf.calf.study import Triplet
from hl7calf.calf.verdict import Action
from tests.calf.building import CLASSIC, COMPLETE_LEFT, LIMITED_LEFT, PLAIN_LEFT, passage, tables


def indication(reason: str = CLASSIC, service: str = LIMITED_LEFT, **more: object) -> Indication:
    options = more.pop("options", None)
    without = more.pop("without", None)
    code, name, system = [*service.split("^"), "", ""][:3]
    text = OrderText(
        triplets=(Triplet(code, name, system, 1),),
        passages=tuple(p for p in (passage(name, "name", "OBR[1]-4.2"), passage(reason)) if p.value),
        **more,  # type: ignore[arg-type]
    )
    return read_indication(text, tables(), without, options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("reason", "service", "action"), [
    (CLASSIC, LIMITED_LEFT, "upgrade"),
    (CLASSIC, "X^US VENOUS LIMITED LEFT^NOWHERE", "upgrade"),
    (CLASSIC, COMPLETE_LEFT, "annotate"),
    (CLASSIC, PLAIN_LEFT, "annotate"),
    (CLASSIC + ". Limited study please", PLAIN_LEFT, "upgrade"),
    (CLASSIC + ". Limited mobility", PLAIN_LEFT, "annotate"),
    (CLASSIC + ". Prior study was limited", PLAIN_LEFT, "annotate"),
    (CLASSIC, "X^US SOFT TISSUE LIMITED LEFT^L", "review"),
    (CLASSIC, "X^CT LEG LEFT^L", "pass"),
    ("Left calf pain", LIMITED_LEFT, "pass"),
    ("No calf calcification", LIMITED_LEFT, "pass"),
    ("Left leg calcification", LIMITED_LEFT, "review"),
    ("Left knee calcification", LIMITED_LEFT, "pass"),
    ("", LIMITED_LEFT, "pass"),
    ("", "", "pass"),
])  # fmt: skip
def test_every_gate_must_be_open_for_an_upgrade(reason: str, service: str, action: str) -> None:
    assert indication(reason, service).action == action


def test_the_study_map_has_no_say_in_what_is_indicated() -> None:
    assert indication(service="NOWHERE^US VENOUS LIMITED LEFT^X").action is Action.UPGRADE


@pytest.mark.parametrize(("changed", "action", "target"), [
    ({}, "upgrade", True),
    ({"is_request": False, "asks": False}, "pass", False),
    ({"is_request": False, "asks": True}, "pass", True),
    ({"age": 12}, "review", True),
    ({"age": 18}, "upgrade", True),
    ({"age": 12, "options": Options(adult_age_years=12)}, "upgrade", True),
    ({"is_pregnant": True}, "upgrade", True),
    ({"codes": ("I82.4Z2",)}, "review", True),
    ({"body_side": "R"}, "review", True),
    ({"body_side": "L"}, "upgrade", True),
])  # fmt: skip
def test_what_surrounds_the_words_counts_too(changed: dict[str, object], action: str, target: bool) -> None:
    found = indication(**changed)
    assert (found.action, found.facts.target) == (action, target)


def test_a_row_left_out_changes_what_is_read() -> None:
    whole = indication("Left calf calcification")
    rows = [e.row for e in whole.evidence if e.concept == "calcification"]
    assert indication("Left calf calcification", without=rows[0]).action is Action.PASS


@pytest.mark.parametrize(("limit", "status"), [
    ("limited study", True), ("LTD study please", True), ("proximal only", True), ("above knee only", True), ("fem-pop only", True),
    ("2 point compression", True), ("no calf veins needed", True), ("whole leg", False), ("limited weight bearing", False),
    ("limited ROM", False), ("limited English", False), ("history limited", False), ("outside limited study was negative", False),
])  # fmt: skip
def test_a_limit_in_the_text_is_one_of_this_exam(limit: str, status: bool) -> None:
    assert indication(f"{CLASSIC}. {limit}", PLAIN_LEFT).facts.limited is status


def test_a_wrong_upgrade_is_worse_than_a_missed_one() -> None:
    doubts = ["Short leg cast", "Do not change", "Follow up known DVT", "Right calf calcification", "complete study"]
    for doubt in doubts:
        assert indication(f"{CLASSIC}. {doubt}").action is Action.REVIEW, doubt
