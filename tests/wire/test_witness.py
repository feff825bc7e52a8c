"""The witness says "ok" to exactly what was declared, and to nothing else."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.message import Message, read_message
from hl7calf.wire.orders import note_insertion, read_orders
from hl7calf.wire.text import escape_text
from hl7calf.wire.witness import DeclaredChange, prove

ORM = (
    b"MSH|^~\\&|CPOE|H|||2026||ORM^O01|C1|P|2.4\r"
    b"PID|1||12^^^MRN||DOE^JANE \r"
    b"ORC|NW|P1\r"
    b"OBR|1|P1||L1^US VENOUS LIMITED^L^A^B^C|||||||||C:\\temp\\new pain\r"
    b"NTE|1||please\r"
    b"DG1|1||M61.4\r"
    b"ORC|NW|P2\r"
    b"OBR|2|P2||X^OTHER\r"
    b"OBX|1|TX|A||text \xa0"
)
NOTES = [b"NTE|2|O|line one", b"NTE|3|O|line two"]


def edited(
    payload: bytes, path: str = "", after: bytes = b"", order: int = 0, notes: Sequence[bytes] = ()
) -> tuple[bytes, list[DeclaredChange]]:
    """The payload with one field replaced and notes inserted behind one order, and what would be declared."""
    message: Message = read_message(payload)
    changes = []
    edits = []
    if path:
        span = message.at(path)
        assert span is not None
        edits.append((span.start, span.end, after))
        changes.append(DeclaredChange(path, after))
    if order:
        place = note_insertion(message, read_orders(message)[order - 1])
        edits.append((place.offset, place.offset, place.write(notes)))
        changes.append(DeclaredChange("NTE", place.write(notes)))
    for start, end, new in sorted(edits, reverse=True):
        payload = payload[:start] + new + payload[end:]
    return payload, changes


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n "])
def test_a_declared_change_reads_as_declared(end: bytes, lead: bytes) -> None:
    payload = lead + ORM.replace(b"\r", end)
    outbound, changes = edited(payload, "OBR[1]-4", b"C1^COMPLETE^L", 1, NOTES)
    assert prove(payload, outbound, changes) == "ok"
    outbound, changes = edited(payload, "OBR[2]-4", b"C1^COMPLETE^L", 2, NOTES)
    assert prove(payload, outbound, changes) == "ok"
    outbound, changes = edited(payload, order=2, notes=NOTES)
    assert prove(payload, outbound, changes) == "ok"
    assert prove(payload, payload, []) == "ok"


def test_notes_behind_an_unended_last_obr_are_proven() -> None:
    payload = ORM[: ORM.rindex(b"\rOBX")]
    outbound, changes = edited(payload, order=2, notes=NOTES)
    assert outbound.endswith(b"line two")
    assert prove(payload, outbound, changes) == "ok"


def test_two_orders_changed_at_once_are_proven() -> None:
    one, first = edited(ORM, "OBR[2]-4", b"C2^COMPLETE", 2, NOTES)
    two, second = edited(one, "OBR[1]-4", b"C1^COMPLETE", 1, NOTES)
    assert prove(ORM, two, [*second, *first]) == "ok"


def test_a_component_may_be_declared_alone() -> None:
    outbound, changes = edited(ORM, "OBR[1]-4.2", b"COMPLETE")
    assert prove(ORM, outbound, changes) == "ok"
    assert prove(ORM, outbound.replace(b"L1^", b"L2^"), changes) != "ok"
    assert prove(ORM, outbound, [DeclaredChange("OBR[1]-4.9", b"x")]) == "a declared component is not in the message"


def test_any_undeclared_byte_is_seen() -> None:
    outbound, changes = edited(ORM, "OBR[1]-4", b"C1^COMPLETE^L", 1, NOTES)
    for place in range(len(outbound)):
        flipped = outbound[:place] + bytes([outbound[place] ^ 1]) + outbound[place + 1 :]
        assert prove(ORM, flipped, changes) != "ok", place
    for place in range(len(outbound)):
        assert prove(ORM, outbound[:place] + outbound[place + 1 :], changes) != "ok", place


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"DOE", b"ROE", "segment 2 (PID)"),
        (b"ORC|NW|P2", b"ORC|CA|P2", "segment 7 (ORC)"),
        (b"DG1|1||M61.4\r", b"", "segment 6 (DG1)"),
        (b"DG1|1", b"ZZZ|1\rDG1|1", "segment 6 (DG1)"),
        (b"C1^COMPLETE", b"C1^COMPLET", "segment 4 (OBR)"),
        (b"line one", b"line 1", "segment 6 (DG1)"),
        (b"text \xa0", b"text ", "segment 9 (OBX)"),
        (b"text \xa0", b"text \xa0\rZZZ", "not declared"),
        (b"JANE ", b"JANE", "segment 2 (PID)"),
        (b"^~\\&|CPOE", b"^~\\&#|CPOE", "segment 1 (MSH)"),
        (b"MSH|^~\\&", b"MSH|~^\\&", "the separators differ"),
        (b"MSH|", b"NSH|", "cannot read it"),
    ],
)
def test_what_was_not_declared_is_named(old: bytes, new: bytes, reason: str) -> None:
    outbound, changes = edited(ORM, "OBR[1]-4", b"C1^COMPLETE^L", 1, NOTES)
    assert old in outbound
    said = prove(ORM, outbound.replace(old, new, 1), changes)
    assert reason in said
    assert "DOE" not in said and "line" not in said


def test_a_change_declared_but_not_made_is_seen() -> None:
    outbound, changes = edited(ORM, "OBR[1]-4", b"C1^COMPLETE^L", 1, NOTES)
    assert prove(ORM, outbound, [*changes, DeclaredChange("OBR[2]-4", b"Y")]) != "ok"
    assert prove(ORM, outbound, changes[:1]) != "ok"
    assert prove(ORM, outbound, changes[1:]) != "ok"
    assert prove(ORM, ORM, changes) != "ok"
    assert (
        prove(ORM, ORM, [DeclaredChange("NTE", b"\rNTE|2|O|x")])
        == "the inserted notes do not stand behind an OBR as declared"
    )


@pytest.mark.parametrize(
    "place",
    [b"\rPID", b"\rORC|NW|P1", b"\rOBR|1", b"\rNTE|1", b"\rORC|NW|P2"],
    ids=["MSH", "PV1", "ORC", "before", "DG1"],
)
def test_notes_at_another_place_are_refused(place: bytes) -> None:
    inserted = b"\r" + b"\r".join(NOTES)
    outbound = ORM.replace(place, inserted + place, 1)
    assert prove(ORM, outbound, [DeclaredChange("NTE", inserted)]) != "ok"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (DeclaredChange("MSH-10", b"x"), "may change"),
        (DeclaredChange("PID-5", b"x"), "may change"),
        (DeclaredChange("PV1-2", b"x"), "may change"),
        (DeclaredChange("ORC[1]-1", b"x"), "may change"),
        (DeclaredChange("anything", b"x"), "may change"),
        (DeclaredChange("OBR[3]-4", b"x"), "there is no OBR[3]-4"),
        (DeclaredChange("OBR[0]-4", b"x"), "there is no OBR[0]-4"),
        (DeclaredChange("OBR[1]-4.0", b"x"), "component is not in the message"),
        (DeclaredChange("OBR[1]-44", b"x"), "there is no OBR[1]-44"),
        (DeclaredChange("OBR[1]-0", b"x"), "there is no OBR[1]-0"),
        (DeclaredChange("OBR[1]-4", b"x|y"), "holds a segment end"),
        (DeclaredChange("OBR[1]-4", b"x\rPID|1"), "holds a segment end"),
        (DeclaredChange("NTE", b"\rPID|1"), "something else than NTE"),
        (DeclaredChange("NTE", b"\rNTE|1\rZDS|1"), "something else than NTE"),
        (DeclaredChange("NTE", b""), "something else than NTE"),
    ],
)
def test_a_declaration_that_may_not_be_is_refused(change: DeclaredChange, reason: str) -> None:
    assert reason in prove(ORM, ORM, [change])


@pytest.mark.parametrize(
    "header",
    [rb"MSH^~|\&^A^^^^^^ORM~O01^1^P^2.3", rb"MSH|^~\&#|A", rb"MSH|^~\\&|A", b"MSH|^~|A", b"MSH|^|A", b"MSH#*!%@#A"],
)
def test_other_delimiters_are_witnessed(header: bytes) -> None:
    mark = header[3:4]
    payload = b"\r".join(
        [header, mark.join([b"ORC", b"NW", b"P1"]), mark.join([b"OBR", b"1", b"P1", b"", b"L1", b"", b"x\\y~z&"])]
    )
    outbound, changes = edited(payload, "OBR[1]-4", b"C1", 1, [mark.join([b"NTE", b"1", b"O", b"x"])])
    assert prove(payload, outbound, changes) == "ok"
    assert prove(payload, outbound.replace(b"x\\y", b"xy"), changes) != "ok"


def test_multi_byte_sets_are_witnessed() -> None:
    head = b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||GB 18030-2000\r"
    payload = head + b"ORC|NW|P1\rOBR|1|P1|\x81\x7c|L1^\x84\x5e|x\r"
    outbound, changes = edited(payload, "OBR[1]-4", b"C1", 1, [b"NTE|1|O|x"])
    assert outbound.endswith(b"|\x81\x7c|C1|x\rNTE|1|O|x\r")
    assert prove(payload, outbound, changes) == "ok"


def test_a_stray_line_stays_with_its_segment() -> None:
    payload = ORM.replace(b"NTE|1||please", b"stray | rest")
    outbound, changes = edited(payload, order=1, notes=NOTES)
    assert prove(payload, outbound, changes) == "ok"
    inserted = changes[0].after
    torn = payload.replace(b"\rstray", inserted + b"\rstray")
    assert prove(payload, torn, changes) != "ok"


@pytest.mark.parametrize("odd", [b"", b"x", b"MSH", b"MSH|", b"MSH|^~\\&", b"MSH|^~\\&|A\rOBR", b"MSH|~|A\rOBR|1"])
def test_what_cannot_be_read_is_a_reason_and_no_exception(odd: bytes) -> None:
    assert isinstance(prove(odd, odd, [DeclaredChange("OBR[1]-4", b"x")]), str)
    assert prove(odd, odd, [DeclaredChange("OBR[1]-4", b"x")]) != "ok"


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_whatever_text_is_written_reads_as_declared(name: str, note: str, end: bytes) -> None:
    payload = ORM.replace(b"\r", end)
    marks = read_message(payload).delimiters
    try:
        after, line = escape_text(name, marks), escape_text(note, marks)
    except ValueError:
        return
    outbound, changes = edited(payload, "OBR[1]-4", b"C^" + after + b"^L", 1, [b"NTE|2|O|" + line])
    assert prove(payload, outbound, changes) == "ok"


def test_the_proof_of_a_common_order_takes_milliseconds() -> None:
    payload = ORM + b"\r" + b"OBX|2|TX|HISTORY^^L||some text about the patient that is rather long|||||F\r" * 19
    outbound, changes = edited(payload, "OBR[1]-4", b"C1^COMPLETE^L", 1, NOTES * 8)
    started = time.process_time()
    for _ in range(10):
        assert prove(payload, outbound, changes) == "ok"
    assert time.process_time() - started < 1
