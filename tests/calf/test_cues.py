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


def test_cues_come_in_the_order_of_the_text() -> None:
    told = passage("no pain, ?calcification, calcification: no, denies swelling")
    findings = tables().findings.find(told.tokens, "text")
    firsts = [c.first for c in read_cues(told, findings, tables())]
    assert firsts == sorted(firsts) and len(firsts) >= 4


def test_a_text_without_cues_has_none() -> None:
    assert looking("left calf calcification") == []
