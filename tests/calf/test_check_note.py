"""The note as a whole: marker for both actions, length once filled."""

from hl7calf.calf.check_note import MOST_LINES, check_note, longest_values
from hl7calf.calf.note import PLACEHOLDERS, WIDTH, read_template, write_note
from hl7calf.calf.tables import load_tables
from hl7calf.errors import Defect
from hl7calf.service.mappings import read_mappings, shipped_mappings
from tests.small_mappings import NOTE, small_mappings

ROWS = load_tables(small_mappings()).rows


def codes(text: str) -> list[tuple[int, str]]:
    wrong: list[Defect] = []
    template = read_template(text, wrong)
    assert wrong == []
    return [(d.line, d.code) for d in check_note(template, ROWS)]


def test_every_placeholder_has_a_longest_value() -> None:
    for action in ("upgrade", "annotate"):
        assert set(longest_values(ROWS, action)) == PLACEHOLDERS


def test_the_shipped_note_fits_whatever_the_order_says() -> None:
    tables = load_tables(read_mappings(shipped_mappings()))
    for action in ("upgrade", "annotate"):
        lines = write_note(tables.note, action, longest_values(tables.rows, action))
        assert len(lines) <= MOST_LINES
        assert all(len(text) <= WIDTH for _, text in lines)
    assert list(check_note(tables.note, tables.rows)) == []


def test_each_action_needs_the_marker_in_its_first_line() -> None:
    assert codes(NOTE) == []
    assert codes(NOTE.replace("upgrade annotate | RE", "annotate | RE")) == [(3, "N_MARKER")]
    assert codes(NOTE.replace(" rule ", " ")) == [(2, "N_MARKER"), (2, "N_MARKER")]


def test_what_names_the_rule_and_policy_is_never_cut() -> None:
    long = "HL7CALF {version} rule {rule} of this hospital, under the policy {policy}, which says: {what}"
    assert (2, "N_TOO_LONG") in codes(NOTE.replace("HL7CALF {version} rule {rule} policy {policy}: {what}", long))
