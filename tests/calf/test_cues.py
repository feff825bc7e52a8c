"""Cues and the direction they look in."""

import pytest

from hl7calf.calf.cues import read_cues
from tests.calf.building import passage, read, tables


def looking(text: str) -> list[tuple[str, str]]:
    told = passage(text)
    findings = tables().findings.find(told.tokens, "text")
    return [(c.concept, c.phrase.direction) for c in read_cues(told, findings, tables())]


@pytest.mark.parametrize(("text", "direction"), [
    ("calcification?", "after"),
    ("? calcification", "before"),
    ("?calcification", "before"),
    ("calcification ?", "after"),
    ("calcification suspected", "after"),
    ("suspected calcification", "before"),
    ("calcification suspected on XR", "after"),
])  # fmt: skip
def test_a_doubt_looks_at_the_finding_it_stands_with(text: str, direction: str) -> None:
    assert ("question", direction) in looking(text)


@pytest.mark.parametrize(("text", "status"), [
    ("calcification removed", "historical"),
    ("removed calcification", "historical"),
    ("calcification removed 2019", "historical"),
    ("cast removed, calcification persists", "affirmed"),
])  # fmt: skip
def test_removed_speaks_of_the_nearer_finding(text: str, status: str) -> None:
    [found] = [f for f in read(text).findings if f.mention.phrase.table == "calcification"]
    assert found.status == status


@pytest.mark.parametrize(("text", "status"), [
    ("CALCIFICATION CALF: NEG  EDEMA: POS", "negated"),
    ("calcification: denied", "negated"),
    ("calf swelling +, calcification -, varicosities +", "negated"),
    ("calcification (-), swelling (+)", "negated"),
    ("calcification left calf - swelling", "affirmed"),
    ("density in calf, it is not calcification", "negated"),
    ("calcification not present on pre-op film", "affirmed"),
    ("calcification not present on film", "negated"),
    ("XR calf - calcification: no / swelling: yes", "negated"),
    ("calcified calf lipoma resected 2017", "historical"),
    ("calcification of calf, cast removed", "affirmed"),
    ("neither calf shows calcification", "negated"),
    ("1) AF 2) no calcification 3) calf swelling", "negated"),
])  # fmt: skip
def test_forms_of_everyday_denial(text: str, status: str) -> None:
    [found] = [f for f in read(text).findings if f.mention.phrase.table == "calcification"]
    assert found.status == status


def test_a_numbered_item_is_a_sentence_of_its_own() -> None:
    told = read("1) mitral annular calcification 2) left calf calcification (see film 3)")
    assert [f.sentence for f in told.findings if f.mention.phrase.table == "calcification"] == [0, 1]


def test_cues_come_in_the_order_of_the_text() -> None:
    told = passage("no pain, ?calcification, calcification: no, denies swelling")
    findings = tables().findings.find(told.tokens, "text")
    firsts = [c.first for c in read_cues(told, findings, tables())]
    assert firsts == sorted(firsts) and len(firsts) >= 4


def test_a_text_without_cues_has_none() -> None:
    assert looking("left calf calcification") == []
