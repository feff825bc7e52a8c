"""Books, control, status."""

from pathlib import Path

from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Outcome, Park
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, record


def test_books_are_kept_by_route_and_together(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"), arrival("A2"), arrival("B1", route="other", forward=False))
    do(store, arrival("A1"))
    do(store, MarkDelivered(1, b"", T0))
    by_route = reader.books_by_route()
    assert set(by_route) == {"orders", "other"}
    assert (by_route["orders"].queued, by_route["orders"].delivered, by_route["other"].quarantined) == (1, 1, 1)
    assert reader.books("orders") == by_route["orders"]
    total = reader.books()
    assert (total.received, total.duplicates, total.balanced) == (3, 1, True)
    assert reader.books("nowhere").received == 0


def test_a_recount_finds_books_that_are_wrong(store: Store, reader: Reader) -> None:
    record(store, arrival("A1"))
    assert reader.recount() == reader.books_by_route()
    store._connection.execute("UPDATE book SET count = 5 WHERE name = 'queued'")
    assert not reader.books().balanced
    assert reader.recount() != reader.books_by_route()


def test_the_status_is_one_reading_of_all(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", at=T0), arrival("A2", at=T0 + 5), arrival("B1", route="other", placer="P-1"))
    do(store, Park(1, "AR", T0 + 7))
    do(store, MarkAttempt(3, Outcome.UNREACHABLE, "connection refused", T0 + 20, T0 + 9, counts=False))
    status = reader.status()
    assert (status.node, status.running, status.head, status.balanced) == ("node-1", True, 2, True)
    assert status.head_hash == reader.head().hash
    assert status.bytes_used > 4096
    orders, other = status.routes
    assert (orders.route, orders.oldest_queued_at, orders.oldest_parked_at) == ("orders", T0 + 5, T0)
    assert (other.last_error, other.last_error_at, other.last_outcome) == ("connection refused", T0 + 9, "unreachable")


def test_the_status_of_a_stopped_service_can_be_read(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        record(store, arrival("A1"))
    with Reader(tmp_path / "var") as reader:
        status = reader.status()
    assert not status.running
    assert status.routes[0].books.queued == 1
