"""Recording what came in: states, bytes, duplicates, order memory."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from hl7calf.calf.verdict import Action, Fault
from hl7calf.service.journal.arrivals import duplicate_digest
from hl7calf.service.journal.jobs import (
    HELD_FOR_REVIEW,
    Envelope,
    MarkDelivered,
    Park,
    Receipt,
    Recorded,
    Release,
    Skip,
    State,
)
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, payload, record, upgraded, verdict


def test_an_accepted_message_is_queued_with_the_bytes_that_came(store: Store, reader: Reader) -> None:
    recorded = do(store, arrival("A1"))
    assert (recorded.ack, recorded.state, recorded.duplicate_of) == ("AA", State.QUEUED, None)
    [queued] = reader.outbox_head("orders", "orders")
    assert queued.outbound == payload("A1")
    assert queued.control_id == b"A1"
    assert not queued.possible_duplicate


def test_a_changed_message_keeps_both_sides(store: Store, reader: Reader) -> None:
    found = upgraded()
    number = do(store, arrival(found=found)).message_id
    message = reader.message(number)
    assert message is not None
    assert (message.inbound, message.outbound) == (found.payload, found.outbound)
    assert message.line.changed
    assert message.intact
    [queued] = reader.outbox_head("orders", "orders")
    assert queued.outbound == found.outbound


def test_a_message_that_cannot_be_read_is_quarantined_and_never_queued(store: Store, reader: Reader) -> None:
    fault = Fault("H_NO_MSH", "no header")
    job = replace(arrival(forward=False, fault=fault), verdict=None)
    recorded = do(store, job)
    assert (recorded.ack, recorded.state) == ("AR", State.QUARANTINED)
    assert reader.outbox_head("orders", "orders") == []
    [line] = reader.messages(State.QUARANTINED)
    assert line.fault_code == "H_NO_MSH"
    message = reader.message(line.message_id)
    assert message is not None
    assert message.fault_why == "no header"


def test_a_refused_message_that_nobody_need_look_at_is_rejected(store: Store) -> None:
    recorded = do(store, arrival(forward=False, quarantine=False, fault=Fault("H_BATCH", "no batches here", "AE")))
    assert (recorded.ack, recorded.state) == ("AE", State.REJECTED)


def test_a_fault_of_vetting_does_not_stop_the_original(store: Store, reader: Reader) -> None:
    data = payload()
    found = verdict(data, fault=Fault("V_FAILED", "the rule failed", "AA"))
    recorded = do(store, arrival(found=found))
    assert (recorded.ack, recorded.state) == ("AA", State.QUEUED)
    assert reader.outbox_head("orders", "orders")[0].outbound == data
    [entry] = reader.entries()
    assert entry.content["fault"] == {"code": "V_FAILED", "why": "the rule failed"}


def test_a_resend_is_acknowledged_again_and_not_forwarded_again(store: Store, reader: Reader) -> None:
    first = do(store, arrival("A1", answer=b"MSA|AA|A1", port=1))
    again = do(store, arrival("A1", answer=b"another", port=2, at=T0 + 60))
    assert (again.message_id, again.duplicate_of) == (first.message_id, first.message_id)
    assert (again.ack, again.answer) == ("AA", b"MSA|AA|A1")
    assert len(reader.outbox_head("orders", "orders", 10)) == 1
    books = reader.books()
    assert (books.received, books.duplicates) == (1, 1)
    message = reader.message(first.message_id)
    assert message is not None
    assert [line.outcome for line in message.history] == ["resent"]


def test_a_resend_in_the_same_transaction_is_recognised(store: Store, reader: Reader) -> None:
    first, again = store.run([arrival("A1"), arrival("A1")])
    assert first.duplicate_of is None  # type: ignore[union-attr]
    assert again.duplicate_of == first.message_id  # type: ignore[union-attr]
    assert reader.books().received == 1


def test_a_resend_of_what_was_delivered_brings_the_destinations_answer(store: Store) -> None:
    [number] = record(store, arrival("A1"))
    do(store, MarkDelivered(number, b"MSA|AA|A1|from the RIS", T0))
    again = do(store, arrival("A1"))
    assert (again.state, again.delivered_ack) == (State.DELIVERED, b"MSA|AA|A1|from the RIS")


def test_a_resend_of_a_parked_message_stays_parked(store: Store, reader: Reader) -> None:
    [number] = record(store, arrival("A1"))
    do(store, Park(number, "refused", T0))
    assert do(store, arrival("A1")).state is State.PARKED
    assert reader.outbox_head("orders", "orders") == []


def test_the_same_control_id_with_other_bytes_is_a_new_message(store: Store, reader: Reader) -> None:
    record(store, arrival("MSG001", data=payload("MSG001", "one")), arrival("MSG001", data=payload("MSG001", "two")))
    assert len(reader.outbox_head("orders", "orders", 10)) == 2
    assert [line.message_id for line in reader.by_control_id(b"MSG001")] == [2, 1]


def test_the_same_message_from_another_peer_or_on_another_route_is_new(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A1", host="192.0.2.2"), arrival("A1", route="other"))
    assert reader.books().received == 3


def test_messages_without_control_id_are_never_taken_for_resends(store: Store, reader: Reader) -> None:
    one = arrival("")
    record(store, one, one)
    assert reader.books().received == 2


def test_a_refused_message_that_is_sent_again_is_judged_again(store: Store) -> None:
    do(store, arrival("A1", forward=False, fault=Fault("H_MSH_SHORT", "short")))
    again = do(store, arrival("A1"))
    assert (again.duplicate_of, again.state) == (None, State.QUEUED)


def test_a_resend_is_recognised_after_a_restart(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
    with opened(tmp_path) as store:
        assert do(store, arrival("A1")).duplicate_of == 1


def test_a_resend_of_a_skipped_message_is_not_forwarded(store: Store, reader: Reader) -> None:
    [number] = record(store, arrival("A1"))
    do(store, Skip(number, "ada", "sent by telephone", T0))
    assert do(store, arrival("A1")).duplicate_of == number
    assert reader.outbox_head("orders", "orders") == []


def test_what_was_done_to_an_order_is_remembered_and_can_be_forgotten(store: Store, reader: Reader) -> None:
    found = upgraded("A1")
    do(store, arrival(found=found))
    assert reader.remembered(b"P-1^CPOE") == found.remember[0]
    other = verdict(payload("A2"), forget=(b"P-1^CPOE",), action=Action.PASS)
    do(store, arrival("A2", found=other))
    assert reader.remembered(b"P-1^CPOE") is None


def test_a_resend_does_not_touch_the_order_memory(store: Store, reader: Reader) -> None:
    found = upgraded("A1")
    do(store, arrival("A1", found=found))
    do(store, arrival("A2", found=verdict(payload("A2"), forget=(b"P-1^CPOE",))))
    assert do(store, arrival("A1", found=found)).duplicate_of == 1
    assert reader.remembered(b"P-1^CPOE") is None


def test_a_resend_writes_no_second_log_entry(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"))
    do(store, arrival("A1", placer="P-1"))
    assert len(reader.entries()) == 1


def test_long_control_ids_that_begin_alike_are_told_apart(store: Store, reader: Reader) -> None:
    ids = ["X" * 40 + "1", "X" * 40 + "2"]
    record(store, *[arrival(one) for one in ids])
    assert [do(store, arrival(one)).duplicate_of for one in ids] == [1, 2]


PARTS = st.binary(max_size=3)


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
@example((b"a", b"", b""), (b"", b"a", b""))
@example((b"", b"", b"x"), (b"", b"x", b""))
def test_no_two_different_headers_read_as_the_same_message(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> None:
    def digest(parts: tuple[bytes, ...]) -> bytes:
        envelope = Envelope(sending_application=parts[0], sending_facility=parts[1], control_id=b"x" + parts[2])
        return duplicate_digest(Receipt("r", "h", 1, T0, b"", envelope), b"")

    assert (digest(one) == digest(other)) == (one == other)


def test_a_message_to_be_looked_at_is_parked_in_the_transaction_that_records_it(store: Store, reader: Reader) -> None:
    held, behind, other = store.run(
        [arrival("A1", placer="P-1", park=HELD_FOR_REVIEW), arrival("A2", placer="P-1"), arrival("A3", placer="P-2")]
    )
    assert isinstance(held, Recorded) and isinstance(behind, Recorded) and isinstance(other, Recorded)
    assert [(one.state, one.held, one.ack) for one in (held, behind, other)] == [
        (State.PARKED, True, "AA"), (State.QUEUED, True, "AA"), (State.QUEUED, False, "AA"),
    ]  # fmt: skip
    assert do(store, arrival("A4", placer="P-1")).held, "also in a later transaction"
    assert [one.message_id for one in reader.outbox_head("orders", "orders", 9)] == [3]
    [parked] = reader.messages(State.PARKED)
    assert (parked.message_id, parked.why) == (1, HELD_FOR_REVIEW)
    message = reader.message(1)
    assert message is not None and [line.outcome for line in message.history] == ["parked"]
    assert [entry.kind for entry in reader.entries()].count("parked") == 1
    assert reader.books().balanced and reader.recount() == reader.books_by_route()


def test_what_waits_behind_it_goes_when_it_is_released_in_its_old_order(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1", park=HELD_FOR_REVIEW), arrival("A2", placer="P-1"))
    moved = do(store, Release(1, "anna", "looked at", T0))
    assert (moved.before, moved.after, moved.affected) == (State.PARKED, State.QUEUED, 1)
    assert [one.message_id for one in reader.outbox_head("orders", "orders", 9)] == [1, 2]


def test_a_resend_of_a_parked_message_is_no_second_one(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", park=HELD_FOR_REVIEW))
    again = do(store, arrival("A1", park=HELD_FOR_REVIEW))
    assert (again.duplicate_of, again.state) == (1, State.PARKED)
    assert reader.books().parked == 1
