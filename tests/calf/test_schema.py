"""The shape of the tables: columns, closed words, and where a defect stands."""

import pytest

from hl7calf.calf.schema import GATES, RISKS, SCHEMAS, SYMPTOMS, Row, read_rows
from hl7calf.errors import Defect

HEADER = "phrase,symptom,example\n"


def read(content: str, name: str = "symptoms.csv") -> tuple[list[Row], list[Defect]]:
    defects: list[Defect] = []
    return list(read_rows(name, content, defects)), defects


def test_a_row_knows_where_it_stands() -> None:
    rows, defects = read(HEADER + 'ache,pain,"ache, left calf"\n\nsore,pain,x\n')
    assert defects == []
    assert [(r.place, r["phrase"]) for r in rows] == [("symptoms.csv:2", "ache"), ("symptoms.csv:4", "sore")]
    assert rows[0]["example"] == "ache, left calf"


@pytest.mark.parametrize(("content", "code", "line", "column"), [
    ("phrase,sympton,example\nache,pain,x\n", "M_COLUMNS", 1, 2),
    ("phrase,symptom\n", "M_COLUMNS", 1, 3),
    ("", "M_COLUMNS", 1, 1),
    (HEADER + "ache,pain\n", "M_CELLS", 2, 1),
    (HEADER + "ache,pain,a, b\n", "M_CELLS", 2, 1),
    (HEADER + "ache,pian,x\n", "M_WORD", 2, 2),
    (HEADER + ",pain,x\n", "M_EMPTY", 2, 1),
    (HEADER + 'ache,pain,"x\n', "M_CSV", 2, 1),
])  # fmt: skip
def test_a_defect_says_where_and_what(content: str, code: str, line: int, column: int) -> None:
    _, [defect] = read(content)
    assert (defect.file, defect.code, defect.line, defect.column) == ("symptoms.csv", code, line, column)


def test_a_defect_names_the_nearest_word() -> None:
    _, [defect] = read(HEADER + "ache,pian,x\n")
    assert "`pain`" in defect.hint


def test_the_good_rows_are_read_beside_the_bad() -> None:
    rows, defects = read(HEADER + "ache,pian,x\nsore,pain,y\n")
    assert ([r["phrase"] for r in rows], len(defects)) == (["sore"], 1)


def test_a_byte_order_mark_and_comments_do_no_harm() -> None:
    rows, defects = read("\ufeff" + HEADER + "# a remark\nache,pain,x\n")
    assert ([r["phrase"] for r in rows], defects) == (["ache"], [])


def test_a_quoted_cell_over_two_lines_keeps_the_line_numbers_right() -> None:
    rows, _ = read(HEADER + 'ache,pain,"one\ntwo"\nsore,pain,x\n')
    assert [r.line for r in rows] == [2, 4]


def test_the_vocabularies_are_those_of_the_contract() -> None:
    assert set(SYMPTOMS) == set(
        "pain swelling tenderness mass redness warmth cramping weakness ulcer claudication".split()
    )
    assert len(RISKS) == len(set(RISKS)) == 16
    assert [f"X{n}" for n in range(1, 30)] == GATES


def test_every_key_is_a_column_and_every_vocabulary_too() -> None:
    for schema in SCHEMAS.values():
        assert set(schema.key) | set(schema.vocabulary) <= set(schema.columns)
        assert not schema.proof or schema.proof in schema.columns
