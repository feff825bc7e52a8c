"""Codes in the form their system gives them, and meanings the rule reads."""

import pytest

from hl7calf.calf.check import check_mappings
from hl7calf.calf.check_codes import MEANINGS, is_icd_stem, is_loinc
from tests.small_mappings import added, small_mappings

SMALL = small_mappings()


@pytest.mark.parametrize(
    "code", ["80860-0", "69392-9", "46363-8", "48691-0", "30881-7", "39432-0", "39443-7", "93604-7", "38039-4"]
)
def test_a_loinc_code_has_its_check_digit(code: str) -> None:
    assert is_loinc(code)
    wrong = f"{code[:-1]}{(int(code[-1]) + 1) % 10}"
    assert not is_loinc(wrong)


@pytest.mark.parametrize("code", ["", "-", "80860", "80860-", "80860-00", "8086A-0", "-0", "\u0661-1"])
def test_what_is_no_loinc_code(code: str) -> None:
    assert not is_loinc(code)


@pytest.mark.parametrize(
    "code", ["C", "S8", "M61", "M61.4", "M61.462", "M61462", "Z86.718", "M79.A2", "D68.51", "C7A.0", "S82.101A"]
)
def test_codes_and_categories_of_icd_10_cm(code: str) -> None:
    assert is_icd_stem(code)


@pytest.mark.parametrize("code", ["61.46", "MM1", "M6.146", "M61.", "M61.46.2", "M61.462789", "M 61", "\u00dc61", "."])
def test_what_cannot_be_a_code_of_icd_10_cm(code: str) -> None:
    assert not is_icd_stem(code)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("R60.0,symptom swelling,,own words", ""),
        ("M79.60,symptom swelling,6x,own words", ""),
        ("M79.604,symptom swelling,6x,own words", ""),
        ("M79.603,symptom swelling,6x,own words", "C_SIDE_AT"),
        ("R60.0,site knee,,own words", "C_MEANING"),
        ("R60.0,symptom swelling; gate X30,,own words", "C_MEANING"),
        ("R60.0,film,,own words", ""),
    ],
)
def test_a_diagnosis_means_what_the_rule_reads(line: str, code: str) -> None:
    found = [d.code for d in check_mappings(added(SMALL, "diagnoses.csv", line)) if not d.code.startswith("P_")]
    assert found == ([code] if code else [])


def test_every_kind_of_meaning_is_read_by_the_rule() -> None:
    shown = {
        "calcification": "M65.26,calcification calf,6,x", "symptom": "R60.0,symptom swelling,,x", "risk": "E66,risk obesity,,x",
        "gate": "Z89.51,gate X16,6,x", "site": "L97.2,site calf,,x",
    }  # fmt: skip
    for kind in shown:
        assert check_mappings(added(SMALL, "diagnoses.csv", shown[kind])) == [], kind
    assert set(MEANINGS) - set(shown) == {"film", "calciphylaxis"}  # need a text without a calcification


def test_own_words_for_a_cpt_code_are_welcome() -> None:
    assert check_mappings(added(SMALL, "study_codes.csv", "CPT,76882,nonvascular,limited,,focal structure")) == []
    long = "x" * 91
    found = check_mappings(added(SMALL, "study_codes.csv", f"CPT,76882,nonvascular,limited,,{long}"))
    assert [d.code for d in found] == ["C_DESCRIPTOR"]
