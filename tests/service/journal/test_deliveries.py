"""Recording what went out: each way a message can move, and what it leaves in history, books and log."""

import pytest

from hl7calf.calf.verdict import Fault
from hl7calf.service.journal.deliveries import CUT_SHORT
from hl7calf.service.journal.jobs import (
    MarkAttempt,
    MarkDelivered,
    NotPossible,
    Outcome,
    Park,
    Release,
    Retry,
    Skip,
    State,
)
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, payload, record


def outcomes(reader: Reader, number: int) -> list[tuple[str, int]]:
    message = reader.message(number)
    assert message is not None
    return [(line.outcome, line.times) for line in message.history]


def attempt(
    number: int, outcome: Outcome, why: str = "no answer in 30 s", at: float = T0, counts: bool = True
) -> MarkAttempt:
    return MarkAttempt(number, outcome, why, at + 5, at, counts)


def test_a_delivered_message_leaves_the_outbox_and_keeps_the_acknowledgment(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2"))
    moved = do(store, MarkDelivered(1, b"MSA|AA|A1", T0 + 1))
    assert (moved.before, moved.after) == (State.QUEUED, State.DELIVERED)
    assert [one.message_id for one in reader.outbox_head("orders", "orders", 9)] == [2]
    message = reader.message(1)
    assert message is not None
    assert (message.line.state, message.line.finished_at) == (State.DELIVERED, T0 + 1)
    assert (message.history[0].ack_code, message.history[0].ack) == ("AA", b"MSA|AA|A1")
    assert store._connection.execute("SELECT count(*) FROM hold").get == 0


def test_marking_twice_changes_nothing(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, MarkDelivered(1, b"a", T0))
    assert do(store, MarkDelivered(1, b"b", T0)).before is State.DELIVERED
    assert outcomes(reader, 1) == [("delivered", 1)]
    assert reader.books().delivered == 1


def test_a_failed_attempt_is_counted_against_its_own_budget_only(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    assert do(store, attempt(1, Outcome.UNREACHABLE, counts=False)).attempts == 0
    assert do(store, attempt(1, Outcome.REFUSED)).attempts == 1
    assert do(store, attempt(1, Outcome.REFUSED)).attempts == 2
    [queued] = reader.outbox_head("orders", "orders")
    assert (queued.attempts, queued.next_attempt_at, queued.possible_duplicate) == (2, T0 + 5, False)
    assert reader.due("orders", T0) == []
    assert [one.message_id for one in reader.due("orders", T0 + 5)] == [1]
    assert reader.next_due_at("orders") == T0 + 5


def test_equal_attempts_in_a_row_are_one_line(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    for second in range(100):
        do(store, attempt(1, Outcome.UNREACHABLE, "connection refused", T0 + second))
    do(store, attempt(1, Outcome.UNKNOWN))
    do(store, attempt(1, Outcome.UNREACHABLE, "connection refused"))
    assert outcomes(reader, 1) == [("unreachable", 100), ("unknown", 1), ("unreachable", 1)]
    message = reader.message(1)
    assert message is not None
    assert (message.history[0].at, message.history[0].last_at) == (T0, T0 + 99)


def test_an_unanswered_send_marks_the_next_as_possible_duplicate_for_good(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, attempt(1, Outcome.UNKNOWN))
    do(store, attempt(1, Outcome.UNREACHABLE))
    assert reader.outbox_head("orders", "orders")[0].possible_duplicate


def test_a_parked_message_says_why_and_the_log_says_so(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, Park(1, "AR: unknown patient class", T0, ack_code="AR", ack=b"MSA|AR|A1"))
    [line] = reader.messages(State.PARKED)
    assert line.why == "AR: unknown patient class"
    assert outcomes(reader, 1) == [("refused", 1), ("parked", 1)]
    [entry] = reader.entries()
    assert (entry.kind, entry.message_id, entry.content["reason"]) == ("parked", 1, "AR: unknown patient class")
    [route] = reader.status().routes
    assert (route.last_error, route.oldest_parked_at, route.oldest_queued_at) == ("AR: unknown patient class", T0, None)


def test_what_a_person_does_is_written_with_name_and_reason(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, Park(1, "wait for the RIS", T0, user="ada"))
    do(store, Release(1, "grace", "RIS is back", T0))
    do(store, Retry(1, "grace", "now", T0))
    do(store, Skip(1, "ada", "sent by telephone", T0))
    told = [
        (one.kind, one.content["user"], one.content["reason"], one.content["details"]["do"]) for one in reader.entries()
    ]
    assert told == [
        ("queue", "ada", "wait for the RIS", "park"),
        ("queue", "grace", "RIS is back", "release"),
        ("queue", "grace", "now", "retry"),
        ("queue", "ada", "sent by telephone", "skip"),
    ]
    assert outcomes(reader, 1) == [("parked", 1), ("released", 1), ("retried", 1), ("skipped", 1)]
    message = reader.message(1)
    assert message is not None
    assert [line.user for line in message.history] == ["ada", "grace", "grace", "ada"]


def test_a_retry_gives_a_fresh_budget_and_tries_at_once(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, attempt(1, Outcome.REFUSED))
    do(store, Retry(1, "ada", "now", T0))
    [queued] = reader.due("orders", T0)
    assert queued.attempts == 0


def test_a_released_message_takes_its_old_place(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2"))
    do(store, Park(1, "x", T0))
    assert [one.message_id for one in reader.due("orders", T0)] == [2]
    do(store, Release(1, "ada", "r", T0))
    assert [one.message_id for one in reader.due("orders", T0)] == [1]


def test_an_acknowledgment_counts_although_a_person_skipped_or_parked_meanwhile(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2", placer="P-1"), arrival("A3"))
    do(store, Park(1, "x", T0, user="ada"))
    do(store, Skip(3, "ada", "x", T0))
    assert do(store, MarkDelivered(1, b"", T0)).affected == 1
    assert do(store, MarkDelivered(3, b"", T0)).before is State.REJECTED
    assert [one.message_id for one in reader.outbox_head("orders", "orders", 9)] == [2]
    books = reader.books()
    assert (books.delivered, books.rejected, books.queued, books.balanced) == (2, 0, 1, True)


@pytest.mark.parametrize(
    ("job", "why"),
    [
        (Release(1, "ada", "r", T0), "queued, not parked or quarantined"),
        (Retry(2, "ada", "r", T0), "quarantined, not queued or parked"),
        (Park(2, "x", T0), "quarantined, not queued"),
        (Retry(3, "ada", "r", T0), "delivered, not queued or parked"),
        (Skip(3, "ada", "r", T0), "delivered, not queued or parked or quarantined"),
        (Park(3, "x", T0), "delivered, not queued"),
        (attempt(3, Outcome.REFUSED), "delivered; it is not being sent"),
        (MarkDelivered(2, b"", T0), "quarantined; it was never to be sent"),
        (Skip(9, "ada", "r", T0), "no message 9"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_state_does_not_allow_changes_nothing(store: Store, reader: Reader, job: object, why: str) -> None:
    record(store, arrival("A1"), arrival("A2", forward=False), arrival("A3"))
    do(store, MarkDelivered(3, b"", T0))
    before = (reader.books(), reader.head(), reader.messages())
    with pytest.raises(NotPossible, match=why):
        do(store, job)  # type: ignore[arg-type]
    assert (reader.books(), reader.head(), reader.messages()) == before


def test_what_is_in_quarantine_is_released_as_it_came_in_its_old_place(store: Store, reader: Reader) -> None:
    record(
        store, arrival("A1"), arrival("A2", forward=False, fault=Fault("H_NO_MSH", "no header", "AR")), arrival("A3")
    )
    do(store, MarkDelivered(1, b"", T0))
    moved = do(store, Release(2, "ada", "radiology reads it", T0 + 1))
    assert (moved.before, moved.after) == (State.QUARANTINED, State.QUEUED)
    waiting = reader.outbox_head("orders", "orders", 9)
    assert [one.message_id for one in waiting] == [2, 3]
    assert waiting[0].outbound == payload("A2")
    assert [one.message_id for one in reader.due("orders", T0 + 9)] == [2], "it is the next of its lane"
    assert reader.books() == reader.recount()["orders"] and reader.books().balanced
    (entry,) = reader.entries()
    assert (entry.content["user"], entry.content["details"]["do"]) == ("ada", "release")
    do(store, MarkDelivered(2, b"", T0 + 2))
    assert (reader.books().delivered, reader.books().quarantined) == (2, 0)


@pytest.mark.parametrize("code", CUT_SHORT)
def test_half_a_message_cannot_be_released_but_given_up(store: Store, reader: Reader, code: str) -> None:
    record(store, arrival("A1", forward=False, fault=Fault(code, "cut", "AR")))
    with pytest.raises(NotPossible, match="only a part"):
        do(store, Release(1, "ada", "r", T0))
    assert reader.outbox_head("orders", "orders", 9) == []
    assert reader.status().routes[0].newest_quarantined_at == T0
    do(store, Skip(1, "ada", "the sender knows", T0))
    assert (reader.books().quarantined, reader.books().rejected) == (0, 1) and reader.books().balanced
    assert reader.status().routes[0].newest_quarantined_at is None


def test_parking_twice_is_parking_once(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, Park(1, "x", T0))
    assert do(store, Park(1, "y", T0)).before is State.PARKED
    assert reader.books().parked == 1


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.MISMATCHED, Outcome.GARBLED])
def test_what_may_have_arrived_before_is_marked_in_history_and_log_when_it_is_delivered(
    store: Store, reader: Reader, outcome: Outcome
) -> None:
    record(store, arrival("A1"))
    do(store, attempt(1, outcome))
    do(store, MarkDelivered(1, b"MSA|AA|A1", T0 + 9))
    message = reader.message(1)
    assert message is not None and "twice" in message.history[-1].why
    assert [(one.kind, one.message_id) for one in reader.entries()] == [("sent-again", 1)]


def test_what_was_parked_without_an_answer_is_marked_when_it_is_sent_again(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, Park(1, "no answer", T0, Outcome.UNKNOWN))
    do(store, Release(1, "anna", "try again", T0))
    assert reader.outbox_head("orders", "orders")[0].possible_duplicate


def test_what_was_refused_has_not_arrived_and_is_not_marked(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    do(store, attempt(1, Outcome.REFUSED))
    do(store, MarkDelivered(1, b"MSA|AA|A1", T0 + 9))
    assert reader.entries() == []
