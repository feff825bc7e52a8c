"""A held order raised by a reviewer: new bytes, order memory, log entry and move in one transaction, or nothing."""

from dataclasses import replace

import pytest

from hl7calf.calf.verdict import Action, Verdict
from hl7calf.service.journal import desk
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, CarryOut, NotPossible, Park, Raise, Release, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import LogFilter
from tests.service.journal.building import T0, arrival, do, order, record, upgraded, verdict


def looked_at(control_id: str = "A1", placer: str = "P-1") -> Verdict:
    """The review of the same bytes that `upgraded` raises."""
    return verdict(upgraded(control_id, placer).payload, [order(placer, Action.REVIEW)], control_id=control_id)


def held(store: Store, control_id: str = "A1", placer: str = "P-1") -> int:
    return record(store, arrival(control_id, found=looked_at(control_id, placer), park=HELD_FOR_REVIEW))[0]


def raising(number: int, found: Verdict | None = None) -> Raise:
    return Raise(number, found or upgraded(), "rahel", "seen with the ward", T0 + 60)


def test_the_raised_bytes_go_out_and_the_original_stays(store: Store, reader: Reader) -> None:
    number = held(store)
    moved = do(store, raising(number))
    assert (moved.before, moved.after) == (State.PARKED, State.QUEUED)
    [item] = reader.outbox_head("orders", "orders", 5)
    assert item.outbound == upgraded().outbound
    message = reader.message(number)
    assert message is not None and message.intact
    assert (message.inbound, message.outbound) == (upgraded().payload, upgraded().outbound)
    assert (message.line.action, message.line.changed, message.line.state) == ("upgrade", True, State.QUEUED)
    assert [(step.outcome, step.user, step.why) for step in message.history][-1] == (
        "raised", "rahel", "seen with the ward",
    )  # fmt: skip
    assert reader.status().balanced


def test_the_entry_names_the_reviewer_and_every_span_and_the_chain_is_whole(store: Store, reader: Reader) -> None:
    number = held(store)
    before = reader.message(number)
    do(store, raising(number))
    [entry] = reader.entries(LogFilter(kind="raised"))
    assert before is not None and before.entry is not None
    assert (entry.action, entry.control_id, entry.message_id) == ("upgrade", "A1", number)
    content = entry.content
    assert (content["user"], content["reason"]) == ("rahel", "seen with the ward")
    assert content["details"] == {"do": "raise", "decided_before_in": str(before.entry.sequence), "freed": "0"}
    [one] = content["orders"]
    assert one["modifications"][0]["before"] == "USVENLTDL^US VENOUS LIMITED LEFT^L"
    assert content["sha256_in"] != content["sha256_out"] == reader.message(number).sha256_out.hex()  # type: ignore[union-attr]  # both are there, or it fails
    assert reader.message(number).entry.sequence == entry.sequence  # type: ignore[union-attr]  # both are there, or it fails
    assert [one.sequence for one in reader.entries(LogFilter(placer="P-1"))][-1] == entry.sequence
    assert reader.verify().ok


def test_a_later_change_or_cancel_finds_the_upgrade_remembered(store: Store, reader: Reader) -> None:
    do(store, raising(held(store)))
    kept = reader.remembered(b"P-1^CPOE")
    assert kept is not None and kept.after[0] == "USVENCOML"


def test_others_behind_it_go_on_in_their_order(store: Store, reader: Reader) -> None:
    first = held(store)
    record(store, arrival("A2", placer="P-2"))
    do(store, raising(first))
    assert [item.control_id for item in reader.outbox_head("orders", "orders", 5)] == [b"A1", b"A2"]


def nothing_changed(reader: Reader, number: int) -> None:
    message = reader.message(number)
    assert message is not None and message.outbound == message.inbound and message.line.action == "review"
    assert reader.remembered(b"P-1^CPOE") is None
    assert not reader.entries(LogFilter(kind="raised"))
    assert reader.verify().ok


@pytest.mark.parametrize("same_batch", [True, False])
def test_with_a_later_message_of_the_same_order_waiting_nothing_is_raised(
    store: Store, reader: Reader, same_batch: bool
) -> None:
    jobs = [arrival(found=looked_at(), park=HELD_FOR_REVIEW), arrival("A2", placer="P-1")]
    for batch in [jobs] if same_batch else [[job] for job in jobs]:
        store.run(batch)
    with pytest.raises(NotPossible, match="message 2 of the same order came later"):
        do(store, raising(1))
    nothing_changed(reader, 1)


def test_what_went_on_and_was_parked_again_may_have_left_and_is_not_raised(store: Store, reader: Reader) -> None:
    number = held(store)
    do(store, Release(number, "otto", "go on", T0))
    do(store, Park(number, "held for review", T0, user="otto"))
    with pytest.raises(NotPossible, match="may have left as it came"):
        do(store, raising(number))
    nothing_changed(reader, number)


def test_what_was_parked_for_another_reason_is_not_raised(store: Store, reader: Reader) -> None:
    number = record(store, arrival(found=looked_at()))[0]
    do(store, Park(number, "the destination answered AR", T0))
    with pytest.raises(NotPossible, match="not held since it came"):
        do(store, raising(number))
    nothing_changed(reader, number)


@pytest.mark.parametrize("state", ["queued", "released"])
def test_what_is_not_parked_any_more_is_not_raised(store: Store, reader: Reader, state: str) -> None:
    if state == "queued":
        number = record(store, arrival(found=looked_at()))[0]
    else:
        number = held(store)
        do(store, Release(number, "otto", "go on", T0))
    with pytest.raises(NotPossible, match=f"message {number} is queued, not parked"):
        do(store, raising(number))
    nothing_changed(reader, number)


def test_a_message_that_is_not_under_review_is_not_raised(store: Store, reader: Reader) -> None:
    found = verdict(upgraded().payload, [order("P-1")])
    number = record(store, arrival(found=found, park=HELD_FOR_REVIEW))[0]
    with pytest.raises(NotPossible, match="not under review as it came"):
        do(store, raising(number))


@pytest.mark.parametrize("wrong", ["other bytes", "undeclared", "unchanged"])
def test_a_verdict_that_does_not_prove_its_change_of_these_bytes_is_not_used(
    store: Store, reader: Reader, wrong: str
) -> None:
    number, good = held(store), upgraded()
    bad = {
        "other bytes": upgraded("B7"),
        "undeclared": replace(good, outbound=good.outbound.replace(b"PID|1", b"PID|2")),
        "unchanged": replace(good, outbound=good.payload, orders=()),
    }[wrong]
    with pytest.raises(NotPossible, match=r"checksum|proven"):
        do(store, raising(number, bad))
    nothing_changed(reader, number)


def test_there_is_no_message_of_that_number(store: Store) -> None:
    with pytest.raises(NotPossible, match="there is no message 9"):
        do(store, raising(9))


def ask(store: Store, number: int) -> int:
    return desk.ask(store.data_dir, "raise", user="rahel", reason="seen", at=T0, message_id=number)


def test_a_request_is_carried_out_with_the_verdict_and_told(store: Store, reader: Reader) -> None:
    request = ask(store, held(store))
    done = do(store, CarryOut(request, T0 + 1, verdict=upgraded()))
    assert (done.ok, done.message) == (True, "message 1: parked -> queued; 0 others affected")
    [entry] = reader.entries(LogFilter(kind="raised"))
    assert (entry.content["user"], entry.content["reason"]) == ("rahel", "seen")
    assert do(store, CarryOut(request, T0 + 2, verdict=upgraded())) == done


def test_a_request_whose_vetting_said_no_is_answered_with_the_reason(store: Store, reader: Reader) -> None:
    number = held(store)
    done = do(store, CarryOut(ask(store, number), T0 + 1, False, "message 1 cannot be raised: no side"))
    assert (done.ok, done.message) == (False, "message 1 cannot be raised: no side")
    nothing_changed(reader, number)
