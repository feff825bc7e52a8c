"""Every gate X1 to X29 in both directions: what closes it, and the near neighbour that does not.

The rows are [ClinicalNotes 4] in the words of orders. Every order is the limited venous study of the left leg
unless the row says otherwise.
"""

import pytest

from hl7calf.calf.gates import INFORMATIVE, REASONS, age_gate, gate, study_gates
from hl7calf.calf.rule import Options
from hl7calf.calf.study import Study
from hl7calf.calf.verdict import Action
from tests.calf.building import (
    CLASSIC,
    COMPLETE_LEFT,
    LIMITED_LEFT,
    LIMITED_RIGHT,
    PLAIN_LEFT,
    codes,
    decide,
    group,
    judge,
    message,
    order,
    passage,
)

X8_SERVICE = "USLEL^US LOWER EXTREMITY NON VASCULAR LIMITED LEFT^L"
ARTERIAL = "USARTL^US ARTERIAL DUPLEX LOWER EXTREMITY LEFT^L"
SIDELESS = "USVENLTD^US VENOUS LIMITED^L"

# gate, action, what closes it
CLOSED = [
    ("X1", "pass", {"service": "CTLEGL^CT LOWER LEG LEFT^L"}),
    ("X1", "pass", {"service": "XRTFL^XR TIBIA FIBULA LEFT^L"}),
    ("X1", "pass", {"service": "97035^THERAPEUTIC ULTRASOUND^CPT"}),
    ("X1", "pass", {"service": "93922^ANKLE BRACHIAL INDEX LIMITED^CPT"}),
    ("X1", "pass", {"service": "93971^TROPONIN PANEL^LOCAL"}),
    ("X2", "pass", {"control": "CA"}),
    ("X2", "pass", {"control": "SC"}),
    ("X2", "pass", {"control": "XX"}),
    ("X2", "pass", {"control": "SN"}),
    ("X2", "pass", {"status": "IP"}),
    ("X2", "pass", {"control": "XO", "status": "CM"}),
    ("X3", "pass", {"reason": "Left calf pain, no calcification on x-ray"}),
    ("X3", "pass", {"reason": "Left calf pain, calcification was ruled out"}),
    ("X3", "pass", {"reason": "Left calf pain. Calcification of the left calf removed 2019"}),
    ("X3", "pass", {"reason": "Left calf pain. Mother had calf calcification"}),
    ("X3", "pass", {"reason": "Left calf pain and swelling, r/o DVT"}),
    ("X4", "pass", {"reason": "Left breast calcification, r/o DVT"}),
    ("X4", "pass", {"reason": "Left thigh calcification, r/o DVT"}),
    ("X4", "pass", {"reason": "Calcification at the left Achilles insertion"}),
    ("X4", "pass", {"reason": "Left calf pain; aortic calcification"}),
    ("X5", "review", {"reason": "Left leg calcification on x-ray, pain 5 days"}),
    ("X5", "review", {"reason": "Calcification left shin, pain"}),
    ("X6", "annotate", {"service": COMPLETE_LEFT}),
    ("X6", "annotate", {"service": "V1^US VENOUS DUPLEX WHOLE LEG LEFT^L"}),
    ("X7", "annotate", {"service": PLAIN_LEFT}),
    ("X7", "annotate", {"service": "93971^DUPLEX EXTREMITY VEINS UNILATERAL OR LIMITED STUDY LEFT^CPT"}),
    ("X8", "review", {"service": "76882^US SOFT TISSUE LIMITED LEFT^CPT"}),
    ("X8", "review", {"service": "USLEL^US LOWER EXTREMITY LEFT LIMITED^L"}),
    ("X9", "review", {"service": ARTERIAL}),
    ("X9", "pass", {"service": ARTERIAL, "reason": "PAD, left calf calcified tibial arteries"}),
    ("X10", "review", {"reason": CLASSIC + ". Evaluate for venous reflux"}),
    ("X10", "review", {"service": "USREFL^US VENOUS INSUFFICIENCY STUDY LEFT LIMITED^L"}),
    ("X11", "review", {"reason": CLASSIC + ". Vein mapping"}),
    ("X11", "review", {"service": "93985^US VEIN MAPPING LEFT LIMITED^CPT"}),
    ("X12", "review", {"reason": CLASSIC + ". S/p EVLT left GSV"}),
    ("X12", "review", {"service": "42461-4^US.doppler Lower extremity vessel left for graft^LN"}),
    ("X13", "review", {"reason": CLASSIC + ". Follow up known DVT"}),
    ("X13", "review", {"diagnoses": ["I82.4Z2"]}),
    ("X14", "review", {"reason": CLASSIC + ". Complete duplex done yesterday"}),
    ("X15", "review", {"reason": CLASSIC + ". Do not change the protocol"}),
    ("X15", "review", {"reason": CLASSIC + ". Limited only per radiologist"}),
    ("X16", "review", {"reason": CLASSIC + ". Short leg cast"}),
    ("X16", "review", {"reason": CLASSIC + ". Left BKA"}),
    ("X17", "review", {"pid": {7: "20150301"}}),
    ("X17", "review", {"reason": "12 yo with left calf calcification on x-ray", "pid": {7: ""}}),
    ("X19", "review", {"service": "76942^US GUIDED BIOPSY CALF LEFT LIMITED^CPT"}),
    ("X20", "review", {"service": "POC1^POCUS DVT LEFT LEG LIMITED^L"}),
    ("X21", "review", {"service": SIDELESS, "reason": "Calf calcification on x-ray, pain"}),
    ("X21", "review", {"reason": "Right calf calcification on x-ray, pain 5 days"}),
    ("X21", "review", {"service": LIMITED_RIGHT, "reason": "Calf calcification", "diagnoses": ["M61.462"]}),
    ("X22", "review", {"reason": "Left calf calcification. No calcification in the left calf"}),
    ("X22", "review", {"service": COMPLETE_LEFT, "reason": CLASSIC + ". Limited study please"}),
    ("X23", "annotate", {"service": "ZZLTDL^US VENOUS LIMITED LEFT^L"}),
    ("X23", "review", {"obr": {44: LIMITED_LEFT}}),
    ("X24", "review", {"reason": CLASSIC + ". Concern for compartment syndrome"}),
    ("X25", "review", {"reason": "Left calf calcification vs foreign body"}),
    ("X25", "review", {"reason": "Calciphylaxis, calcification left calf"}),
    ("X25", "review", {"diagnoses": ["M60.262"]}),
    ("X26", "pass", {"service": "USUEL^US VENOUS UPPER EXTREMITY LIMITED LEFT^L", "reason": "Forearm calcification"}),
    ("X27", "upgrade", {"reason": "Possible calcification left calf, pain"}),
    ("X28", "pass", {"reason": "Verkalkung der linken Wade mit Schmerzen seit 3 Tagen, Ausschluss Thrombose"}),
]  # fmt: skip

# gate, the neighbour that leaves it open
OPEN = [
    ("X1", {}),
    ("X1", {"service": "93971^VENOUS DUPLEX LIMITED LEFT^CPT"}),
    ("X2", {"control": "RO"}),
    ("X2", {"control": "XO"}),
    ("X2", {"control": "CH"}),
    ("X2", {"status": "SC"}),
    ("X3", {"reason": "Left calf calcification on x-ray. Denies chest pain"}),
    ("X3", {"reason": "Rule out calcification of the left calf"}),
    ("X3", {"reason": "No change in left calf calcification since 2019"}),
    ("X3", {"reason": "Left calf calcification not only on x-ray but on CT"}),
    ("X4", {"reason": "Coronary calcification in history. Left calf calcification on x-ray"}),
    ("X4", {"reason": "Calcification in the medial gastroc, left"}),
    ("X5", {"reason": "Left lower leg calcification on x-ray"}),
    ("X6", {}),
    ("X7", {}),
    ("X7", {"service": PLAIN_LEFT, "reason": CLASSIC + ". Limited study please"}),
    ("X8", {"service": "93971^US VENOUS LIMITED LEFT^CPT"}),
    ("X9", {"reason": CLASSIC + ". Normal pulses"}),
    ("X10", {"reason": CLASSIC + ". Varicose veins"}),
    ("X11", {"reason": CLASSIC + ". No vein mapping needed"}),
    ("X12", {"reason": CLASSIC + ". Skin graft to the left arm 2010"}),
    ("X13", {"reason": CLASSIC + ". Prior DVT 2016"}),
    ("X14", {"reason": CLASSIC + ". No prior studies"}),
    ("X15", {"reason": CLASSIC + ". Limited mobility"}),
    ("X16", {"reason": CLASSIC + ". No cast"}),
    ("X16", {"reason": CLASSIC + ". Cast on right wrist"}),
    ("X17", {"pid": {7: "20060301"}}),
    ("X17", {"reason": "12 day history of left calf pain, calcification left calf on x-ray", "pid": {7: ""}}),
    ("X18", {}),
    ("X19", {"reason": CLASSIC + ". No biopsy planned"}),
    ("X20", {}),
    ("X21", {"reason": "Calf calcification on x-ray, pain"}),
    ("X21", {"service": SIDELESS, "reason": "Calcification left calf"}),
    ("X21", {"reason": CLASSIC + ". Right breast cancer 2010"}),
    ("X22", {"reason": "Left calf calcification. No fracture"}),
    ("X23", {}),
    ("X24", {"reason": CLASSIC + ". No compartment syndrome"}),
    ("X25", {"reason": CLASSIC + ". No foreign body"}),
    ("X26", {"reason": CLASSIC + ". Fell on left arm"}),
    ("X27", {}),
    ("X28", {}),
    ("X29", {}),
]  # fmt: skip


def _name(row: tuple[object, ...]) -> str:
    changed = row[-1]
    assert isinstance(changed, dict)
    return f"{row[0]}: {', '.join(map(str, changed.values())) or 'the plain order'}"[:90]


@pytest.mark.parametrize(("code", "action", "changed"), CLOSED, ids=map(_name, CLOSED))
def test_a_gate_closes(code: str, action: str, changed: dict[str, object]) -> None:
    decided = decide(**changed)  # type: ignore[arg-type]
    assert (decided.action, code in codes(decided)) == (action, True), decided.gates


@pytest.mark.parametrize(("code", "changed"), OPEN, ids=map(_name, OPEN))
def test_its_neighbour_leaves_it_open(code: str, changed: dict[str, object]) -> None:
    assert code not in codes(decide(**changed)), changed  # type: ignore[arg-type]


def test_every_gate_is_tested_in_both_directions() -> None:
    never_close = {"X18", "X29"}  # conditions of the patient, told as risk factors: see below
    assert {row[0] for row in CLOSED} | never_close == set(REASONS) == {f"X{n}" for n in range(1, 30)}
    assert {row[0] for row in OPEN} == set(REASONS)


@pytest.mark.parametrize(
    ("changed", "risk"),
    [
        ({"pv1": {15: "B6"}}, "pregnancy"),
        ({"reason": CLASSIC + ". 30 weeks pregnant"}, "pregnancy"),
        ({"diagnoses": ["Z33.1"]}, "pregnancy"),
        ({"reason": CLASSIC + ". On warfarin"}, "anticoagulated"),
        ({"diagnoses": ["Z79.01"]}, "anticoagulated"),
    ],
)
def test_pregnancy_and_anticoagulation_are_risk_factors_and_no_exclusions(
    changed: dict[str, object], risk: str
) -> None:
    decided = decide(**changed)  # type: ignore[arg-type]
    assert decided.action is Action.UPGRADE
    assert risk in decided.facts.risk_factors


def test_what_is_only_told_never_stops_an_upgrade() -> None:
    assert {"X6", "X7", "X18", "X27", "X29"} == INFORMATIVE
    assert decide("Possible left calf calcification on x-ray").action is Action.UPGRADE


def test_a_site_may_send_suspected_calcification_to_a_person() -> None:
    [decided] = judge(order("Possible left calf calcification"), options=Options(uncertain_to_review=True)).orders
    assert (decided.action, codes(decided)) == (Action.REVIEW, ["X22"])
    [certain] = judge(order("Left calf calcification"), options=Options(uncertain_to_review=True)).orders
    assert certain.action is Action.UPGRADE


@pytest.mark.parametrize(("born", "adult", "action"), [
    ("20081124", 18, "review"), ("20081123", 18, "upgrade"), ("20081123", 21, "review"), ("2008", 18, "upgrade"),
    ("", 18, "upgrade"), ("unknown", 18, "upgrade"),
])  # fmt: skip
def test_a_child_is_one_on_the_day_of_the_order(born: str, adult: int, action: str) -> None:
    [decided] = judge(order(pid={7: born}), options=Options(adult_age_years=adult)).orders  # sent on 2026-11-23
    assert decided.action == action


@pytest.mark.parametrize(("text", "closed"), [
    ("12 yo with calf calcification", True),
    ("12-year-old boy", True),
    ("12y/o", True),
    ("7 mo old", True),
    ("12M calf lump", True),
    ("age 9", True),
    ("aged sixteen", True),
    ("seventy-two-year-old", False),
    ("mother of a 4 yo", False),
    ("first noted at age 12; patient now 45", False),
    ("45 yo", False),
    ("45F calf lump", False),
    ("12 days of pain", False),
    ("pain for 3 months", False),
    ("12 mm nodule", False),
    ("", False),
])  # fmt: skip
def test_an_age_in_the_text_counts_where_the_birth_date_is_missing(text: str, closed: bool) -> None:
    assert (age_gate(None, [passage(text)], 18) is not None) is closed


def test_the_birth_date_outweighs_an_age_in_the_text() -> None:
    assert age_gate(60, [passage("12 yo son present")], 18) is None


def test_an_age_counts_in_text_and_not_in_the_name_of_the_study() -> None:
    assert age_gate(None, [passage("12 yo", kind="name")], 18) is None


@pytest.mark.parametrize(("kind", "code"), [
    ("guided", "X19"), ("mapping", "X11"), ("graft", "X12"), ("post ablation", "X12"), ("insufficiency", "X10"),
    ("mixed", "X9"), ("arterial", "X9"), ("nonvascular", "X8"), ("other region", "X8"), ("unknown", "X8"),
])  # fmt: skip
def test_each_kind_of_study_that_is_no_venous_duplex_has_its_gate(kind: str, code: str) -> None:
    assert [g.code for g in study_gates(Study(is_ultrasound=True, kind=kind), True)] == [code]


def test_a_venous_study_has_no_gate_of_its_own() -> None:
    assert study_gates(Study(is_ultrasound=True, kind="venous"), False) == []


def test_a_duplex_of_vessels_is_venous_only_with_a_venous_question() -> None:
    vessels = Study(is_ultrasound=True, kind="vessel")
    assert [g.code for g in study_gates(vessels, False)] == ["X8"]
    assert study_gates(vessels, True) == []


def test_a_follow_up_by_its_name_is_one_of_a_known_thrombus() -> None:
    follow_up = frozenset({"follow up"})
    assert [g.code for g in study_gates(Study(True, "venous", marks=follow_up), False)] == ["X13"]
    assert [g.code for g in study_gates(Study(True, "nonvascular", marks=follow_up), False)] == ["X8"]


def test_code_and_name_that_disagree_are_a_contradiction() -> None:
    assert "X22" in [g.code for g in study_gates(Study(True, "venous", contradicts=True), False)]


@pytest.mark.parametrize(("text", "raised"), [
    ("short leg cast", ["X16"]),
    ("no cast", []),
    ("cast removed", []),
    ("r/o compartment syndrome", ["X24"]),
    ("father has a cast", []),
    ("cast on the left calf", ["X16"]),
    ("cast on the right wrist", []),
    ("ALLERGIES: cast padding", []),
    ("broadcast", []),
])  # fmt: skip
def test_a_phrase_raises_its_gate_as_its_cues_say(text: str, raised: list[str]) -> None:
    assert codes(decide(CLASSIC, notes=[text])) == raised


def test_a_diagnosis_text_raises_no_gate_by_its_words() -> None:
    assert codes(decide(CLASSIC, diagnoses=["Z99.9^Short leg cast^I10C"])) == []


def test_a_reason_holds_no_text_of_the_order() -> None:
    decided = decide("Left calf calcification, XYZZY cast")
    assert [g.why for g in decided.gates] == [REASONS["X16"]]
    assert gate("X23", "why it is").why == REASONS["X23"] + ": why it is"


def test_several_gates_are_all_told_each_once() -> None:
    decided = decide(CLASSIC + ". Short leg cast, leg in a splint. Do not change.")
    assert sorted(codes(decided)) == ["X15", "X16"]


def test_each_order_of_a_message_has_its_own_gates() -> None:
    both = message([*group(CLASSIC + ". Short leg cast"), *group(CLASSIC, number="P-2^CPOE", position=2)])
    first, second = judge(both).orders
    assert (first.action, second.action) == (Action.REVIEW, Action.UPGRADE)
