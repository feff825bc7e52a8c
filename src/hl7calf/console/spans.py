"""Marked text: the segments of an order as they came and as they go out, with what changed and what counted.

Law: pure, and lossless: the pieces of a segment, joined, are the segment. What was changed outranks what was
evidence where both meet. These pieces hold patient data, so they are made after "reveal" alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hl7calf.console.text import shown
from hl7calf.errors import WireError
from hl7calf.wire.charset import decode_bytes
from hl7calf.wire.message import Segment, read_message
from hl7calf.wire.orders import OrderGroup, read_orders

GONE, NEW, SEEN, CUE = "gone", "new", "seen", "cue"
_RANK = {GONE: 3, NEW: 3, SEEN: 2, CUE: 1, "": 0}


@dataclass(frozen=True, slots=True)
class Mark:
    """Bytes `start` to `end` of a payload are one kind of thing; `why` is what a person reads on them."""

    start: int
    end: int
    kind: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a segment, marked or not."""

    text: str
    kind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One segment in pieces."""

    name: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """One order as it came in and as it goes out."""

    before: tuple[Line, ...]
    after: tuple[Line, ...]


def sides_of(inbound: bytes, outbound: bytes, content: Mapping[str, Any], position: int) -> Sides | None:
    """Return the segments of one order on both sides, marked; None when the message cannot be read.

    Args:
        content: the log entry's content: modifications and evidence of all orders, by place.
        position: which order, 1-based in wire order.
    """
    order = next((o for o in content.get("orders", ()) if o["position"] == position), None)
    if order is None:
        return None
    modifications = [m for one in content["orders"] for m in one["modifications"]]
    before = [Mark(m["offset"], m["offset"] + m["length"], GONE, m["why"]) for m in modifications if m["length"]]
    before += [
        Mark(e["offset"], e["offset"] + e["length"], kind_of(e["concept"]), f"{e['concept']}: {e['status']}")
        for e in order["evidence"] if e["length"]
    ]  # fmt: skip
    try:
        return Sides(
            order_lines(inbound, position, before), order_lines(outbound, position, marks_after(modifications))
        )
    except WireError:
        return None


def kind_of(concept: str) -> str:
    """Return how evidence is marked: a cue (negation, question, history) only bends what a mention says."""
    return CUE if concept == "cue" else SEEN


def marks_after(modifications: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Return where the changed spans stand in the outbound bytes."""
    marks, shift = [], 0
    for changed in sorted(modifications, key=lambda m: (m["offset"], m["length"])):
        size = len(changed["after"].encode("utf-8", "surrogateescape"))
        start = changed["offset"] + shift
        marks.append(Mark(start, start + size, NEW, changed["why"]))
        shift += size - changed["length"]
    return marks


def order_lines(payload: bytes, position: int, marks: Sequence[Mark]) -> tuple[Line, ...]:
    """Return OBR and NTE of an order, and whichever other segment of the message a mark stands in.

    Raises:
        WireError: the payload is not HL7 v2.
    """
    message = read_message(payload)
    group = next((g for g in read_orders(message) if g.position == position), None)
    wanted = _own_segments(group) if group is not None else []
    found = [mark for mark in marks if mark.kind in (SEEN, CUE)]
    chosen = [s for s in message.segments if s in wanted or any(_meets(s, mark) for mark in found)]
    charsets = message.header.charsets
    return tuple(Line(s.name, cut(payload, s.start, s.end, marks, charsets)) for s in chosen)


def all_lines(payload: bytes, marks: Sequence[Mark] = ()) -> tuple[Line, ...]:
    """Return every segment of a payload; one line of raw text where it is not HL7 v2."""
    try:
        message = read_message(payload)
    except WireError:
        return (Line("", cut(payload, 0, len(payload), marks, ())),)
    charsets = message.header.charsets
    return tuple(Line(s.name, cut(payload, s.start, s.end, marks, charsets)) for s in message.segments)


def cut(payload: bytes, start: int, end: int, marks: Iterable[Mark], charsets: tuple[str, ...]) -> tuple[Piece, ...]:
    """Cut bytes `start` to `end` at the marks' edges, read by MSH-18; where marks overlap the higher rank shows."""
    inside = [mark for mark in marks if mark.start < end and mark.end > start]
    edges = sorted({start, end, *(max(m.start, start) for m in inside), *(min(m.end, end) for m in inside)})
    runs: list[tuple[int, int, Mark | None]] = []
    for first, last in pairwise(edges):
        over = [mark for mark in inside if mark.start <= first and mark.end >= last]
        top = max(over, key=lambda mark: _RANK[mark.kind], default=None)
        if runs and runs[-1][2] is top:  # an edge of what is covered here anyway
            first = runs.pop()[0]
        runs.append((first, last, top))
    return tuple(_piece(decode_bytes(payload[first:last], charsets), top) for first, last, top in runs)


def _piece(text: str, mark: Mark | None) -> Piece:
    return Piece(shown(text), mark.kind, shown(mark.why)) if mark else Piece(shown(text))


def _own_segments(group: OrderGroup) -> list[Segment]:
    return [s for s in (group.obr, *group.orc_notes, *group.notes) if s is not None]


def _meets(segment: Segment, mark: Mark) -> bool:
    return mark.start < segment.end and mark.end > segment.start
