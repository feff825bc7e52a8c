"""Symptoms, risk factors, earlier imaging and characteristics: only what is affirmed of this patient."""

import pytest

from hl7calf.calf.schema import RISKS, SYMPTOMS
from hl7calf.calf.verdict import Facts
from tests.calf.building import COMPLETE_LEFT, decide

BASE = "Left calf calcification. "


def facts(text: str = "", **more: object) -> Facts:
    return decide(BASE + text, **more).facts


@pytest.mark.parametrize(("text", "symptoms"), [
    ("pain", ("pain",)),
    ("aching", ("pain",)),
    ("TTP", ("tenderness",)),
    ("swollen and tender", ("swelling", "tenderness")),
    ("edema", ("swelling",)),
    ("oedema", ("swelling",)),
    ("palpable lump", ("mass",)),
    ("red, warm", ("redness", "warmth")),
    ("cramping", ("cramping",)),
    ("pain, no swelling", ("pain",)),
    ("denies pain or swelling", ()),
    ("mother has leg pain", ()),
    ("return if swelling", ()),
    ("prior calf pain resolved", ()),
    ("", ()),
])  # fmt: skip
def test_current_affirmed_symptoms_are_told_in_one_vocabulary(text: str, symptoms: tuple[str, ...]) -> None:
    assert facts(text).symptoms == symptoms


@pytest.mark.parametrize(("code", "symptom"), [("M79.662", "pain"), ("R60.0", "swelling"), ("R22.42", "mass")])
def test_a_diagnosis_code_tells_a_symptom(code: str, symptom: str) -> None:
    assert symptom in facts(diagnoses=[code]).symptoms


@pytest.mark.parametrize(("text", "risk"), [
    ("Prior DVT 2016", "prior_dvt"),
    ("h/o DVT", "prior_dvt"),
    ("PE 2012", "prior_pe"),
    ("breast cancer on chemo", "cancer"),
    ("s/p TKR 2 weeks ago", "recent_surgery"),
    ("immobilized", "immobilization"),
    ("30 weeks pregnant", "pregnancy"),
    ("postpartum", "postpartum"),
    ("on OCP", "estrogen"),
    ("factor V Leiden", "thrombophilia"),
    ("on warfarin", "anticoagulated"),
    ("obese", "obesity"),
    ("BMI 34", "obesity"),
    ("smoker", "smoking"),
    ("recent long flight", "travel"),
    ("recent trauma", "trauma"),
    ("CHF", "heart_failure"),
    ("varicose veins", "varicose_veins"),
])  # fmt: skip
def test_each_risk_factor_is_known(text: str, risk: str) -> None:
    assert facts(text).risk_factors == (risk,)


def test_every_risk_factor_and_symptom_belongs_to_its_vocabulary() -> None:
    told = facts("pain swelling lump. smoker, obese, prior DVT")
    assert set(told.symptoms) <= set(SYMPTOMS) and set(told.risk_factors) <= set(RISKS)
    assert list(told.risk_factors) == [r for r in RISKS if r in told.risk_factors]


@pytest.mark.parametrize("text", [
    "no h/o DVT", "denies smoking", "no cancer", "not pregnant", "BMI 24", "BMI unknown", "mother had PE",
    "THR 2011", "pre CABG", "rule out DVT", "requested by vascular surgery",
])  # fmt: skip
def test_what_is_denied_asked_old_or_planned_is_no_risk_factor(text: str) -> None:
    assert facts(text).risk_factors == ()


@pytest.mark.parametrize(("code", "risk"), [
    ("Z86.718", "prior_dvt"), ("Z86711", "prior_pe"), ("Z79.01", "anticoagulated"), ("D68.51", "thrombophilia"),
    ("Z33.1", "pregnancy"), ("E66.9", "obesity"), ("F17.210", "smoking"), ("Z74.01", "immobilization"),
])  # fmt: skip
def test_a_diagnosis_code_tells_a_risk_factor_with_or_without_its_dot(code: str, risk: str) -> None:
    assert risk in facts(diagnoses=[code]).risk_factors


def test_pregnancy_is_read_from_the_visit() -> None:
    assert facts(pv1={15: "B6"}).risk_factors == ("pregnancy",)
    assert facts(pv1={15: "B5"}).risk_factors == ()


@pytest.mark.parametrize(("text", "imaging"), [
    ("Seen on x-ray", "XR"),
    ("Seen on plain films", "XR"),
    ("CT 2024 showed it", "CT"),
    ("MRI 2025", "MRI"),
    ("Prior US negative", "US"),
    ("XR and MRI", "XR+MRI"),
    ("Radiographs in 2019, CT in 2020", "XR+CT"),
    ("No prior imaging", None),
    ("No x-ray", None),
    ("Will get MRI", None),
    ("MRI pending", None),
    ("CT scheduled", None),
    ("US requested", None),
    ("", None),
])  # fmt: skip
def test_earlier_imaging_is_what_was_done(text: str, imaging: str | None) -> None:
    assert facts(text).prior_imaging == imaging


def test_the_ordered_ultrasound_is_no_earlier_imaging() -> None:
    assert facts("").prior_imaging is None
    assert facts("Please do venous duplex").prior_imaging is None


@pytest.mark.parametrize(("text", "characteristic"), [
    ("Left calf stippled calcification", "stippled"),
    ("Left calf calcification, eccentric", "eccentric"),
    ("Laminated left calf calcification", "laminated"),
])  # fmt: skip
def test_characteristics_are_told_and_never_judged(text: str, characteristic: str) -> None:
    told = decide(text).facts.characteristics
    assert any(characteristic in one for one in told)
    assert not any(word in one for one in told for word in ("benign", "malignant"))


def test_what_the_orderer_did_not_provide_is_named() -> None:
    assert set(facts("").missing) == {"characteristics", "symptoms", "duration", "prior_imaging"}
    full = decide("Stippled left calf calcification on x-ray, pain x 3 days").facts
    assert full.missing == ()
    assert "laterality" in decide("Calf calcification", service="V^US VENOUS LIMITED^L").facts.missing
    assert "location" in decide("Left leg calcification").facts.missing


def test_facts_are_read_also_where_nothing_is_changed() -> None:
    told = decide("Left calf calcification on x-ray, pain x 3 days. Short leg cast").facts
    assert (told.target, told.duration, told.laterality) == (True, "3 days", "L")


@pytest.mark.parametrize(("service", "limited"), [
    ("V^US VENOUS LIMITED LEFT^L", True), (COMPLETE_LEFT, False), ("V^US VENOUS DUPLEX LEFT LEG^L", False),
])  # fmt: skip
def test_limited_is_what_was_asked_for(service: str, limited: bool) -> None:
    assert facts("", service=service).limited is limited
