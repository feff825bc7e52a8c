"""Reading messages: one whole, lists in order, by control ID."""

from hl7calf.service.journal.jobs import MarkDelivered, Park, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import DAY_S, T0, arrival, do, payload, record, upgraded


def numbers(lines: list) -> list[int]:  # type: ignore[type-arg]
    return [line.message_id for line in lines]


def test_a_message_is_explained_whole(store: Store, reader: Reader) -> None:
    found = upgraded("A1")
    record(store, arrival("A1", found=found, answer_code="CA", answer=b"MSA|CA|A1"))
    do(store, MarkDelivered(1, b"MSA|AA|A1", T0 + 1))
    message = reader.message(1)
    assert message is not None
    assert (message.answer_code, message.answer) == ("CA", b"MSA|CA|A1")
    assert message.reasons == found.reasons
    assert (message.line.action, message.line.peer_host, message.line.envelope.control_id) == (
        "upgrade",
        "192.0.2.1",
        b"A1",
    )
    assert message.entry is not None
    [change] = message.entry.content["orders"][0]["modifications"]
    assert (change["before"], change["after"]) == (
        "USVENLTDL^US VENOUS LIMITED LEFT^L",
        "USVENCOML^US VENOUS COMPLETE LEFT^L",
    )
    at = change["offset"]
    undone = message.outbound[:at] + change["before"].encode() + message.outbound[at + len(change["after"]) :]
    assert undone == message.inbound


def test_a_message_that_was_left_alone_is_explained_too(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    message = reader.message(1)
    assert message is not None
    assert (message.entry, message.reasons, message.line.action) == (None, ("no word of the rule",), "pass")


def test_there_is_no_message_of_that_number(reader: Reader) -> None:
    assert reader.message(1) is None
    assert reader.by_control_id(b"A1") == []
    assert reader.payloads() == []


def test_lists_come_in_pages_in_the_order_of_arrival(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}", route="ab"[n % 2]) for n in range(10)])
    for number in (3, 4, 7, 8):
        do(store, Park(number, "x", T0))
    do(store, MarkDelivered(1, b"", T0))
    assert numbers(reader.messages(limit=4)) == [1, 2, 3, 4]
    assert numbers(reader.messages(after=4, limit=4)) == [5, 6, 7, 8]
    assert numbers(reader.messages(State.PARKED)) == [3, 4, 7, 8]
    assert numbers(reader.messages(State.PARKED, after=3, limit=2)) == [4, 7]
    assert numbers(reader.messages(State.PARKED, "a")) == [3, 7]
    assert numbers(reader.messages(State.QUEUED)) == [2, 5, 6, 9, 10]
    assert numbers(reader.messages(State.QUEUED, "b", after=2)) == [6, 10]
    assert numbers(reader.messages(State.DELIVERED)) == [1]
    assert numbers(reader.messages(route="b")) == [2, 4, 6, 8, 10]


def test_messages_since_a_time(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2", at=T0 + 5))
    assert numbers(reader.messages(since=T0 + 5)) == [2]
    assert numbers(reader.messages(State.QUEUED, since=T0 + 5)) == [2]


def test_a_control_id_finds_its_messages_over_all_days_newest_first(store: Store, reader: Reader) -> None:
    for day in (0, 1, 40):
        record(
            store, arrival("MSG1", data=payload("MSG1", f"day {day}"), at=T0 + day * DAY_S), arrival(f"B{day}", at=T0)
        )
    assert numbers(reader.by_control_id(b"MSG1")) == [5, 3, 1]
    assert numbers(reader.by_control_id(b"MSG1", limit=2)) == [5, 3]
    assert reader.by_control_id(b"MSG") == []


def test_stored_messages_can_be_sent_again_as_they_came(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", found=upgraded("A1")), arrival("A2", at=T0 + 5), arrival("A3", at=T0 + 9))
    store._connection.execute("UPDATE payload SET inbound = x'00' WHERE message_id = 2")
    assert [data for _, data in reader.payloads()] == [payload("A1"), payload("A3")]
    assert [data for _, data in reader.payloads(limit=1)] == [payload("A1")]
    assert [data for _, data in reader.payloads(after=1, limit=1)] == [payload("A3")]  # what is damaged is passed over
    assert [line.message_id for line, _ in reader.payloads(since=T0 + 6)] == [3]
    assert [line.message_id for line, _ in reader.payloads(control_id=b"A1")] == [1]
    assert reader.payloads(control_id=b"A1", after=1) == []
    assert reader.payloads(control_id=b"A1", since=T0 + 1) == []
