"""The check as a whole: order, columns, nothing hidden, never an exception. Each kind of defect: tests/test_mappings.py."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hl7calf.calf.check import check_mappings
from hl7calf.calf.schema import SCHEMAS
from tests.small_mappings import added, replaced, small_mappings

SMALL = small_mappings()


def shown(files: dict[str, str]) -> list[str]:
    return [f"{d.file}:{d.line}:{d.column}: {d.code}" for d in check_mappings(files)]


def test_sound_tables_have_no_defect() -> None:
    assert shown(SMALL) == []


def test_all_defects_come_at_once_in_file_order() -> None:
    files = added(SMALL, "sides.csv", "rt ,R,rt calf calcification", "rgt,R,")
    files = added(files, "misspellings.csv", "knee,calf")
    files = {**files, "note.txt": files["note.txt"] + "upgrade | AI | " + "x" * 81 + "\n"}
    assert shown(files) == [
        "misspellings.csv:3:1: M_KNOWN_WORD", "note.txt:4:1: N_TOO_LONG", "sides.csv:5:1: M_SPACES",
        "sides.csv:6:7: P_NO_EXAMPLE",
    ]  # fmt: skip


def test_tables_that_cannot_be_loaded_are_still_looked_through() -> None:
    files = replaced(SMALL, "cues.csv", "no,negated", "no,negatd")
    files = added(files, "sides.csv", "Left,L,left calf calcification")
    assert shown(files) == ["cues.csv:2:4: M_WORD", "sides.csv:5:1: M_DUPLICATE"]


def test_the_column_is_the_characters_also_behind_quotes_and_line_breaks() -> None:
    assert shown(added(SMALL, "sides.csv", '"rt",R, rt calf calcification')) == ["sides.csv:5:8: M_SPACES"]
    files = added(
        SMALL, "study_codes.csv", 'CPT,76882,nonvascular,limited,"",unilateral or limited', "CPT,1,guided,limited,,x"
    )
    assert shown(files) == ["study_codes.csv:6:34: C_DESCRIPTOR", "study_codes.csv:7:5: C_FORM"]
    files = added(SMALL, "sites.csv", '"shank\nbone",claf,calf,calcification in left shank bone,,')
    assert shown(files) == ["sites.csv:7:7: M_WORD"]


def test_a_phrase_of_nothing_does_not_hide_the_other_defects() -> None:
    files = added(SMALL, "sides.csv", "_,R,x", "rgt,R,right calf calcification")
    assert shown(files) == ["sides.csv:5:1: M_NEVER", "sides.csv:6:7: P_SILENT"]


def test_a_row_found_wrong_is_not_proven_as_well() -> None:
    assert shown(added(SMALL, "sides.csv", "left,L,x")) == ["sides.csv:5:1: M_DUPLICATE"]


def test_empty_files_are_told_and_no_more() -> None:
    assert {d.code for d in check_mappings(dict.fromkeys([*SCHEMAS, "note.txt"], ""))} <= {"M_COLUMNS", "N_EMPTY"}
    assert {d.code for d in check_mappings({})} == {"M_MISSING"}


@pytest.mark.parametrize("name", [*SCHEMAS, "note.txt"])
def test_rubbish_in_a_table_is_told_never_raised(name: str) -> None:
    for rubbish in ("\0", '"', ",,,,,,,,,", "a\nb\nc", "\ud800,\udfff", "x" * 200_000, "=1+1,-2,@x", "\x1b[31m,a,b"):
        assert isinstance(check_mappings({**SMALL, name: SMALL[name] + rubbish + "\n"}), list)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_typed_into_a_table_is_answered_with_defects(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*SCHEMAS, "note.txt"]))
    text = SMALL[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    typed = data.draw(st.text(st.sampled_from("abLR ,\"'\n;|{}_-.?:0~^\\&\u00e9\u200b"), max_size=8))
    for defect in check_mappings({**SMALL, name: text[:start] + typed + text[end:]}):
        assert defect.file and defect.code[1] == "_" and defect.why
        assert defect.line >= 0 and defect.column >= 0
