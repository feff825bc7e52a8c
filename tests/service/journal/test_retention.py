"""Forgetting: what may go, what never goes, and that the disk gets its room back."""

from pathlib import Path

from hl7calf.service.journal import desk
from hl7calf.service.journal.jobs import CarryOut, Limits, MarkDelivered, Park, Purge, Purged, Skip, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import DAY_S, T0, arrival, do, opened, payload, record, upgraded

LATER = T0 + 60 * DAY_S
DEFAULT = Limits()
NOTHING = Limits(message_age_s=9e9, log_age_s=9e9, order_memory_age_s=9e9, duplicate_age_s=9e9)


def purge_all(store: Store, at: float, limits: Limits = DEFAULT, step: int = 500) -> list[Purged]:
    steps = [do(store, Purge(at, limits, step))]
    while steps[-1].more:
        steps.append(do(store, Purge(at, limits, step)))
    return steps


def test_old_finished_messages_go_and_undelivered_ones_never(store: Store, reader: Reader) -> None:
    record(
        store,
        *[arrival(f"A{n}") for n in range(5)],
        arrival("A5", forward=False),
        arrival("A6", forward=False, quarantine=False),
    )
    do(store, MarkDelivered(1, b"", T0))
    do(store, Park(2, "x", T0))
    do(store, Skip(3, "ada", "r", T0))
    purge_all(store, LATER)
    assert [line.message_id for line in reader.messages()] == [2, 4, 5]
    assert {line.state for line in reader.messages()} == {State.PARKED, State.QUEUED}
    for table in ("payload", "message"):
        assert store._connection.execute(f"SELECT count(*) FROM {table}").get == 3
    assert reader.message(1) is None


def test_age_counts_from_when_a_message_was_finished(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2"))
    do(store, MarkDelivered(1, b"", T0))
    do(store, MarkDelivered(2, b"", LATER - DAY_S))
    purge_all(store, LATER)
    assert [line.message_id for line in reader.messages()] == [2]


def test_the_books_keep_what_was_purged(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}") for n in range(9)])
    for number in range(1, 8):
        do(store, MarkDelivered(number, b"", T0))
    purge_all(store, LATER)
    books = reader.books()
    assert (books.received, books.delivered, books.queued, books.purged, books.balanced) == (9, 7, 2, 7, True)
    assert reader.recount() == reader.books_by_route()
    assert record(store, arrival("B1")) == [10]


def test_a_step_is_small_and_says_whether_there_is_more(store: Store) -> None:
    record(store, *[arrival(f"A{n}", placer="P", forward=False) for n in range(25)])
    steps = purge_all(store, LATER, step=10)
    assert [one.messages for one in steps] == [10, 10, 5]
    assert [one.more for one in steps] == [True, True, False]


def test_nothing_is_purged_before_its_time(store: Store) -> None:
    record(store, arrival("A1", found=upgraded()), arrival("A2", forward=False))
    assert do(store, Purge(LATER, NOTHING)) == Purged(0, 0, 0, 0, 0, False)


def test_the_file_grows_no_larger_than_allowed_but_for_what_is_undelivered(tmp_path: Path) -> None:
    with opened(tmp_path) as store, Reader(store.data_dir) as reader:
        for number in range(100):
            record(store, arrival(f"A{number}", data=payload(f"A{number}", "x" * 20_000)))
            if number % 4:
                do(store, MarkDelivered(number + 1, b"", T0))
        before = reader.status().bytes_used
        assert before > 2_000_000
        limits = Limits(**{name: getattr(NOTHING, name) for name in NOTHING.__slots__} | {"max_bytes": 1_000_000})
        steps = purge_all(store, T0, limits, step=10)
        left = reader.messages(limit=1000)
        assert reader.status().bytes_used <= 1_000_000 + 10 * 22_000
        assert len([line for line in left if line.state is State.QUEUED]) == 25
        finished = [line.message_id for line in left if line.state is State.DELIVERED]
        assert finished
        assert min(finished) > 40  # the oldest went first
        assert sum(one.freed_bytes for one in steps) > 800_000
    assert (tmp_path / "var" / "hl7calf.sqlite3").stat().st_size < before - 800_000


def test_all_the_room_is_given_back_to_the_disk_step_by_step(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(60):
            record(store, arrival(f"A{number}", data=payload(f"A{number}", "x" * 300_000)))
            do(store, MarkDelivered(number + 1, b"", T0))
        steps = purge_all(store, LATER)
        assert [one.messages for one in steps if one.messages] == [60]
        assert len(steps) > 2, "18 MB are more than one step gives back"
        assert steps[-1].freed_bytes > 0
        assert store._connection.pragma("freelist_count") == 0
    assert (tmp_path / "var" / "hl7calf.sqlite3").stat().st_size < 300_000


def test_the_log_is_cut_at_its_age_and_still_proves_the_rest(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", found=upgraded("A1", "P-1")), arrival("A2", found=upgraded("A2", "P-2"), at=LATER))
    steps = purge_all(store, LATER, Limits(log_age_s=30 * DAY_S))
    assert steps[0].entries == 1
    assert [entry.kind for entry in reader.entries()] == ["message", "purge"]
    assert reader.verify().ok
    assert purge_all(store, LATER + DAY_S)[0].entries == 0, "for ever, where nothing else is said"


def test_a_disk_full_of_undelivered_messages_keeps_them_all(store: Store, reader: Reader) -> None:
    record(store, *[arrival(f"A{n}") for n in range(20)])
    steps = purge_all(store, LATER, Limits(max_bytes=1), step=5)
    assert (sum(one.messages for one in steps), sum(one.keys for one in steps)) == (0, 20)
    assert len(reader.messages()) == 20


def test_the_window_of_resends_ends_with_age(store: Store) -> None:
    record(store, arrival("A1"), arrival("A2", at=T0 + 6 * DAY_S))
    assert purge_all(store, T0 + 7.5 * DAY_S)[0].keys == 1
    assert do(store, arrival("A1")).duplicate_of is None
    assert do(store, arrival("A2")).duplicate_of == 2


def test_the_window_of_resends_ends_with_number(store: Store) -> None:
    record(store, *[arrival(f"A{n}") for n in range(10)])
    limits = Limits(duplicate_keys=3)
    assert sum(one.keys for one in purge_all(store, T0, limits, step=2)) == 7
    found = [do(store, arrival(f"A{n}")).duplicate_of for n in (9, 8, 7, 6)]
    assert found == [10, 9, 8, None]


def test_the_window_outlives_the_message(store: Store) -> None:
    record(store, arrival("A1"))
    do(store, MarkDelivered(1, b"", T0))
    limits = Limits(message_age_s=1.0)
    purge_all(store, T0 + 60, limits)
    again = do(store, arrival("A1"))
    assert (again.duplicate_of, again.ack, again.state) == (1, "AA", State.DELIVERED)


def test_the_order_memory_ends_with_age(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", found=upgraded("A1", "P-1")), arrival("A2", found=upgraded("A2", "P-2"), at=LATER))
    limits = Limits(order_memory_age_s=50 * DAY_S)
    assert purge_all(store, LATER, limits)[0].remembered == 1
    assert reader.remembered(b"P-1^CPOE") is None
    assert reader.remembered(b"P-2^CPOE") is not None


def test_answered_requests_go_and_waiting_ones_stay(store: Store, reader: Reader) -> None:
    numbers = [desk.ask(store.data_dir, "pause", user="a", reason="r", at=T0) for _ in range(2)]
    do(store, CarryOut(numbers[0], T0))
    purge_all(store, LATER)
    assert reader.request(numbers[0]) is None
    assert [one.request_id for one in reader.requests()] == numbers[1:]
