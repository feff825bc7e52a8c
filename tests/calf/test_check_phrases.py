"""Phrases and misspellings that cannot work, seen without reading an order."""

import pytest

from hl7calf.calf.check_phrases import STOP_WORDS, check_phrases, column_defect
from hl7calf.calf.schema import read_rows
from hl7calf.errors import Defect
from tests.small_mappings import added, small_mappings

SMALL = small_mappings()


def codes(name: str, *lines: str) -> list[tuple[str, int, str]]:
    files = added(SMALL, name, *lines)
    wrong: list[Defect] = []
    rows = {table: tuple(read_rows(table, text, wrong)) for table, text in files.items() if table != "note.txt"}
    assert wrong == []
    return [(d.file, d.line, d.code) for d in check_phrases(rows)]


def test_the_small_tables_have_no_defect() -> None:
    assert codes("sides.csv") == []


@pytest.mark.parametrize("phrase", ["left-", "LEFT", "l\u00e9ft", " left", "left "])
def test_phrases_that_are_cut_alike_are_the_same_phrase(phrase: str) -> None:
    found = [code for _, _, code in codes("sides.csv", f"{phrase},L,left calf calcification")]
    assert ("M_DUPLICATE" in found) == (phrase != "left-")


def test_a_phrase_may_stand_once_for_names_and_once_for_text() -> None:
    assert codes("extent.csv", 'limited,limited,text,"limited, left calf calcification"') == []
    assert codes("gates.csv", "cast,X16,both,x") == [("gates.csv", 3, "M_DUPLICATE")]


def test_a_cue_may_stand_once_in_each_direction() -> None:
    assert codes("cues.csv", "no,negated,after,next,x,") == []
    assert codes("cues.csv", "no,negated,both,next,x,") == [("cues.csv", 5, "M_DUPLICATE")]


def test_the_findings_tables_are_one() -> None:
    assert codes("risk_factors.csv", "dvt,prior_dvt,x") == [("findings.csv", 2, "M_SHADOW")]


@pytest.mark.parametrize("word", sorted(STOP_WORDS))
def test_no_misspelling_reaches_a_word_of_its_own(word: str) -> None:
    assert codes("misspellings.csv", f"{word},calcification") == [("misspellings.csv", 3, "M_STOP_WORD")]


def test_a_new_site_is_welcome_and_a_near_miss_is_told() -> None:
    assert codes("sites.csv", "elbow,elbow,elbow,x,,") == []
    assert codes("sites.csv", "shank,calff,calf,x,,") == [("sites.csv", 6, "M_WORD")]
    assert codes("sites.csv", "shank,,calf,x,,") == [("sites.csv", 6, "M_EMPTY")]


def test_a_defect_names_the_cell() -> None:
    wrong: list[Defect] = []
    row = next(read_rows("sides.csv", SMALL["sides.csv"], wrong))
    assert column_defect(row, "example", "M_X", "why", "hint") == Defect("sides.csv", 2, 3, "M_X", "why", "hint")
