"""Which leg: a side counts for the site beside it, and no side is ever chosen against another."""

import pytest

from hl7calf.calf.sides import side_of_code
from hl7calf.calf.tables import Diagnosis
from tests.calf.building import LIMITED_BOTH, LIMITED_LEFT, LIMITED_RIGHT, codes, decide

SIDELESS = "USVENLTD^US VENOUS LIMITED^L"


@pytest.mark.parametrize(("reason", "side"), [
    ("Left calf calcification", "L"),
    ("Calcification of the right calf", "R"),
    ("L calf calcification", "L"),
    ("Lt calf calcs", "L"),
    ("RLE calf calcification", "R"),
    ("Calf calcification L", "L"),
    ("Bilateral calf calcifications", "B"),
    ("B/L calf calcifications", "B"),
    ("Calcification both calves", "B"),
    ("Calcification left and right calf", "B"),
    ("R/o DVT, calf calcification", None),
    ("Had RT therapy. Calf calcification", None),
    ("Left breast cancer. Calf calcification", None),
    ("Left calf calcification. Right THR 2019", "L"),
    ("Left hip surgery, right calf calcification", "R"),
    ("Right handed, left calf calcification", "L"),
    ("Calf calcification", None),
])  # fmt: skip
def test_the_side_is_that_of_the_calf(reason: str, side: str | None) -> None:
    decided = decide(reason, service=SIDELESS)
    assert decided.facts.laterality == side
    assert ("X21" in codes(decided)) is (side is None)


@pytest.mark.parametrize(("changed", "side", "conflict"), [
    ({"service": LIMITED_LEFT, "reason": "Calf calcification"}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Left calf calcification"}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Right calf calcification"}, None, True),
    ({"service": LIMITED_RIGHT, "reason": "Left calf calcification"}, None, True),
    ({"service": LIMITED_LEFT, "reason": "Bilateral calf calcifications"}, None, True),
    ({"service": LIMITED_BOTH, "reason": "Bilateral calf calcifications"}, "B", False),
    ({"service": LIMITED_BOTH, "reason": "Left calf calcification"}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "obr": {15: "^^^^&left"}}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "obr": {15: "^^^^&right"}}, None, True),
    ({"service": SIDELESS, "reason": "Calf calcification", "obr": {15: "^^^^&left"}}, "L", False),
    ({"service": SIDELESS, "reason": "Calf calcification", "obr": {15: "LT"}}, None, False),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "obr": {15: "RT"}}, "L", False),
    ({"service": SIDELESS, "reason": "Calf calcification", "answers": [("M^MODIFIERS^L", "LEFT")]}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "answers": [("M^MODIFIERS^L", "RIGHT")]}, None, True),
    ({"service": SIDELESS, "reason": "Calf calcification", "diagnoses": ["M61.462"]}, "L", False),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "diagnoses": ["M61.461"]}, None, True),
    ({"service": LIMITED_LEFT, "reason": "Calf calcification", "diagnoses": ["C50.911"]}, "L", False),
    ({"service": SIDELESS, "reason": "Calf calcification", "obr": {45: "LT"}}, "L", False),
    ({"service": SIDELESS, "reason": "Calf calcification", "obr": {46: "L^Left"}}, "L", False),
])  # fmt: skip
def test_where_two_places_disagree_a_person_decides(
    changed: dict[str, object], side: str | None, conflict: bool
) -> None:
    decided = decide(**changed)  # type: ignore[arg-type]
    assert decided.facts.laterality == side
    assert any(g.code == "X21" and "sides disagree" in g.why for g in decided.gates) is conflict


@pytest.mark.parametrize(("place", "code", "side"), [
    ("6", "M61.461", "R"), ("6", "M61.462", "L"), ("6", "M61462", "L"), ("6", "M61.469", None), ("6", "M61.46", None),
    ("6x", "M79.604", "R"), ("6x", "M79.605", "L"), ("6x", "M79.609", None), ("", "M61.461", None),
    ("5", "R22.41", "R"), ("5", "R22.43", "B"),
])  # fmt: skip
def test_a_code_tells_its_side_at_its_own_place(place: str, code: str, side: str | None) -> None:
    assert side_of_code(Diagnosis((), place, ""), code) == side


def test_no_side_is_no_side_and_not_the_other_one() -> None:
    assert decide("Calf calcification", service=SIDELESS).action == "review"
