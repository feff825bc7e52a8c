"""Lets orders that were held for a person's review go on when nobody came in time.

Law: holding an order is the site's choice; losing one is nobody's. After the limit it goes on unchanged, with an
alarm line, in its old place. What is held is read from the store, so a restart forgets nobody. The time of day is asked
once for each, when it is first seen; from then on it is waited for by a clock that does not jump (P21).
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hl7calf.service.delivery import US
from hl7calf.service.events import emit, error_name
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, Release, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import MessageLine

_AT_ONCE = 200


class ReviewHold:
    """The held orders of one route.

    Args:
        read: reads the journal off the reactor's thread.
        seconds: monotonic.
        wall: Unix seconds.
        released: called when orders went on.
    """

    def __init__(
        self,
        route: str,
        limit_s: float,
        read: "Callable[[Callable[[Reader], Any]], Deferred[Any]]",
        submit: Callable[[Release], "Deferred[Any]"],
        seconds: Callable[[], float],
        wall: Callable[[], float],
        released: Callable[[], None],
    ) -> None:
        self._route = route
        self._limit_s = limit_s
        self._read = read
        self._submit = submit
        self._seconds = seconds
        self._wall = wall
        self._released = released
        self._under_way = False
        self._until: dict[int, float] = {}

    def look(self) -> None:
        """Let go what has waited long enough."""
        if not self._under_way:
            self._under_way = True
            parked = self._read(lambda reader: reader.messages(State.PARKED, self._route, limit=_AT_ONCE))
            parked.addCallbacks(self._let_go, self._failed)

    def _let_go(self, parked: list[MessageLine]) -> None:
        self._under_way = False
        now, wall = self._seconds(), self._wall()
        held = [message for message in parked if message.why == HELD_FOR_REVIEW]
        self._until = {one.message_id: self._until.get(one.message_id, self._due(one, now, wall)) for one in held}
        for number, until in self._until.items():
            if now >= until:
                emit("D_HELD", "warn", route=self._route, message=number)
                job = Release(number, US, "nobody reviewed it in time", wall)
                self._submit(job).addCallbacks(lambda _: self._released(), self._failed)

    def _due(self, message: MessageLine, now: float, wall: float) -> float:
        """Return until when a message is held: at most the whole limit, wherever the time of day stands."""
        return now + min(self._limit_s, self._limit_s - (wall - message.received_at))

    def _failed(self, failure: Failure) -> None:
        self._under_way = False
        emit("S_UNEXPECTED", "error", error=error_name(failure))
