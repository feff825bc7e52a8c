"""Leaving one row out is the same as deleting it from its file."""

import pytest

from hl7calf.calf.examples import orders_of, rows_by_word
from hl7calf.calf.indication import read_indication
from hl7calf.calf.lacking import lexicons_of, without_row
from hl7calf.calf.meaning import meaning_of
from hl7calf.calf.schema import SCHEMAS
from hl7calf.calf.tables import load_tables
from hl7calf.calf.words import tokenize
from tests.small_mappings import added, small_mappings

SMALL = small_mappings()
TABLES = load_tables(SMALL)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_row_left_out_reads_as_a_row_deleted(name: str) -> None:
    for row in TABLES.rows[name]:
        lines = SMALL[name].splitlines(keepends=True)
        deleted = load_tables({**SMALL, name: "".join(lines[: row.line - 1] + lines[row.line :])})
        lacking = without_row(TABLES, row)
        for order in orders_of(row, lacking, rows_by_word(TABLES)):
            assert meaning_of(read_indication(order, lacking)) == meaning_of(read_indication(order, deleted)), row.place


def test_a_cue_for_both_directions_keeps_its_other_direction() -> None:
    both = load_tables(
        added(SMALL, "cues.csv", "?,question,before,next,? dvt left calf,", "?,question,after,next,dvt?,")
    )
    before, after = both.rows["cues.csv"][-2:]
    assert both.cue_twins
    assert not without_row(both, before).cue_twins
    tokens = tuple(tokenize("left calf dvt?"))
    found = without_row(both, before).cues.find(tokens, "text")
    assert [m.phrase.row for m in found] == [after.place]


def test_every_lexicon_of_the_tables_is_known() -> None:
    assert {"findings", "sites", "cues", "sides", "extent", "studies", "gates"} <= set(lexicons_of(TABLES))


def test_the_tables_themselves_stay_as_they_were() -> None:
    row = TABLES.rows["sides.csv"][0]
    without_row(TABLES, row)
    assert [m.phrase.row for m in TABLES.sides.find(tuple(tokenize("left")), "text")] == [row.place]
