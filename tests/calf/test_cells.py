"""Where a cell begins, counted as an editor counts."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.calf.cells import Cells


@pytest.mark.parametrize(
    ("content", "line", "cell", "place"),
    [
        ("a,b,c\n", 1, 1, (1, 1)),
        ("a,b,c\n", 1, 2, (1, 3)),
        ("aa,bbb,c\n", 1, 3, (1, 8)),
        ('"a,b",c\n', 1, 2, (1, 7)),
        ('"a ""x"", b",c\n', 1, 2, (1, 14)),
        ("h\nlong,b\n", 2, 2, (2, 6)),
        ('h\n"two\nlines",b\n', 2, 2, (3, 8)),
        ("a,b\r\nc,d\r\n", 2, 2, (2, 3)),
        ("\ufeffa,b\n", 1, 2, (1, 3)),
        ("a,b\n", 1, 9, (1, 4)),
        ("", 1, 3, (1, 1)),
    ],
)
def test_a_cell_begins_where_an_editor_shows_it(content: str, line: int, cell: int, place: tuple[int, int]) -> None:
    assert Cells(content).place(line, cell) == place


@given(st.lists(st.text("ab,\"' ", max_size=6), min_size=1, max_size=5))
def test_the_text_at_the_place_is_the_cell(cells: list[str]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    text = written.getvalue()
    for number in range(1, len(cells) + 1):
        _, column = Cells(text).place(1, number)
        assert next(csv.reader([text[column - 1 :].rstrip("\n") or ","]))[0] == cells[number - 1]
