"""From the wire to the rule: one order group as the text, codes and states the rule reads.

Law: reading only. What decides whether an order is a request (ORC-1, ORC-5) is decided here, once.

Source: ORC-1 table 0119, ORC-5 table 0038 [HL7tables]; VistA sends XO with ORC-5 CM for "examined" [VistAHL7].
"""

from enum import StrEnum

from hl7calf.calf.indication import OrderText
from hl7calf.calf.passages import read_passages
from hl7calf.calf.study import triplets_of
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import tokenize
from hl7calf.wire.message import Message, Segment
from hl7calf.wire.orders import OrderGroup, PatientParts
from hl7calf.wire.text import read_text

STARTED = frozenset({"CM", "CA", "DC", "A", "IP"})
ICD_SYSTEMS = frozenset({"", "I10"})


class Control(StrEnum):
    """What an order control code (ORC-1) asks for, as far as hl7calf cares."""

    REQUEST = "request"  # evaluate
    CHANGE = "change"  # evaluate again; a remembered upgrade is kept
    FOLLOWS = "follows"  # cancel, hold and their like: carries the remembered code
    NUMBER = "number"  # SN asks for an order number: content of a request, but not yet one
    STATUS = "status"  # passes untouched
    UNKNOWN = "unknown"  # no ORC-1: a person decides


REQUESTS = {"NW": Control.REQUEST, "RO": Control.REQUEST, "CH": Control.REQUEST, "XO": Control.CHANGE}
FOLLOWERS = frozenset({"CA", "DC", "HD", "RL", "SC"})


def control_of(order_control: str, order_status: str) -> Control:
    """Tell what ORC-1 asks for, given ORC-5; an order already started is not a request any more."""
    if not order_control:
        return Control.UNKNOWN
    control = REQUESTS.get(order_control.upper())
    if order_control.upper() == "SN":
        return Control.NUMBER
    if control is None:
        return Control.FOLLOWS if order_control.upper() in FOLLOWERS else Control.STATUS
    if order_status.upper() in STARTED:
        return Control.FOLLOWS
    return control


def value(message: Message, segment: Segment | None, number: int, component: int = 1) -> str:
    """Return one component (1-based) of the first repetition of a field as text, "" where there is none."""
    if segment is None:
        return ""
    span = message.field(segment, number)
    if span is None or span.start == span.end:
        return ""
    part = message.component(message.repetitions(span, 2)[0], component)
    return read_text(message, part).value.strip() if part else ""


def read_order_text(
    message: Message, group: OrderGroup, patient: PatientParts, tables: Tables, control: Control
) -> OrderText:
    """Return what the rule reads of this order."""
    now = message.header.field(7).decode("ascii", "replace").strip()
    return OrderText(
        triplets=tuple(triplets_of(message, group)),
        passages=tuple(read_passages(message, group, patient, tables)),
        codes=tuple(_diagnosis_codes(message, group, tables)),
        asks=control in (Control.REQUEST, Control.CHANGE, Control.UNKNOWN, Control.NUMBER),
        is_request=control in (Control.REQUEST, Control.CHANGE, Control.UNKNOWN),
        age=age_at(value(message, patient.pid, 7), now),
        year=int(now[:4]) if now[:4].isdigit() else 9999,
        is_pregnant=value(message, patient.pv1, 15) == "B6",
        body_side=_body_side(message, group, tables),
    )


def _diagnosis_codes(message: Message, group: OrderGroup, tables: Tables) -> list[str]:
    codes = []
    for diagnosis in group.diagnoses:
        system = value(message, diagnosis, 3, 3) or value(message, diagnosis, 2)
        if tables.system_of(system) in ICD_SYSTEMS:
            codes.append(value(message, diagnosis, 3, 1))
    for observation in group.observations:
        if tables.system_of(value(message, observation.obx, 5, 3)) == "I10":
            codes.append(value(message, observation.obx, 5, 1))
    return [c for c in codes if c]


def _body_side(message: Message, group: OrderGroup, tables: Tables) -> str | None:
    """Return the side in OBR-15; codes LT and RT of table 0163 mean left and right thigh and are not read."""
    span = message.field(group.obr, 15) if group.obr is not None else None
    if span is None or span.start == span.end:
        return None
    sides = set()
    for component in message.components(span):
        for part in message.subcomponents(component):
            text = read_text(message, part).value
            if text.strip().upper() not in ("LT", "RT"):
                sides |= {m.concept for m in tables.sides.find(tokenize(text), "name") if m.concept != "none"}
    return next(iter(sides)) if len(sides) == 1 else None


def age_at(born: str, now: str) -> int | None:
    """Return the age in whole years at `now` (both HL7 time stamps), None when either is not a date."""
    if not (born[:4].isdigit() and now[:8].isdigit() and len(now) >= 8):
        return None
    month_day = (born[4:8] + "0101"[len(born[4:8]) :])[:4]
    years = int(now[:4]) - int(born[:4]) - (now[4:8] < month_day)
    return years if 0 <= years < 140 else None
