"""One passage read: sentences, sections, findings with their status, cues and sites."""

import pytest

from hl7calf.calf.clauses import read_statuses
from tests.calf.building import passage, read, tables


def test_a_passage_is_read_into_findings_cues_and_sites() -> None:
    whole = read("Left calf calcification on XR, no swelling")
    assert [f.mention.concept for f in whole.findings] == ["calcification", "swelling"]
    assert [f.status for f in whole.findings] == ["affirmed", "negated"]
    assert [s.concept for s in whole.sites] == ["calf"]
    assert "negated" in [c.concept for c in whole.cues]


def test_the_sentence_of_a_token_is_known() -> None:
    whole = read("Pain. Calf")
    assert whole.sentence_of(0) < whole.sentence_of(2)


def test_a_question_mark_that_is_a_cue_still_ends_its_sentence() -> None:
    whole = read("calcification? No swelling")
    assert [f.status for f in whole.findings] == ["uncertain", "negated"]


@pytest.mark.parametrize(("text", "section", "status"), [
    ("ALLERGIES: calcification", "allergies", "hypothetical"),
    ("MEDS: calcification", "medications", "hypothetical"),
    ("Family history: none. Calcification", "", "affirmed"),
    ("PMH: calcification", "past", "affirmed"),
    ("Allergies: none. Calcification", "", "affirmed"),
])  # fmt: skip
def test_a_section_says_whose_and_when(text: str, section: str, status: str) -> None:
    found = next(f for f in read(text).findings if f.mention.phrase.table == "calcification")
    assert (found.section, found.status) == (section, status)


@pytest.mark.parametrize(("text", "status"), [
    ("Calcification: No", "negated"),
    ("Calcification: Yes", "affirmed"),
    ("Calcification (no)", "negated"),
    ("Calcification = no", "negated"),
    ("Calcification? N", "negated"),
    ("Calcification: no fracture", "affirmed"),
])  # fmt: skip
def test_an_answer_is_told_from_a_statement(text: str, status: str) -> None:
    found = next(f for f in read(text).findings if f.mention.phrase.table == "calcification")
    assert found.status == status


def test_words_that_are_known_to_mean_nothing_are_no_findings() -> None:
    assert not [f for f in read("calcium channel blocker, calculus").findings if f.mention.concept == "not"]


@pytest.mark.parametrize(("text", "status"), [
    ("short leg cast", "affirmed"),
    ("denies cast", "negated"),
    ("possible compartment syndrome", "uncertain"),
    ("known DVT", "affirmed"),
    ("no known DVT", "negated"),
])  # fmt: skip
def test_the_phrases_of_gates_are_read_with_the_same_cues(text: str, status: str) -> None:
    told = passage(text)
    mentions = [m for m in tables().gates.find(told.tokens, "text") if m.concept != "none"]
    if not mentions:  # a known DVT is read from the findings
        mentions = [m for m in tables().findings.find(told.tokens, "text") if m.concept == "dvt"]
    assert [f.status for f in read_statuses(told, mentions[:1], tables())] == [status]


def test_without_mentions_there_is_nothing_to_read() -> None:
    assert read_statuses(passage("calf"), [], tables()) == []
