"""The running figures of one transaction."""

import pytest

from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, record

AT = round(T0 * 1e6)


def ledger(store: Store) -> Ledger:
    return Ledger(store._connection, "node-1", b"")


def test_a_ledger_starts_where_the_disk_ends(store: Store) -> None:
    assert ledger(store).next_message_id == 1
    record(store, arrival("A1", placer="P-1"), arrival("A2"))
    one = ledger(store)
    assert one.next_message_id == 3
    assert one.log(AT, {"kind": "x"}).sequence == 2


def test_nothing_of_a_ledger_stays_after_a_rollback(store: Store, reader: Reader) -> None:
    with pytest.raises(ZeroDivisionError), store._connection:
        one = ledger(store)
        one.log(AT, {"kind": "x"})
        one.count("orders", "received")
        one.close()
        raise ZeroDivisionError
    assert (reader.head().sequence, reader.books().received) == (0, 0)


def test_entries_of_one_transaction_follow_one_another(store: Store, reader: Reader) -> None:
    one = ledger(store)
    for number in range(70):
        assert one.log(AT, {"kind": "x", "number": number}).sequence == number + 1
    one.close()
    assert reader.verify(reader.head()).checked == 70
    assert reader.verify().ok


def test_a_move_takes_from_one_state_and_gives_to_the_other(store: Store, reader: Reader) -> None:
    one = ledger(store)
    one.count("orders", "queued", 2)
    one.move("orders", "queued", "delivered")
    one.close()
    assert (reader.books().queued, reader.books().delivered) == (1, 1)


@pytest.mark.parametrize("number", [0, 1, 31, 32, 33, 65])
def test_rows_of_any_number_are_inserted(store: Store, number: int) -> None:
    one = ledger(store)
    one.insert("insert_seen", [(n, AT, b"k", b"x") for n in range(number)])
    assert len(one.rows("oldest_seen", 100)) == number


def test_the_first_free_message_of_a_touched_lane_becomes_its_head(store: Store, reader: Reader) -> None:
    one = ledger(store)
    one.insert(
        "insert_outbox",
        [(7, "orders", "a", 0, ""), (8, "orders", "a", 0, ""), (9, "orders", "b", 2, ""), (10, "orders", "b", 0, "")],
    )
    for lane in "abc":
        one.touch("orders", lane)
    one.close()
    assert [row[0] for row in store._connection.execute("SELECT message_id FROM outbox WHERE head = 1")] == [7, 10]
