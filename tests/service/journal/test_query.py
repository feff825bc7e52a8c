"""Named statements on a connection: lists of any length, and times both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.service.journal.query import CHUNK, Query, microseconds, seconds
from hl7calf.service.journal.store import Store
from tests.service.journal.building import arrival, record


@pytest.mark.parametrize("length", [0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1])
def test_a_list_of_any_length_finds_each_row_once(store: Store, length: int) -> None:
    numbers = record(store, *[arrival(f"A{n}") for n in range(length)])
    query = Query(store._connection)
    [(first, last)] = query.rows("days")
    found = (
        [query.rows_in("numbers_by_control_id", range(first, last + 1), f"A{n}".encode()) for n in range(length)]
        if length
        else []
    )
    assert [rows[0][0] for rows in found] == numbers
    query.rows_in("delete_messages", numbers)
    assert query.row("recount") is None


def test_a_row_that_is_not_there_is_none(store: Store) -> None:
    query = Query(store._connection)
    assert query.row("last_entry") is None
    assert query.value("get_book", "orders", "queued") == 0


@given(st.floats(0, 4e9))
def test_times_come_back_to_the_microsecond(at: float) -> None:
    assert abs(seconds(microseconds(at)) - at) <= 1e-6
    assert microseconds(seconds(microseconds(at))) == microseconds(at)
