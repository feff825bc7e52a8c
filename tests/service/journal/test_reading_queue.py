"""Reading the outbox: order, due times, lanes, and bytes that were damaged on disk (R8)."""

import random
from pathlib import Path

from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Outcome, Park, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.reading_queue import MOST_BYTES
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, payload, record


def test_a_lane_keeps_the_order_of_arrival_whatever_the_clock_says(store: Store, reader: Reader) -> None:
    for number, at in enumerate([T0, T0 + 9e8, T0 - 9e8, T0]):
        record(store, arrival(f"A{number}", at=at))
    assert [one.control_id for one in reader.outbox_head("orders", "orders", 9)] == [b"A0", b"A1", b"A2", b"A3"]
    assert [one.control_id for one in reader.outbox_head("orders", "orders", 2)] == [b"A0", b"A1"]


def test_each_lane_has_one_head_and_the_longest_due_comes_first(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}", lane=f"lane {n % 3}") for n in range(9)])
    assert [one.message_id for one in reader.due("orders", T0)] == [1, 2, 3]
    do(store, MarkAttempt(1, Outcome.REFUSED, "AE", T0 + 30, T0))
    do(store, MarkDelivered(2, b"", T0))
    assert [one.message_id for one in reader.due("orders", T0)] == [3, 5]
    assert [one.message_id for one in reader.due("orders", T0 + 30)] == [3, 5, 1]
    assert [one.message_id for one in reader.due("orders", T0 + 30, limit=1)] == [3]
    assert reader.next_due_at("orders") == 0.0
    lanes = reader.lanes("orders")
    assert [(lane.lane, lane.head, lane.attempts, lane.why) for lane in lanes] == [
        ("lane 2", 3, 0, ""),
        ("lane 1", 5, 0, ""),
        ("lane 0", 1, 1, "AE"),
    ]
    assert reader.lanes() == lanes
    assert reader.lanes(limit=1) == lanes[:1]


def test_an_empty_route_has_nothing_due(reader: Reader) -> None:
    assert reader.outbox_head("orders", "orders") == []
    assert reader.due("orders", T0) == []
    assert reader.next_due_at("orders") is None
    assert reader.lanes() == []


def test_a_message_whose_bytes_changed_on_disk_is_not_handed_out(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2"))
    store._connection.execute(
        "UPDATE payload SET inbound = CAST(replace(inbound, 'LIMITED', 'LIMITEX') AS BLOB) WHERE message_id = 1"
    )
    assert [one.outbound for one in reader.outbox_head("orders", "orders", 2)] == [None, payload("A2")]
    do(store, Park(1, "its bytes are damaged on disk", T0, Outcome.DAMAGED))
    [line] = reader.messages(State.PARKED)
    assert line.why == "its bytes are damaged on disk"
    assert [one.message_id for one in reader.due("orders", T0)] == [2]
    message = reader.message(1)
    assert message is not None
    assert not message.intact


def test_no_flipped_bit_on_disk_reaches_the_destination(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, *[arrival(f"A{n}") for n in range(20)])
    sent = {payload(f"A{n}") for n in range(20)}
    path = tmp_path / "var" / DATABASE
    whole = path.read_bytes()
    places = [place for place in range(len(whole) - 40) if whole.startswith(b"USVENLTDL", place)]
    chance = random.Random(7)
    withheld = 0
    for _ in range(40):
        data = bytearray(whole)
        data[chance.choice(places) + chance.randrange(9)] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        with Reader(tmp_path / "var") as reader:
            handed = [one.outbound for one in reader.outbox_head("orders", "orders", 99)]
        assert set(handed) - {None} <= sent
        withheld += handed.count(None)
    assert withheld > 10  # the rest hit copies that SQLite had left in unused parts of pages


def test_a_reading_of_large_messages_ends_with_the_one_that_passes_its_bytes(store: Store, reader: Reader) -> None:
    large = [arrival(f"A{n}", data=payload(f"A{n}", "x" * (MOST_BYTES // 3)), lane=f"L{n}") for n in range(6)]
    record(store, *large, *[arrival(f"B{n}", data=payload(f"B{n}", "x" * (MOST_BYTES // 3))) for n in range(6)])
    assert [one.control_id for one in reader.outbox_head("orders", "orders", 99)] == [b"B0", b"B1", b"B2"]
    assert [one.control_id for one in reader.due("orders", T0, 99)] == [b"A0", b"A1", b"A2"]
    assert reader.books().queued == 12, "and the connection goes on"
