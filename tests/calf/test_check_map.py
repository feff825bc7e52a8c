"""The study map: from limited to complete, same side, in words that fit."""

import pytest

from hl7calf.calf.check_map import check_map
from hl7calf.calf.tables import load_tables
from tests.small_mappings import added, small_mappings

SMALL = small_mappings()


def codes(*lines: str) -> list[str]:
    tables = load_tables(added(SMALL, "study_map.csv", *lines))
    return [f"{d.line}:{d.code}" for d in check_map(tables.rows, tables)]


@pytest.mark.parametrize(
    "line",
    [
        "93971,CPT,L,93971,US VENOUS COMPLETE LEFT,,one leg stays one leg",
        "93971,CPT,R,93971,US VENOUS COMPLETE RIGHT,,one leg stays one leg",
        "80860-0,LN,L,69392-9,US VENOUS LEFT,LN,the code itself says complete",
        "A1,L,B,A2,US VENOUS COMPLETE,L,both legs stay both",
        "A1,L,B,93970,US VENOUS COMPLETE,CPT,both legs stay both",
        "A1,L,L,A2,US VENOUS COMPLETE,L,a text without a side",
        "A1,L,L,A2,US VENOUS COMPLETE LEFT,,the sender's system",
    ],
)
def test_entries_that_are_right(line: str) -> None:
    assert codes(line) == []


def test_93971_becomes_93970_for_no_single_leg() -> None:
    for side in "LR":
        assert codes(f"93971,CPT,{side},93970,US VENOUS COMPLETE,,x") == ["4:S_93970"]


def test_the_side_is_kept_in_code_and_text() -> None:
    assert codes("A1,L,R,69392-9,US VENOUS COMPLETE LEFT,LN,x") == ["4:S_SIDE", "4:S_SIDE"]
    assert codes("A1,L,L,A2,US VENOUS COMPLETE BILATERAL,L,x") == []  # no table of this set knows the word
    assert codes("A1,L,L,A2,US VENOUS COMPLETE LEFT RIGHT,L,x") == ["4:S_SIDE"]


def test_a_study_that_is_no_venous_one_is_not_raised() -> None:
    tables = load_tables(
        added(
            added(SMALL, "study_codes.csv", "L,ARTL,arterial,limited,L,x"),
            "study_map.csv",
            "ARTL,L,L,A2,US VENOUS COMPLETE LEFT,L,x",
        )
    )
    assert [d.code for d in check_map(tables.rows, tables)] == ["S_SOURCE"]


def test_a_chain_over_three_is_told_at_each_link() -> None:
    assert codes(
        "A1,L,L,A2,US VENOUS COMPLETE LEFT,L,x",
        "A2,L,L,A3,US VENOUS COMPLETE LEFT,L,x",
        "A3,L,L,A4,US VENOUS COMPLETE LEFT,L,x",
    ) == ["4:S_CHAIN", "5:S_CHAIN"]
