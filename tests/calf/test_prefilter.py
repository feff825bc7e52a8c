"""The quick no: it may say yes in vain, and never no where the whole rule would find something."""

import pytest

from hl7calf.calf.needles import needles_of
from hl7calf.calf.prefilter import may_mention
from hl7calf.wire.header import read_header
from tests.calf.building import judge, order, tables


def quick_yes(payload: bytes) -> bool:
    return may_mention(payload, read_header(payload), needles_of(tables()))


@pytest.mark.parametrize("changed", [
    {"reason": "Left calf calcification"},
    {"reason": "LEFT CALF CALCIFICATION"},
    {"reason": "Left calf calcs"},
    {"reason": "left calf calcifcation"},
    {"reason": "left calf phleboliths"},
    {"reason": "left calf Ca++"},
    {"reason": "myositis ossificans left calf"},
    {"reason": "", "diagnoses": ["M61.462"]},
    {"reason": "", "diagnoses": ["m61462"]},
    {"reason": "", "diagnoses": ["L94.2"]},
    {"reason": "Left calf cal\\X63\\ification"},
    {"reason": "Left calf cal\\H\\cification\\N\\"},
    {"reason": "", "notes": ["calcification"]},
    {"reason": "", "answers": [("Calcification?", "Y")]},
    {"reason": "Left calf cal\\.in5\\cification"},
    {"reason": "left_calf_calc"},
    {"reason": "calcification\u2122 of the left calf"},
    {"reason": "calc\u2019d focus left calf"},
    {"reason": "HO rght gastroc"},
    {"reason": "calcium deposits left calf"},
    {"reason": "", "notes": ["left calf calci", "fication"]},
    {"reason": "", "notes": ["left calf ca", "l", "c"]},
    {"reason": "", "notes": ["left calf calci~fication"]},
    {"reason": "", "answers": [("CLIN_INFO", "left calf h"), ("CLIN_INFO", "o of the calf")]},
])  # fmt: skip
def test_what_names_a_calcification_is_let_through(changed: dict[str, object]) -> None:
    assert quick_yes(order(**changed))


def test_a_multi_byte_character_set_is_always_read_whole() -> None:
    assert quick_yes(order("DVT", msh={18: "ISO IR87"}))
    assert not quick_yes(order("DVT", msh={18: "8859/1"}))
    assert not quick_yes(order("DVT"))


@pytest.mark.parametrize("reason", [
    "Left calf pain, r/o DVT", "calf swelling", "", "Potassium 4.1", "A\\T\\B", "RIGHT KNEE PAIN", "calcaneus fracture",
    "CALCIUM, SERUM", "2+ pitting oedema", "hospital follow up", "tendon rupture", "M\u00fcller, Wadenschmerz", "soleus tear",
    "bone density scan", "CA 19-9", "pain for 6 mo",
])  # fmt: skip
def test_most_orders_are_answered_quickly(reason: str) -> None:
    assert not quick_yes(order(reason))


def test_every_phrase_of_the_calcification_table_is_let_through() -> None:
    for row in tables().rows["calcification.csv"]:
        if row["means"] != "not":
            assert quick_yes(order(f"Left {row['phrase']} seen")), row["phrase"]


def test_every_misspelling_of_a_calcification_is_let_through() -> None:
    words = {r["phrase"] for r in tables().rows["calcification.csv"] if r["means"] != "not"}
    for row in tables().rows["misspellings.csv"]:
        if row["meant"] in words and not row["written"].isupper():  # capitals are looked for as written
            assert quick_yes(order(f"Left calf {row['written']}")), row["written"]


def test_every_diagnosis_that_says_calcification_of_the_calf_is_let_through() -> None:
    for code, diagnosis in tables().diagnoses.items():
        if ("calcification", "calf") in diagnosis.meanings:
            assert quick_yes(order("", diagnoses=[code])), code


EXAMPLES = [row["example"] for row in tables().rows["calcification.csv"] if row["means"] != "not"]


@pytest.mark.parametrize("start", range(0, len(EXAMPLES), 40))
def test_the_quick_answer_and_the_whole_rule_agree(start: int) -> None:
    for example in EXAMPLES[start : start + 40]:
        payload = order(example)
        quick, whole = judge(payload, thorough=False), judge(payload)
        assert (quick.action, quick.outbound) == (whole.action, whole.outbound), example
