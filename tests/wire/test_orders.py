"""Each order's segments, and only its own; where its note goes."""

import time

import pytest

from hl7calf.wire.header import read_header
from hl7calf.wire.message import Message, Segment, read_message
from hl7calf.wire.orders import (
    NotePlace,
    OrderGroup,
    filler_order_number,
    is_order_message,
    note_insertion,
    patient_parts,
    placer_key,
    placer_order_number,
    read_orders,
)

MSH = b"MSH|^~\\&|CPOE|H|RIS|R|2026||ORM^O01|C1|P|2.4"


def message_of(*segments: bytes, end: bytes = b"\r", header: bytes = MSH, unended: bool = False) -> Message:
    return read_message(end.join([header, *segments]) + (b"" if unended else end))


def shown(message: Message, segments: tuple[Segment, ...]) -> list[bytes]:
    return [message.bytes(segment) for segment in segments]


def only(message: Message) -> OrderGroup:
    (order,) = read_orders(message)
    return order


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (b"ORM^O01", True),
        (b"ORM^O01^ORM_O01", True),
        (b"ORM", True),
        (b"OMG^O19^OMG_O19", True),
        (b"OMI^O23", True),
        (b"ORM^O02", False),
        (b"OML^O21", False),
        (b"ORU^R01", False),
        (b"ORR^O02", False),
        (b"", False),
    ],
)
def test_order_messages_are_known_by_msh_9(kind: bytes, answer: bool) -> None:
    assert is_order_message(read_header(b"MSH|^~\\&|A||||||" + kind + b"|1|P|2.4")) is answer


def test_segments_go_to_the_part_they_belong_to() -> None:
    message = message_of(
        b"NTE|1||header", b"PID|1", b"NTE|1||patient", b"PV1|1|O", b"PV2|1", b"IN1|1",
        b"ORC|NW|P1", b"NTE|1||orc", b"TQ1|1", b"OBR|1|P1||A", b"ZDS|1.2", b"NTE|1||obr", b"NTE|2||obr", b"DG1|1", b"DG1|2",
        b"NTE|1||late", b"OBX|1|TX|A", b"NTE|1||obx", b"NTE|2||obx", b"OBX|2|TX|B", b"FT1|1", b"BLG|1",
    )  # fmt: skip
    order = only(message)
    assert order.position == 1
    assert order.orc and message.bytes(order.orc) == b"ORC|NW|P1"
    assert order.obr and message.bytes(order.obr) == b"OBR|1|P1||A"
    assert shown(message, order.orc_notes) == [b"NTE|1||orc"]
    assert shown(message, order.notes) == [b"NTE|1||obr", b"NTE|2||obr", b"NTE|1||late"]
    assert shown(message, order.diagnoses) == [b"DG1|1", b"DG1|2"]
    assert [message.bytes(o.obx) for o in order.observations] == [b"OBX|1|TX|A", b"OBX|2|TX|B"]
    assert shown(message, order.observations[0].notes) == [b"NTE|1||obx", b"NTE|2||obx"]
    assert [s.name for s in order.others] == ["TQ1", "ZDS", "FT1", "BLG"]
    assert not order.broken and not order.shares_orc
    parts = patient_parts(message)
    assert parts.pid and parts.pv1 and parts.pv2
    assert shown(message, parts.notes) == [b"NTE|1||patient"]
    assert shown(message, parts.header_notes) == [b"NTE|1||header"]


def test_each_order_has_its_own_segments() -> None:
    message = message_of(
        b"PID|1", b"ORC|NW|P1", b"OBR|1|P1", b"DG1|1", b"ORC|NW|P2", b"OBR|2|P2", b"NTE|1||two", b"ORC|CA|P3", b"ORC|NW|P4", b"OBR|4|P4"
    )  # fmt: skip
    orders = read_orders(message)
    assert [order.position for order in orders] == [1, 2, 3, 4]
    assert [placer_key(message, order) for order in orders] == [b"P1^", b"P2^", b"P3^", b"P4^"]
    assert [len(order.diagnoses) for order in orders] == [1, 0, 0, 0]
    assert [len(order.notes) for order in orders] == [0, 1, 0, 0]
    assert orders[2].obr is None


def test_an_obr_without_orc_is_an_order() -> None:
    message = message_of(b"PID|1", b"OBR|1|P1^CPOE|F1^RIS", b"OBR|2|P2")
    first, second = read_orders(message)
    assert first.orc is None and second.orc is None and not second.shares_orc
    assert placer_key(message, first) == b"P1^CPOE"
    filler = filler_order_number(message, first)
    assert filler and message.bytes(filler) == b"F1^RIS"


def test_obrs_under_one_orc_share_it_and_keep_their_own_numbers() -> None:
    message = message_of(b"ORC|NW|G1", b"OBR|1|P1", b"OBX|1", b"OBR|2|P2", b"OBR|3|")
    orders = read_orders(message)
    assert [order.orc is orders[0].orc for order in orders] == [True, True, True]
    assert [order.shares_orc for order in orders] == [False, True, True]
    assert [placer_key(message, order) for order in orders] == [b"G1^", b"P2^", b"G1^"]


def test_a_prior_result_after_a_second_pid_is_no_order() -> None:
    omg = MSH.replace(b"ORM^O01", b"OMG^O19")
    message = message_of(
        b"PID|1", b"ORC|NW|P1", b"OBR|1|P1", b"PID|1", b"PV1|1", b"ORC|RE|OLD", b"OBR|1|OLD", header=omg
    )
    assert [placer_key(message, order) for order in read_orders(message)] == [b"P1^"]


def test_the_order_number_is_orc_2_else_obr_2() -> None:
    message = message_of(b'ORC|NW|""|', b"OBR|1|P1^CPOE^1.2.3^ISO~P9|F1")
    assert placer_key(message, only(message)) == b"P1^CPOE"
    message = message_of(b"ORC|NW", b"OBR|1")
    assert placer_order_number(message, only(message)) is None
    assert filler_order_number(message, only(message)) is None
    assert placer_key(message, only(message)) == b""
    message = message_of(b"ORC|NW|^CPOE", b"OBR|1")
    assert placer_key(message, only(message)) == b""


def test_the_key_is_the_same_under_other_delimiters() -> None:
    message = read_message(rb"MSH^~|\&^A^^^^^^ORM~O01^1^P^2.3" + b"\rORC^NW^P1~CPOE\rOBR^1\r")
    assert placer_key(message, only(message)) == b"P1^CPOE"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("segments", "anchor", "number"),
    [
        ([b"OBR|1"], b"OBR|1", 1),
        ([b"OBR|1", b"OBX|1", b"NTE|7||obx"], b"OBR|1", 1),
        ([b"OBR|1", b"NTE|1||a", b"NTE|2||b", b"DG1|1", b"NTE|9||dg1"], b"NTE|2||b", 3),
        ([b"OBR|1", b"NTE|4||a", b"NTE|2||b", b"ZDS|1"], b"NTE|2||b", 5),
        ([b"OBR|1", b"NTE|||a", b"NTE|||b"], b"NTE|||b", 3),
        ([b"OBR|1", b"NTE"], b"NTE", 2),
        ([b"OBR|1", b"NTE|123456789012||a"], b"NTE|123456789012||a", 2),
        ([b"OBR|1|x", b"stray rest"], b"stray rest", 1),
        ([b"OBR|1", b"NTE|1||a", b"stray", b"NTE|2||b", b"more", b"OBX|1"], b"more", 3),
    ],
)
def test_a_note_goes_behind_the_last_note_of_its_obr(
    end: bytes, segments: list[bytes], anchor: bytes, number: int
) -> None:
    for unended in (False, True):
        message = message_of(b"ORC|NW|P1", *segments, end=end, unended=unended)
        place = note_insertion(message, only(message))
        assert message.payload[: place.offset].endswith(end + anchor)
        assert message.payload[place.offset : place.offset + len(end)] in (end, b"")
        assert (place.terminator, place.next_number) == (end, number)
        written = (
            message.payload[: place.offset] + place.write([b"NTE|8||x", b"NTE|9||y"]) + message.payload[place.offset :]
        )
        names = [segment.name for segment in read_message(written).segments]
        assert "".join(names).count("NTE") == sum(s.startswith(b"NTE") for s in segments) + 2
        assert len(names) == 2 + len(segments) + 2


def test_a_note_takes_the_end_used_at_that_place() -> None:
    message = read_message(MSH + b"\rORC|NW|P1\r\nOBR|1\nOBX|1\r")
    assert note_insertion(message, only(message)) == NotePlace(message.payload.index(b"\nOBX"), b"\n", 1)


def test_an_order_without_obr_takes_no_note() -> None:
    message = message_of(b"ORC|CA|P1")
    with pytest.raises(ValueError, match="without OBR"):
        note_insertion(message, only(message))


def test_a_stray_line_marks_its_order_broken() -> None:
    message = message_of(b"ORC|NW|P1", b"OBR|1|P1||A|||||||||first", b"second line|x", b"ORC|NW|P2", b"OBR|2")
    assert [order.broken for order in read_orders(message)] == [True, False]


def test_two_messages_in_one_payload_never_mix_their_orders() -> None:
    message = message_of(b"ORC|NW|P1", b"OBR|1", MSH, b"ORC|NW|P2", b"OBR|1")
    assert [placer_key(message, order) for order in read_orders(message)] == [b"P1^"]


def test_many_orders_cost_linear_time() -> None:
    started = time.process_time()
    message = message_of(*[b"ORC|NW|P1", b"OBR|1|P1", b"NTE|1||x"] * 33_000)
    assert len(read_orders(message)) == 33_000
    message = message_of(b"OBR|1", *[b"NTE|1||x"] * 100_000)
    assert note_insertion(message, only(message)).next_number == 2
    assert time.process_time() - started < 4
