"""Orders in a message: which ORC, OBR, NTE, OBX and DG1 belong together, and where a note may be inserted.

Law: judge each order alone; a segment belongs to one order only, and to the one before it. What stands after a
second PID or PV1 is a prior result or another patient (OMG and OML carry such groups) and is no order here.
NTE straight after ORC is not in the HL7 structure, but feeds send it: it is the order's text.

Source: HL7 v2.5.1 §4.4.1 (ORM), §4.4.2 (OMG), §4.4.12 (OMI); §4.5.1 (ORC), §4.5.3 (OBR), §2.15.10 (NTE).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hl7calf.wire.header import Header
from hl7calf.wire.message import Message, Segment, Span

ORDER_MESSAGES = {"ORM": "O01", "OMG": "O19", "OMI": "O23"}  # message code -> trigger


@dataclass(frozen=True, slots=True)
class Observation:
    """One OBX of an order and the NTE after it."""

    obx: Segment
    notes: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderGroup:
    """One order: an OBR with its ORC, or an ORC without OBR; `position` counts from 1 in wire order.

    `orc_notes` stand between ORC and OBR, `notes` after OBR (also behind DG1 or others), `others` is every
    further segment of the group. `shares_orc`: an earlier OBR stands under the same ORC. `broken`: a stray line
    stands in the group, so a field may be cut off.
    """

    position: int
    orc: Segment | None = None
    obr: Segment | None = None
    orc_notes: tuple[Segment, ...] = ()
    notes: tuple[Segment, ...] = ()
    observations: tuple[Observation, ...] = ()
    diagnoses: tuple[Segment, ...] = ()
    others: tuple[Segment, ...] = ()
    shares_orc: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class PatientParts:
    """What stands before the first order: PID, PV1, PV2, the NTE after them, and those after MSH."""

    pid: Segment | None = None
    pv1: Segment | None = None
    notes: tuple[Segment, ...] = ()
    pv2: Segment | None = None
    header_notes: tuple[Segment, ...] = ()


class NotePlace(NamedTuple):
    """Where a note goes: write `terminator + NTE` per line at `offset`, never the other way round.

    `offset` is the end of the segment before, ahead of its own terminator, so that one rule also serves a
    message whose last segment is not ended. `next_number` is the first free NTE-1 of that OBR.
    """

    offset: int
    terminator: bytes
    next_number: int

    def write(self, segments: Sequence[bytes]) -> bytes:
        """Return the bytes to insert at `offset` for these segments."""
        return b"".join(self.terminator + segment for segment in segments)


def is_order_message(header: Header) -> bool:
    """Tell whether MSH-9 is ORM^O01, OMG^O19 or OMI^O23 (a bare `ORM`, as in version 2.1, too)."""
    code = header.message_code
    return code in ORDER_MESSAGES and header.trigger in (ORDER_MESSAGES[code], "")


def read_orders(message: Message) -> list[OrderGroup]:
    """Group the segments of a message into orders, in wire order; one per OBR, or per ORC without one."""
    orders: list[OrderGroup] = []
    for group in _split_groups(message.segments):
        orc = group[0] if group[0].name == "ORC" else None
        shares = orc is None and bool(orders) and orders[-1].orc is not None
        order = _sort_group(group, OrderGroup(len(orders) + 1, orc))
        orders.append(replace(order, orc=orders[-1].orc, shares_orc=True) if shares else order)
    return orders


def _split_groups(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield the segments of each order: from an ORC (or an OBR that has none) to the next."""
    group: list[Segment] = []
    has_obr = False
    for segment in segments:
        name = segment.name
        if name in ("PID", "PV1", "MSH") and group:
            break
        if name == "ORC" or (name == "OBR" and (has_obr or not group)):
            if group:
                yield group
            group = [segment]
            has_obr = name == "OBR"
        elif group:
            group.append(segment)
            has_obr = has_obr or name == "OBR"
    if group:
        yield group


def _sort_group(group: list[Segment], order: OrderGroup) -> OrderGroup:
    """Sort one group's segments into an order's parts."""
    obr: Segment | None = None
    orc_notes: list[Segment] = []
    notes: list[Segment] = []
    diagnoses: list[Segment] = []
    others: list[Segment] = []
    observations: list[tuple[Segment, list[Segment]]] = []
    latest = ""
    for segment in group:
        name = segment.name
        if name == "OBR":
            obr = segment
        elif name == "OBX":
            observations.append((segment, []))
        elif name == "DG1":
            diagnoses.append(segment)
        elif name == "NTE":
            target = orc_notes if obr is None else observations[-1][1] if latest == "OBX" else notes
            target.append(segment)
        elif segment is not order.orc:
            others.append(segment)
        latest = latest if name in ("NTE", "") else name
    return replace(
        order,
        obr=obr,
        orc_notes=tuple(orc_notes),
        notes=tuple(notes),
        observations=tuple(Observation(obx, tuple(own)) for obx, own in observations),
        diagnoses=tuple(diagnoses),
        others=tuple(others),
        broken=any(not segment.name for segment in group),
    )


def patient_parts(message: Message) -> PatientParts:
    """Find what stands before the first ORC or OBR."""
    parts: dict[str, Segment] = {}
    notes: list[Segment] = []
    header_notes: list[Segment] = []
    for segment in message.segments:
        if segment.name in ("ORC", "OBR"):
            break
        if segment.name == "NTE":
            (notes if "PID" in parts else header_notes).append(segment)
        else:
            parts.setdefault(segment.name, segment)
    return PatientParts(parts.get("PID"), parts.get("PV1"), tuple(notes), parts.get("PV2"), tuple(header_notes))


def placer_order_number(message: Message, group: OrderGroup) -> Span | None:
    """Return ORC-2, else OBR-2; the other way round for an OBR that shares its ORC. None when both are empty."""
    return _order_number(message, group, 2)


def filler_order_number(message: Message, group: OrderGroup) -> Span | None:
    """Return ORC-3, else OBR-3; see `placer_order_number`."""
    return _order_number(message, group, 3)


def _order_number(message: Message, group: OrderGroup, number: int) -> Span | None:
    sources = (group.obr, group.orc) if group.shares_orc else (group.orc, group.obr)
    for segment in sources:
        span = message.field(segment, number) if segment is not None else None
        if span is not None and message.bytes(span).strip() not in (b"", b'""'):
            return span
    return None


def placer_key(message: Message, group: OrderGroup) -> bytes:
    """Return the placer order number and its assigning application as `number^application`, or b"".

    Message delimiters are normalised, so that the same order sent with others has the same key. A field that
    repeats counts by its first repetition.
    """
    span = placer_order_number(message, group)
    if span is None:
        return b""
    first = message.repetitions(span, 2)[0]
    number, application = (message.component(first, part) for part in (1, 2))
    key = message.bytes(number).strip() if number else b""
    return key + b"^" + (message.bytes(application).strip() if application else b"") if key else b""


def note_insertion(message: Message, group: OrderGroup) -> NotePlace:
    """Find the place after the last NTE of the block straight behind the OBR, else behind the OBR itself.

    Stray lines are passed over: they are the broken rest of the segment before them.

    Raises:
        ValueError: the group has no OBR.
    """
    if group.obr is None:
        raise ValueError("an order without OBR takes no note")
    segments = message.segments
    anchor, highest = group.obr, 0
    for segment in segments[group.obr.index + 1 :]:
        if segment.name not in ("NTE", ""):
            break
        anchor = segment
        if segment.name == "NTE":
            span = message.field(segment, 1)
            digits = message.bytes(span).strip() if span else b""
            highest = max(highest, int(digits)) if digits.isdigit() and len(digits) < 6 else highest + 1
    return NotePlace(anchor.end, message.terminator_after(anchor), highest + 1)
