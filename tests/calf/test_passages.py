"""Where an order's words stand: each field of [ClinicalNotes 3.2], with its path and its bytes."""

import pytest

from hl7calf.calf.passages import Passage, read_passages
from hl7calf.wire.message import read_message
from hl7calf.wire.orders import patient_parts, read_orders
from tests.calf.building import CLASSIC, decide, group, judge, message, order, tables

FINDING = "Left calf calcification"


def passages(payload: bytes, position: int = 1) -> list[Passage]:
    read = read_message(payload)
    return read_passages(read, read_orders(read)[position - 1], patient_parts(read), tables())


def values(payload: bytes) -> dict[str, str]:
    return {p.path: p.value for p in passages(payload)}


@pytest.mark.parametrize(("where", "path"), [
    ({"reason": FINDING}, "OBR[1]-31.2"),
    ({"obr": {31: FINDING}}, "OBR[1]-31.1"),
    ({"obr": {31: "^See History~^" + FINDING}}, "OBR[1]-31(2).2"),
    ({"obr": {13: FINDING}}, "OBR[1]-13"),
    ({"orc": {16: "X^" + FINDING}}, "ORC[1]-16.2"),
    ({"notes": [FINDING]}, "NTE[1]-3"),
    ({"after_orc": [FINDING]}, "NTE[1]-3"),
    ({"patient_notes": [FINDING]}, "PID.NTE[1]-3"),
    ({"answers": [("CLIN_INFO", FINDING)]}, "OBX[1]-5"),
    ({"answers": [("H^HISTORY^L", FINDING)]}, "OBX[1]-5"),
    ({"answers": [("^Reason for exam^", FINDING)]}, "OBX[1]-5"),
    ({"before_obx": ["DG1|1|||" + FINDING]}, "DG1[1]-4"),
    ({"diagnoses": ["^" + FINDING]}, "DG1[1]-3.2"),
])  # fmt: skip
def test_the_words_are_found_in_every_field_that_can_hold_them(where: dict[str, object], path: str) -> None:
    payload = order(**{"reason": "", **where})
    assert FINDING in values(payload)[path]
    [decided] = judge(payload).orders
    assert decided.action == "upgrade", decided.gates


@pytest.mark.parametrize(("where", "path"), [
    ({"service": "A^US VENOUS^L^B^US LEG VEINS^M"}, ["OBR[1]-4.2", "OBR[1]-4.5"]),
    ({"obr": {44: "A^US VENOUS^L"}}, ["OBR[1]-44.2"]),
    ({"obr": {45: "LT^Left^X"}}, ["OBR[1]-45.1", "OBR[1]-45.2"]),
    ({"obr": {46: "L^Left"}}, ["OBR[1]-46.1", "OBR[1]-46.2"]),
    ({"answers": [("P^PROCEDURE^L", "US VENOUS")]}, ["OBX[1]-5"]),
    ({"answers": [("M^MODIFIERS^L", "LEFT")]}, ["OBX[1]-5"]),
])  # fmt: skip
def test_what_was_ordered_is_a_name_and_not_a_reason(where: dict[str, object], path: list[str]) -> None:
    kinds = {p.path: p.kind for p in passages(order("", **where))}
    assert all(kinds[one] == "name" for one in path)


@pytest.mark.parametrize("question", ["A^ALLERGIES^L", "ALLERGIES", "Allergy", "MEDICATIONS", "Current medications"])
def test_allergies_and_medicines_are_not_read(question: str) -> None:
    payload = order("Left calf pain", answers=[(question, "calcification of the left calf")])
    assert "OBX[1]-5" not in values(payload)
    assert judge(payload).action == "pass"


def test_a_question_is_read_with_its_answer() -> None:
    payload = order("Left calf pain", answers=[("Calf calcification on x-ray?", "Yes")])
    assert (
        values(payload)["OBX[1]-5"].startswith("Calf calcification on x-ray : Yes")
        or "Yes" in values(payload)["OBX[1]-5"]
    )
    assert judge(payload).action == "upgrade"
    assert decide("Left calf pain", answers=[("Calf calcification on x-ray?", "No")]).action == "pass"


@pytest.mark.parametrize(("first", "second", "action"), [
    ("Outside film shows nonspecific", "calcification in the left calf", "upgrade"),
    ("Left calf pain. No evidence of", "calcification on x-ray", "pass"),
    ("Left calf calci", "fication on x-ray", "upgrade"),
])  # fmt: skip
def test_a_history_cut_over_several_rows_is_joined_before_it_is_read(first: str, second: str, action: str) -> None:
    rows = [("H^HISTORY^L", first), ("H^HISTORY^L", second)]
    assert decide("See History", answers=rows).action == action


def test_rows_of_different_questions_are_not_joined() -> None:
    rows = [("H^HISTORY^L", "No evidence of"), ("TCM^TECH COMMENT^L", "calcification left calf")]
    assert decide("", answers=rows).action == "upgrade"


def test_rows_that_run_on_beyond_what_is_read_are_joined_no_further_and_go_to_a_person() -> None:
    rows = [("H^HISTORY^L", "left calf calcification on x-ray " + "x" * 900)] * 40
    read = values(order("", answers=rows))
    assert read["OBX[1]-5"] == "", "unread"
    assert decide("", answers=rows).action == "review"


def test_behind_ten_thousand_characters_of_one_order_nothing_more_is_read() -> None:
    payload = order("~".join(["left calf calcification"] * 20_000))
    read = passages(payload)
    assert [p.unread for p in read].count(True) == 1 and read[-1].unread and len(read) < 500
    [decided] = judge(payload).orders
    assert decided.action == "review" and "too long to be read" in decided.gates[0].why


def test_a_line_cut_by_the_senders_width_runs_on_into_the_next_note() -> None:
    first = "Patient with long standing complaints of the left calf, on x-ray no"
    assert decide("", notes=[first, "calcification was seen at all"]).action == "pass"
    assert decide("", notes=["Left calf pain.", "Calcification on x-ray"]).action == "upgrade"


def test_escapes_are_undone_for_reading() -> None:
    assert "calf & leg" in values(order("Left calf \\T\\ leg calcification"))["OBR[1]-31.2"]
    assert decide("Left calf pain", notes=["Line one\\.br\\Calcification left calf"]).action == "upgrade"
    assert decide("Left calf cal\\X63\\ification").action == "upgrade"


@pytest.mark.parametrize("empty", ["", '""', "   "])
def test_an_empty_or_deleted_field_is_no_passage(empty: str) -> None:
    assert all(not p.path.startswith("OBR[1]-13") for p in passages(order(obr={13: empty})))


def test_nothing_is_read_across_orders() -> None:
    two = message([
        *group("Left calf pain", diagnoses=["M79.662"]),
        *group(FINDING, number="P-2^CPOE", position=2, service="XRTFL^XR TIBIA FIBULA LEFT^L"),
    ])  # fmt: skip
    assert [o.action for o in judge(two).orders] == ["pass", "pass"]
    assert not any("calcification" in p.value for p in passages(two, 1))


def test_the_patients_notes_are_read_for_every_order() -> None:
    two = message(
        [*group(""), *group("", number="P-2^CPOE", position=2, service="XRTFL^XR TIBIA FIBULA LEFT^L")],
        patient_notes=[FINDING],
    )
    assert [o.action for o in judge(two).orders] == ["upgrade", "pass"]


@pytest.mark.parametrize("where", [{}, {"obr": {13: "Calf \\T\\ leg", 31: "^x"}}, {"notes": ["a \\.br\\ b"]}])
def test_every_character_knows_its_bytes(where: dict[str, object]) -> None:
    payload = order(**where)
    for passage in passages(payload):
        assert len(passage.offsets) == len(passage.value) + 1
        assert list(passage.offsets) == sorted(passage.offsets)
        for token in range(len(passage.tokens)):
            offset, length = passage.span(token, token + 1)
            assert 0 <= offset <= offset + length <= len(payload)


def test_evidence_points_at_the_bytes_of_the_original() -> None:
    payload = order(CLASSIC)
    for evidence in judge(payload).orders[0].evidence:
        if evidence.length:
            assert payload[evidence.offset : evidence.offset + evidence.length].decode() == evidence.text


def test_evidence_points_behind_an_escape_too() -> None:
    payload = order("Pain \\T\\ left calf calcification")
    found = [e for e in judge(payload).orders[0].evidence if e.concept == "calcification"]
    assert [payload[e.offset : e.offset + e.length] for e in found] == [b"calcification"]


def test_own_notes_are_not_read_as_the_senders() -> None:
    outbound = judge(order()).outbound
    assert not any("HL7CALF" in p.value or "tendinopathy" in p.value for p in passages(outbound))
