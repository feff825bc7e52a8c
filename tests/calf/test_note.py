"""The note's template and its lines: 80 characters, printable ASCII, never a judgement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.calf.note import MARKER, PLACEHOLDERS, WIDTH, NoteTemplate, read_template, wrap, write_note
from hl7calf.errors import Defect
from hl7calf.service.mappings import read_mappings, shipped_mappings

VALUES = dict.fromkeys(PLACEHOLDERS, "value")


def template(text: str) -> tuple[NoteTemplate, list[str]]:
    defects: list[Defect] = []
    read = read_template(text, defects)
    return read, [d.code for d in defects]


def test_a_line_has_actions_type_and_text() -> None:
    read, defects = template(
        "# comment\n\nupgrade annotate | RE | HL7CALF {version} rule {rule}\nupgrade | AI | Do | it\n"
    )
    assert defects == []
    assert [(sorted(n.actions), n.comment_type, n.text, n.line) for n in read.lines] == [
        (["annotate", "upgrade"], "RE", "HL7CALF {version} rule {rule}", 3), (["upgrade"], "AI", "Do | it", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(("line", "code"), [
    ("upgrade | RE", "N_PARTS"),
    ("change | RE | text", "N_ACTION"),
    (" | RE | text", "N_ACTION"),
    ("upgrade | XX | text", "N_TYPE"),
    ("upgrade | RE | M\u00fcller", "N_CHARACTER"),
    ("upgrade | RE | tab\there", "N_CHARACTER"),
    ("upgrade | RE | {patient}", "N_PLACEHOLDER"),
    ("upgrade | RE | {version", "N_BRACES"),
    ("upgrade | RE | likely benign", "N_JUDGES"),
    ("upgrade | RE | Malignant?", "N_JUDGES"),
    ("upgrade | RE | no marker", "N_MARKER"),
])  # fmt: skip
def test_what_is_wrong_in_the_template_is_told(line: str, code: str) -> None:
    first = "" if code == "N_MARKER" else "upgrade annotate | RE | HL7CALF {version} rule {rule}\n"
    assert code in template(first + line + "\n")[1]


def test_the_shipped_template_has_no_defect_and_begins_with_the_marker() -> None:
    read, defects = template(read_mappings(shipped_mappings())["note.txt"])
    assert defects == []
    for action in ("upgrade", "annotate"):
        assert write_note(read, action, VALUES)[0][1].startswith(MARKER)


def test_only_the_lines_of_the_action_are_written() -> None:
    read, _ = template("upgrade annotate | RE | HL7CALF {version}\nupgrade | AI | A\nannotate | 1R | B\n")
    assert [text for _, text in write_note(read, "upgrade", VALUES)] == ["HL7CALF value", "A"]
    assert write_note(read, "annotate", VALUES)[1] == ("1R", "B")


def test_the_marker_line_is_cut_and_stays_one_line() -> None:
    read, _ = template("upgrade | RE | HL7CALF {policy}\nupgrade | RE | {original}\n")
    lines = write_note(read, "upgrade", {**VALUES, "policy": "P" * 200, "original": "word " * 40})
    assert len(lines[0][1]) == WIDTH and lines[1][1].startswith("word")
    assert all(len(text) <= WIDTH for _, text in lines)


def test_values_are_made_printable_ascii() -> None:
    read, _ = template("upgrade | RE | HL7CALF {original}\n")
    [(_, text)] = write_note(read, "upgrade", {**VALUES, "original": "M\u00fcller\r\x0b\x1c{rule}"})
    assert text.isascii() and text.isprintable() and "{rule}" in text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=400))
def test_wrapping_loses_nothing_but_spaces(text: str) -> None:
    pieces = wrap(text)
    assert all(len(piece) <= WIDTH for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@given(st.dictionaries(st.sampled_from(sorted(PLACEHOLDERS)), st.text(max_size=200)))
def test_no_value_can_break_a_line_of_the_note(values: dict[str, str]) -> None:
    read, _ = template(read_mappings(shipped_mappings())["note.txt"])
    for _, text in write_note(read, "upgrade", {**VALUES, **values}):
        assert len(text) <= WIDTH and all(" " <= char <= "~" for char in text)
