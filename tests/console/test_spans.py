import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.console.spans import (
    CUE,
    GONE,
    NEW,
    SEEN,
    Mark,
    all_lines,
    cut,
    kind_of,
    marks_after,
    order_lines,
    sides_of,
)
from hl7calf.console.text import shown
from hl7calf.errors import WireError
from hl7calf.wire.splice import splice
from tests.console.stage import UPGRADED, Stage, sample


@given(
    st.text("ab|^\x1b é", min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from([GONE, NEW, SEEN, CUE])), max_size=6),
)
def test_the_pieces_of_a_segment_joined_are_the_segment(text: str, spans: list[tuple[int, int, str]]) -> None:
    payload = text.encode("latin-1")
    marks = [Mark(min(a, b), max(a, b), kind) for a, b, kind in spans]
    pieces = cut(payload, 0, len(payload), marks, ("8859/1",))
    assert "".join(piece.text for piece in pieces) == shown(text)


def test_a_change_outranks_evidence_and_evidence_a_cue() -> None:
    marks = [Mark(0, 10, CUE), Mark(2, 8, SEEN), Mark(4, 6, GONE)]
    pieces = cut(b"0123456789", 0, 10, marks, ())
    assert [(p.text, p.kind) for p in pieces] == [("01", CUE), ("23", SEEN), ("45", GONE), ("67", SEEN), ("89", CUE)]


def test_marks_outside_the_segment_do_not_matter() -> None:
    marks = [Mark(0, 2, GONE), Mark(5, 9, SEEN), Mark(3, 3, NEW)]
    assert [(p.text, p.kind) for p in cut(b"0123456789", 2, 5, marks, ())] == [("234", "")]


def test_one_change_is_one_piece_whatever_lies_under_it() -> None:
    marks = [Mark(0, 10, GONE), Mark(2, 4, SEEN), Mark(6, 8, CUE)]
    assert [(p.text, p.kind) for p in cut(b"0123456789", 0, 10, marks, ())] == [("0123456789", GONE)]


def test_cues_are_told_from_mentions() -> None:
    assert (kind_of("cue"), kind_of("calcification")) == (CUE, SEEN)


def test_the_changed_spans_of_an_upgrade_are_marked_on_both_sides(stage: Stage) -> None:
    message = stage.desk.journal.message(1)
    assert message is not None
    assert message.entry is not None
    sides = sides_of(message.inbound, message.outbound, message.entry.content, 1)
    assert sides is not None
    gone = [piece.text for line in sides.before for piece in line.pieces if piece.kind == GONE]
    new = [piece.text for line in sides.after for piece in line.pieces if piece.kind == NEW]
    assert "".join(gone).startswith("IMG5521^US DOPPLER VENOUS LEG LIMITED RIGHT^EAP")
    assert new[0].startswith("IMG5531^US DOPPLER VENOUS LEG COMPLETE RIGHT^EAP")
    assert new[1].startswith("NTE|1|O|HL7CALF ")
    assert len([line for line in sides.after if line.name == "NTE"]) == len(new) - 1
    assert any(piece.kind == SEEN and piece.text == "calcification" for line in sides.before for piece in line.pieces)


def test_marks_after_stand_where_the_new_bytes_are() -> None:
    payload = b"MSH|^~\\&|A\rOBR|1|x\r"
    changes = [
        {"offset": 17, "length": 1, "before": "x", "after": "longer", "why": "map", "path": "OBR-2"},
        {"offset": 18, "length": 0, "before": "", "after": "\rNTE|1", "why": "note", "path": "NTE"},
        {"offset": 9, "length": 1, "before": "A", "after": "", "why": "gone", "path": "MSH-3"},
    ]

    class Change:
        def __init__(self, change: dict[str, object]) -> None:
            self.offset, self.length = change["offset"], change["length"]
            self.before, self.after = str(change["before"]).encode(), str(change["after"]).encode()

    outbound = splice(payload, [Change(change) for change in changes])  # type: ignore[misc]
    assert [outbound[m.start : m.end] for m in marks_after(changes)] == [b"", b"longer", b"\rNTE|1"]


def test_only_the_order_and_where_evidence_stands_are_shown() -> None:
    payload = sample(UPGRADED)
    names = [line.name for line in order_lines(payload, 1, [])]
    assert names == ["OBR"]
    pid = payload.index(b"SAMPLE")
    assert [line.name for line in order_lines(payload, 1, [Mark(pid, pid + 3, SEEN)])] == ["PID", "OBR"]
    assert order_lines(payload, 9, []) == ()


def test_what_is_not_hl7_is_one_line_of_raw_text() -> None:
    assert [p.text for line in all_lines(b"\x00<b>") for p in line.pieces] == ["\\x00<b>"]
    with pytest.raises(WireError):
        order_lines(b"nothing", 1, [])
    content = {"orders": [{"position": 1, "modifications": [], "evidence": []}]}
    assert sides_of(b"nothing", b"nothing", content, 1) is None
    assert sides_of(b"nothing", b"nothing", content, 2) is None


def test_every_segment_of_a_message_can_be_shown() -> None:
    assert [line.name for line in all_lines(sample(UPGRADED))][:3] == ["MSH", "PID", "PV1"]
