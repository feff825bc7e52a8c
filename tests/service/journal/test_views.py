"""What a reader sees: values, and when the books balance."""

from dataclasses import replace

import pytest

from hl7calf.service.journal.views import Books, Control, RouteStatus, Status

WHOLE = Books(received=15, queued=1, delivered=2, parked=3, quarantined=4, rejected=5, duplicates=9, purged=2)


def test_the_books_balance_when_every_message_is_in_one_state() -> None:
    assert Books().balanced
    assert WHOLE.balanced


@pytest.mark.parametrize("name", ["received", "queued", "delivered", "parked", "quarantined", "rejected"])
def test_one_message_too_many_anywhere_unbalances_the_books(name: str) -> None:
    assert not replace(WHOLE, **{name: getattr(WHOLE, name) + 1}).balanced


@pytest.mark.parametrize("name", ["duplicates", "purged"])
def test_resends_and_purged_messages_are_no_state(name: str) -> None:
    assert replace(WHOLE, **{name: 77}).balanced


def test_the_whole_balances_when_every_route_does() -> None:
    def status(*books: Books) -> Status:
        routes = tuple(RouteStatus(str(n), one, None, None, None, "", "") for n, one in enumerate(books))
        return Status("n", True, Control(None, "", "", 0.0, False, ""), routes, 0, b"", 0, 0)

    assert status(WHOLE, Books()).balanced
    assert not status(WHOLE, replace(WHOLE, queued=0)).balanced
