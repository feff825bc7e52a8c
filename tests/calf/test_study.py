"""What was ordered, from codes with their system and from names; [ClinicalNotes 1.2] and 2."""

import pytest

from hl7calf.calf.study import Study, Triplet, read_study, triplets_of
from hl7calf.wire.message import read_message
from hl7calf.wire.orders import read_orders
from tests.calf.building import order, passage, tables


def study(service: str) -> Study:
    code, name, system = [*service.split("^"), "", ""][:3]
    return read_study([Triplet(code, name, system, 1)], [passage(name, kind="name")] if name else [], tables())


@pytest.mark.parametrize(("service", "kind", "extent"), [
    ("X^US VENOUS LIMITED LEFT^L", "venous", "limited"),
    ("X^US VENOUS DUPLEX LTD LT^L", "venous", "limited"),
    ("X^VENOUS DOPPLER LOWER EXT PROXIMAL ONLY^L", "venous", "limited"),
    ("X^DVT STUDY 2 POINT COMPRESSION^L", "venous", "limited"),
    ("X^US VENOUS ABOVE KNEE LEFT^L", "venous", "limited"),
    ("X^US FEM-POP VEINS LEFT^L", "venous", "limited"),
    ("X^US EXTENDED COMPRESSION ECUS VENOUS LEFT^L", "venous", "limited"),
    ("X^US VENOUS DUPLEX COMPLETE LEFT^L", "venous", "complete"),
    ("X^US VENOUS WHOLE LEG LEFT^L", "venous", "complete"),
    ("X^CDUS VENOUS LEG LEFT^L", "venous", "complete"),
    ("X^US VENOUS DUPLEX LEFT LEG^L", "venous", "unspecified"),
    ("X^DUPLEX VEINS UNILATERAL OR LIMITED STUDY^CPT", "venous", "unspecified"),
    ("93971^^CPT", "venous", "unspecified"),
    ("93970^^CPT", "venous", "complete"),
    ("80860-0^^LN", "venous", "limited"),
    ("69392-9^^LN", "venous", "complete"),
    ("69399-4^^LN", "venous", "limited"),
    ("39430-4^^LN", "vessel", "limited"),
    ("39431-2^^LN", "vessel", "complete"),
    ("93604-7^^LN", "mixed", "unspecified"),
    ("42461-4^^LN", "graft", "unspecified"),
    ("38039-4^^LN", "nonvascular", "limited"),
    ("93926^^CPT", "arterial", "unspecified"),
    ("76882^^CPT", "nonvascular", "limited"),
    ("76942^^CPT", "guided", "unspecified"),
    ("X^US ARTERIAL DUPLEX LEG^L", "arterial", "unspecified"),
    ("X^US ARTERIAL AND VENOUS DUPLEX LEG^L", "mixed", "unspecified"),
    ("X^US VENOUS INSUFFICIENCY LEG^L", "insufficiency", "unspecified"),
    ("X^US VEIN MAPPING LEG^L", "mapping", "unspecified"),
    ("X^US GUIDED BIOPSY LEG^L", "guided", "unspecified"),
    ("X^US ABDOMEN LIMITED^L", "other region", "limited"),
])  # fmt: skip
def test_kind_and_extent_are_read_from_code_and_name(service: str, kind: str, extent: str) -> None:
    found = study(service)
    assert (found.is_ultrasound, found.kind, found.extent) == (True, kind, extent)


@pytest.mark.parametrize("service", [
    "93971^TROPONIN PANEL^LOCAL",
    "93971^^LOCAL",
    "93971",
    "93970^LIPID PANEL^99LAB",
    "X^CT LOWER EXTREMITY LEFT^L",
    "X^MRI CALF LEFT^L",
    "X^XR TIBIA FIBULA LEFT^L",
    "X^THERAPEUTIC ULTRASOUND^L",
    "97035^ULTRASOUND THERAPY^CPT",
    "93922^ANKLE BRACHIAL INDEX^CPT",
    "X^BASIC METABOLIC PANEL^L",
    "",
])  # fmt: skip
def test_what_is_no_ultrasound_imaging_is_told_apart(service: str) -> None:
    assert study(service).is_ultrasound is False


@pytest.mark.parametrize("system", ["CPT", "C4", "CPT4", "CPT-4", "cpt"])
def test_the_names_of_a_coding_system_are_one(system: str) -> None:
    assert study(f"93971^^{system}").kind == "venous"


@pytest.mark.parametrize(("service", "side"), [
    ("X^US VENOUS LIMITED LEFT^L", "L"), ("X^US VENOUS LIMITED RT^L", "R"), ("X^US VENOUS LIMITED BILATERAL^L", "B"),
    ("X^US VENOUS LIMITED^L", None), ("39430-4^^LN", "L"), ("39441-1^^LN", "R"), ("93971^^CPT", None),
    ("USVENLTDL^^L", "L"), ("USVENLTDR^^L", "R"),
])  # fmt: skip
def test_the_side_is_read_from_name_code_or_map(service: str, side: str | None) -> None:
    assert study(service).side == side


def test_two_sides_in_a_name_are_none() -> None:
    found = study("X^US VENOUS LEFT RIGHT^L")
    assert (found.side, found.sides) == (None, frozenset("LR"))


def test_a_complete_code_with_a_limited_name_says_both() -> None:
    assert study("69392-9^US VENOUS LIMITED LEFT^LN").extent == "both"


def test_a_code_of_a_known_system_with_a_foreign_name_contradicts_itself() -> None:
    assert study("93971^TROPONIN PANEL^CPT").is_ultrasound is False


@pytest.mark.parametrize(("service", "region"), [
    ("X^US VENOUS LIMITED LEFT^L", "leg"), ("X^US VENOUS UPPER EXTREMITY LEFT^L", "arm"),
    ("X^US LOWER EXTREMITY LEFT^L", "leg"), ("X^US ABDOMEN^L", "other"),
])  # fmt: skip
def test_the_region_is_leg_arm_or_other(service: str, region: str) -> None:
    assert study(service).region == region


@pytest.mark.parametrize(("service", "mark"), [
    ("X^POCUS DVT LEG^L", "point of care"), ("X^US VENOUS FOLLOW UP LEFT^L", "follow up"),
])  # fmt: skip
def test_some_names_carry_a_mark_of_their_own(service: str, mark: str) -> None:
    assert mark in study(service).marks


@pytest.mark.parametrize(("sent", "expected"), [
    ("A^B^C", [("A", "B", "C", 1)]),
    ("A^B^C^D^E^F", [("A", "B", "C", 1), ("D", "E", "F", 4)]),
    ("^^^D^E^F", [("D", "E", "F", 4)]),
    ("A^B^C^^E", [("A", "B", "C", 1), ("", "E", "", 4)]),
    ("A^B \\T\\ C^L", [("A", "B & C", "L", 1)]),
    (" A ^ B ^ L ", [("A", "B", "L", 1)]),
    ("A^B^C~D^E^F", [("A", "B", "C", 1)]),
    ("", []),
])  # fmt: skip
def test_the_coded_elements_of_obr_4_are_two(sent: str, expected: list[tuple[str, str, str, int]]) -> None:
    message = read_message(order(service=sent))
    [group] = read_orders(message)
    assert triplets_of(message, group) == [Triplet(*one) for one in expected]


def test_evidence_names_the_row_of_a_code() -> None:
    assert any(row.startswith("study_codes.csv:") for _, _, _, row in study("93971^^CPT").evidence)
