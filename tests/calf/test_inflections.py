"""Forms of cues made from their rows."""

from dataclasses import replace

import pytest

from hl7calf.calf.inflections import with_forms
from hl7calf.calf.lexicon import Phrase
from tests.calf.building import decide

NOT_SEEN = Phrase(("not", "seen"), "cues", "negated", "cues.csv:1", direction="after")
MOTHER = Phrase(("mother",), "cues", "other person", "cues.csv:2")


def test_a_contracted_not_is_the_same_cue_of_the_same_row() -> None:
    forms = with_forms([NOT_SEEN])
    assert forms[0] == NOT_SEEN
    assert replace(NOT_SEEN, words=("wasn't", "seen")) in forms and replace(NOT_SEEN, words=("wasnt", "seen")) in forms


def test_a_person_has_a_possessive_and_a_plural() -> None:
    assert {form.words for form in with_forms([MOTHER])} == {("mother",), ("mother's",), ("mothers",)}


def test_a_row_written_out_wins_over_a_form_made() -> None:
    written = replace(NOT_SEEN, words=("wasn't", "seen"), row="cues.csv:9")
    assert [f.row for f in with_forms([NOT_SEEN, written]) if f.words == written.words] == ["cues.csv:9"]


def test_a_bare_not_and_what_is_no_denial_stay_as_they_are() -> None:
    bare, only = replace(NOT_SEEN, words=("not",)), replace(NOT_SEEN, words=("seen",))
    assert with_forms([bare, only]) == [bare, only]


@pytest.mark.parametrize(
    "reason",
    [
        "Calcifications weren't visualised in the left calf; cramp",
        "Left calf pain, XR doesn't show calcification",
        "Daughter's left calf calcification worries the patient, who has left calf cramp",
    ],
)
def test_what_is_made_counts_in_an_order(reason: str) -> None:
    assert decide(reason).indicated.value == "pass"
