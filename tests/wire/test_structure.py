"""Which segments stand where the structure of HL7 does not expect them."""

import pytest

from hl7calf.wire.structure import misplaced, missing, segments_in, structure_of

PLAIN = "MSH PID PV1 ORC OBR NTE NTE DG1 OBX NTE OBX".split()


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_an_order_as_hl7_wants_it_has_nothing_misplaced(version: str) -> None:
    structure = structure_of("ORM_O01", version)
    assert structure is not None
    assert misplaced(structure, PLAIN) == []
    assert misplaced(structure, [*PLAIN, *PLAIN[3:], "ORC", "OBR"]) == []
    assert missing(structure, PLAIN) == []


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ("MSH PID ORC NTE OBR", [3, 4]),
        ("MSH PID ORC OBR DG1 NTE", [5]),
        ("MSH PID PV1 PID ORC OBR", [3]),
        ("MSH ORC OBR PID", [3]),
        ("MSH PID OBR", [2]),
        ("MSH PID ORC OBR OBX NTE DG1", [6]),
        ("PID MSH ORC", []),
    ],
)
def test_a_segment_out_of_place_is_found(names: str, places: list[int]) -> None:
    structure = structure_of("ORM_O01", "2.4")
    assert structure is not None
    found = misplaced(structure, names.split())
    assert bool(found) is (places != []) or names.startswith("PID")
    if places:
        assert found[0] == places[0]


def test_the_choice_of_orm_is_a_choice() -> None:
    structure = structure_of("ORM_O01", "2.5.1")
    assert structure is not None
    assert misplaced(structure, "MSH PID ORC RXO NTE ORC OBR".split()) == []
    assert misplaced(structure, "MSH PID ORC OBR RXO".split()) == [4]


def test_other_orders_have_a_structure_too() -> None:
    structure = structure_of("OMG_O19", "2.5.1")
    assert structure is not None
    assert misplaced(structure, "MSH PID PV1 ORC TQ1 OBR NTE DG1 OBX SPM".split()) == []
    assert {"OBR", "TQ1", "SPM"} <= segments_in(structure)


def test_what_is_required_and_absent_is_named() -> None:
    structure = structure_of("ORM_O01", "2.4")
    assert structure is not None
    assert missing(structure, ["MSH", "PID"]) == ["ORM_O01_ORDER"]


def test_an_unknown_structure_is_none() -> None:
    assert structure_of("ORM_O01", "2.8") is None
    assert structure_of("XXX_Y99", "2.5") is None
    assert structure_of("", "2.5") is None


def test_many_segments_out_of_place_end_at_twenty() -> None:
    structure = structure_of("ORM_O01", "2.4")
    assert structure is not None
    assert len(misplaced(structure, ["MSH", *["PV2"] * 1000])) == 20
