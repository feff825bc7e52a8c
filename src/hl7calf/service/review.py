"""Lets orders that were held for a person's review go on when nobody came in time.

Law: holding an order is the site's choice; losing one is nobody's. After the limit it goes on unchanged, with an
alarm line, in its old place. What is held is read from the store, so a restart forgets nobody.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hl7calf.service.delivery import US
from hl7calf.service.events import emit, error_name
from hl7calf.service.forwarder import HELD_FOR_REVIEW
from hl7calf.service.journal.jobs import Release, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import MessageLine

_AT_ONCE = 200


class ReviewHold:
    """The held orders of one route.

    Args:
        read: reads the journal off the reactor's thread.
        released: called when orders went on.
    """

    def __init__(
        self,
        route: str,
        limit_s: float,
        read: "Callable[[Callable[[Reader], Any]], Deferred[Any]]",
        submit: Callable[[Release], "Deferred[Any]"],
        wall: Callable[[], float],
        released: Callable[[], None],
    ) -> None:
        self._route = route
        self._limit_s = limit_s
        self._read = read
        self._submit = submit
        self._wall = wall
        self._released = released
        self._under_way = False

    def look(self) -> None:
        """Let go what has waited long enough."""
        if not self._under_way:
            self._under_way = True
            parked = self._read(lambda reader: reader.messages(State.PARKED, self._route, limit=_AT_ONCE))
            parked.addCallbacks(self._let_go, self._failed)

    def _let_go(self, parked: list[MessageLine]) -> None:
        self._under_way = False
        now = self._wall()
        for message in parked:
            if message.why == HELD_FOR_REVIEW and now - message.received_at >= self._limit_s:
                emit("D_HELD", "warn", route=self._route, message=message.message_id)
                job = Release(message.message_id, US, "nobody reviewed it in time", now)
                self._submit(job).addCallbacks(lambda _: self._released(), self._failed)

    def _failed(self, failure: Failure) -> None:
        self._under_way = False
        emit("S_UNEXPECTED", "error", error=error_name(failure))
