"""Check boxes of order templates: which label a box belongs to, and whether it is ticked."""

import pytest

from hl7calf.calf.boxes import read_boxes
from hl7calf.calf.words import tokenize
from tests.calf.building import read


def governed(text: str) -> dict[str, bool]:
    tokens = tokenize(text)
    return {tokens[i].norm: ticked for i, ticked in read_boxes(tokens)[0].items() if tokens[i].is_word}


@pytest.mark.parametrize(("text", "expected"), [
    ("[x] pain [ ] swelling", {"pain": True, "swelling": False}),
    ("(x) pain ( ) swelling", {"pain": True, "swelling": False}),
    ("[X] pain", {"pain": True}),
    ("[ ] pain", {"pain": False}),
    ("[] pain", {"pain": False}),
    ("[n] pain", {"pain": False}),
    ("[y] pain", {"pain": True}),
    ("\u2612 pain \u2610 swelling", {"pain": True, "swelling": False}),
    ("\u2611 pain", {"pain": True}),
    ("pain [x] swelling [ ]", {"pain": True, "swelling": False}),
    ("Symptoms: [x] pain [ ] swelling", {"pain": True, "swelling": False}),
    ("[x] pain\n[ ] swelling", {"pain": True, "swelling": False}),
    ("[ ] calf swelling; [x] pain", {"calf": False, "swelling": False, "pain": True}),
    ("pain (left) swelling", {}),
    ("no boxes here", {}),
    ("", {}),
])  # fmt: skip
def test_a_box_governs_its_own_label(text: str, expected: dict[str, bool]) -> None:
    assert governed(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("Calcification: [ ] Yes [X] No  Pain: [X] Yes [ ] No", {"calcification": False, "pain": True}),
    ("Calcification [x] Y [ ] N", {"calcification": True}),
    ("Calcification: [ ] Yes [ ] No", {"calcification": False}),
])  # fmt: skip
def test_boxes_of_yes_and_no_answer_the_words_before_them(text: str, expected: dict[str, bool]) -> None:
    assert {word: ticked for word, ticked in governed(text).items() if word not in ("yes", "no")} == expected


def test_the_lead_in_belongs_to_no_box() -> None:
    assert "reason" not in governed("Reason: [x] pain")


@pytest.mark.parametrize(("text", "status"), [
    ("[x] calcification [ ] mass", "affirmed"),
    ("[ ] calcification [x] mass", "negated"),
    ("( ) calcification", "negated"),
    ("[x] r/o calcification", "affirmed"),
])  # fmt: skip
def test_a_box_decides_about_its_own_label_whatever_the_cues_say(text: str, status: str) -> None:
    [found] = [f for f in read(text).findings if f.mention.phrase.table == "calcification"]
    assert found.status == status


def test_an_unticked_site_is_as_if_it_were_not_there() -> None:
    assert [s.concept for s in read("[ ] calf [x] thigh").sites] == ["thigh"]
