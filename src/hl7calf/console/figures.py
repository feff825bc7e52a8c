"""What the pictures show: arrivals by the hour, and what was decided by day and sender.

Law: counted forward, each message and each entry once, in the thread of the pages. Nothing in here names a patient
or an order.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hl7calf.console.queries import DAY_US, HOUR_US, MOST_COUNTED, Archive

_MOST_SENDERS = 200  # a sender is an MSH-4 value; a feed that invents them must not fill the memory
OTHERS = "(others)"


class Arrivals:
    """Messages received by route and hour, for the last day."""

    def __init__(self) -> None:
        self._after: int | None = None
        self._counts: Counter[tuple[str, int]] = Counter()

    def catch_up(self, archive: Archive, now: float) -> None:
        """Count what came in since the last look; the first look goes 24 hours back."""
        first_hour = int(now * 1e6) // HOUR_US - 24
        if self._after is None:
            self._after = _last_before(archive, first_hour * HOUR_US)
        rows = archive.rows(
            f"SELECT route, received_at / {HOUR_US}, count(*), max(id) FROM message WHERE id > ? GROUP BY 1, 2",
            (self._after,),
        )
        for route, hour, number, last in rows:
            self._counts[route, hour] += number
            self._after = max(self._after, last)
        for key in [key for key in self._counts if key[1] < first_hour]:
            del self._counts[key]

    def of(self, route: str, now: float) -> list[int]:
        """Return a route's messages in each of the last 24 hours, the running one last."""
        last = int(now * 1e6) // HOUR_US
        return [self._counts[route, hour] for hour in range(last - 23, last + 1)]


def _last_before(archive: Archive, at: int) -> int:
    """Return the last message number received before a time: numbers are given in order of arrival."""
    low, high = archive.rows("SELECT coalesce(min(id), 1) - 1, coalesce(max(id), 0) FROM message")[0]
    while low < high:
        middle = (low + high + 1) // 2
        found = archive.rows("SELECT id, received_at FROM message WHERE id >= ? ORDER BY id LIMIT 1", (middle,))
        if found and found[0][1] < at:
            low = middle
        else:
            high = middle - 1
    return int(low)


class _Order(msgspec.Struct):
    action: str = ""
    indicated: str = ""
    facts: dict[str, Any] = {}


class _Body(msgspec.Struct):
    sending_facility: str = ""
    changed: bool = False
    orders: list[_Order] = []


_decoder = msgspec.json.Decoder(_Body)


def _decode(body: bytes) -> _Body:
    """Read what is counted of an entry; bytes of a message that are no UTF-8 stand in it as lone surrogates."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(body), _Body)


@dataclass(slots=True)
class Day:
    """What was decided on one UTC day, by one sender or by all: messages with orders, and orders by what they were."""

    looked_at: int = 0
    changed: int = 0
    orders: int = 0
    targets: int = 0
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, body: _Body) -> None:
        """Count one message."""
        self.looked_at += 1
        self.changed += body.changed
        for order in body.orders:
            self.orders += 1
            self.targets += bool(order.facts.get("target"))
            self.actions[order.action] += 1


class Daily:
    """Decisions by day and sender, as far back as asked for."""

    def __init__(self, days: int = 92) -> None:
        self._days_back = days
        self._after: int | None = None
        self._figures: dict[tuple[int, str], Day] = {}
        self.finished = False

    def catch_up(self, archive: Archive, now: float) -> None:
        """Count the entries written since the last look, not too many at once; `finished` tells whether all are."""
        if self._after is None:
            first = int(now * 1e6) // DAY_US - self._days_back
            since = archive.rows("SELECT sequence FROM entry WHERE at >= ? ORDER BY at LIMIT 1", (first * DAY_US,))
            last = archive.rows("SELECT coalesce(max(sequence), 0) FROM entry")[0][0]
            self._after = since[0][0] - 1 if since else last
        rows = archive.rows(
            f"SELECT sequence, day, kind, body FROM entry WHERE sequence > ? ORDER BY sequence LIMIT {MOST_COUNTED}",
            (self._after,),
        )
        for sequence, day, kind, body in rows:
            self._after = sequence
            if kind == "message":
                self._count(day, _decode(body))
        self.finished = len(rows) < MOST_COUNTED

    def _count(self, day: int, body: _Body) -> None:
        sender = body.sending_facility or "(none)"
        if (day, sender) not in self._figures and len(self.senders()) >= _MOST_SENDERS and sender not in self.senders():
            sender = OTHERS
        self._figures.setdefault((day, sender), Day()).add(body)

    def senders(self) -> list[str]:
        """Return every sender there was, by name."""
        return sorted({sender for _, sender in self._figures})

    def series(self, now: float, days: int, sender: str = "") -> list[tuple[int, Day]]:
        """Return each of the last days with its figures, today last; of one sender, or of all together."""
        last = int(now * 1e6) // DAY_US
        return [(day, self._sum(day, sender)) for day in range(last - days + 1, last + 1)]

    def _sum(self, day: int, sender: str) -> Day:
        if sender:
            return self._figures.get((day, sender), Day())
        total = Day()
        for (one, _), figures in self._figures.items():
            if one == day:
                total.looked_at += figures.looked_at
                total.changed += figures.changed
                total.orders += figures.orders
                total.targets += figures.targets
                total.actions.update(figures.actions)
        return total
