"""What counted: coded diagnoses, and the list of phrases and codes with field, bytes and table row."""

import pytest

from hl7calf.calf.evidence import Coded, read_codes
from tests.calf.building import CLASSIC, decide, judge, order, tables


@pytest.mark.parametrize(("codes", "expected"), [
    ([], Coded()),
    (["Q99.9", "nonsense", ""], Coded()),
])  # fmt: skip
def test_unknown_codes_say_nothing(codes: list[str], expected: Coded) -> None:
    assert read_codes(codes, tables()) == expected


@pytest.mark.parametrize(("code", "said"), [
    ("M61.462", {"calcified_calf": True, "calf": True, "sides": ("L",)}),
    ("M61.461", {"calcified_calf": True, "sides": ("R",)}),
    ("M61.469", {"calcified_calf": True, "sides": ()}),
    ("L94.2", {"calcified": True, "calcified_calf": False, "calf": False}),
    ("M65.272", {"elsewhere": True, "calcified_calf": False}),
    ("M79.662", {"symptoms": ("pain",), "sides": ("L",)}),
    ("Z86.718", {"risks": ("prior_dvt",), "sides": ()}),
    ("I82.4Z2", {"gates": ("X13",), "calf": True}),
])  # fmt: skip
def test_a_code_says_what_its_row_says(code: str, said: dict[str, object]) -> None:
    coded = read_codes([code], tables())
    assert {name: getattr(coded, name) for name in said} == said
    assert coded.rows and coded.rows[0][1].startswith("diagnoses.csv:")


def test_codes_are_read_together() -> None:
    coded = read_codes(["M61.462", "M79.661"], tables())
    assert (coded.calcified_calf, coded.symptoms, sorted(coded.sides)) == (True, ("pain",), ["L", "R"])


def test_everything_that_counted_is_shown_with_its_row() -> None:
    payload = order(CLASSIC + ". Smoker. Short leg cast")
    evidence = judge(payload).orders[0].evidence
    shown = {(e.concept, e.text.lower()): e for e in evidence}
    for concept, text in [
        ("calcification", "calcification"), ("site", "calf"), ("extent", "limited"), ("pain", "pain"), ("smoking", "smoker"),
    ]:  # fmt: skip
        found = shown[(concept, text)]
        assert ".csv:" in found.row and found.path.startswith("OBR[1]-")
    assert any(e.concept == "X16" for e in evidence)
    assert any(e.concept == "cue" and e.status == "question" for e in evidence)


def test_each_piece_is_shown_once() -> None:
    evidence = decide(CLASSIC).evidence
    keys = [(e.concept, e.path, e.offset, e.row) for e in evidence]
    assert len(keys) == len(set(keys))


def test_an_order_of_nothing_shows_nothing_of_the_text() -> None:
    assert not [e for e in decide("Zzz qqq", service="1^X^L").evidence if e.path.startswith("OBR[1]-31")]
