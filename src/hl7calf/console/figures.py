"""What the pictures show: arrivals by the hour, and what was decided by day and sender.

Law: counted forward, each message and each entry once, in the thread of the pages. Nothing in here names a patient
or an order.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from hl7calf.console.queries import DAY_US, HOUR_US, MOST_COUNTED, ORDER_KINDS, Archive

_MOST_WATCHED = 10_000  # upgraded orders at a time, before those of yesterday are dropped
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


class _Change(msgspec.Struct):
    path: str = ""
    after: str = ""


class _Order(msgspec.Struct):
    action: str = ""
    indicated: str = ""
    order_control: str = ""
    placer_key: str = ""
    service: str = ""
    facts: dict[str, Any] = {}
    modifications: list[_Change] = []

    @property
    def code_after(self) -> str | None:
        """The code that was written, None when it was left alone."""
        return next((_code(one.after) for one in self.modifications if one.path.startswith("OBR")), None)


def _code(components: str) -> str:
    return components.partition("^")[0]


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
    raised: int = 0  # orders that a reviewer had released upgraded
    overridden: int = 0  # upgraded orders that their placer cancelled or changed within 24 hours
    actions: Counter[str] = field(default_factory=Counter)

    def include(self, other: "Day") -> None:
        """Add another day's or sender's figures."""
        self.looked_at += other.looked_at
        self.changed += other.changed
        self.orders += other.orders
        self.targets += other.targets
        self.raised += other.raised
        self.overridden += other.overridden
        self.actions.update(other.actions)

    def add(self, body: _Body) -> None:
        """Count one message."""
        self.looked_at += 1
        self.changed += body.changed
        for order in body.orders:
            self.orders += 1
            self.targets += bool(order.facts.get("target"))
            self.actions[order.action] += 1


CANCELS = frozenset({"CA", "DC", "OC", "OD"})  # ORC-1 of HL7 table 0119 that end an order
REQUESTS = frozenset({"NW", "RO", "CH", "XO", "RP", "RU", "PA"})


@dataclass(frozen=True, slots=True)
class _Upgraded:
    """An order that was upgraded: when (microseconds), whose figures it counts in, its codes before and after."""

    at: int
    figures: Day
    codes: set[str]

    def is_overridden_by(self, order: _Order) -> bool:
        """Tell whether a later message of the order cancels it, asks for another study, or leaves the rule in doubt."""
        control = order.order_control.upper()
        if control in CANCELS:
            return True
        in_doubt = order.action == "review" and order.code_after is not None  # the code was kept for a person
        return control in REQUESTS and (in_doubt or _code(order.service) not in self.codes)


class Daily:
    """Decisions by day and sender, as far back as asked for."""

    def __init__(self, days: int = 92) -> None:
        self._days_back = days
        self._after: int | None = None
        self._figures: dict[tuple[int, str], Day] = {}
        self._upgraded: dict[str, _Upgraded] = {}
        self.finished = False

    def catch_up(self, archive: Archive, now: float) -> None:
        """Count the entries written since the last look, not too many at once; `finished` tells whether all are."""
        if self._after is None:
            first = int(now * 1e6) // DAY_US - self._days_back
            since = archive.rows("SELECT sequence FROM entry WHERE at >= ? ORDER BY at LIMIT 1", (first * DAY_US,))
            last = archive.rows("SELECT coalesce(max(sequence), 0) FROM entry")[0][0]
            self._after = since[0][0] - 1 if since else last
        rows = archive.rows(
            "SELECT sequence, at, day, kind, body FROM entry WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (self._after, MOST_COUNTED),
        )
        for sequence, at, day, kind, body in rows:
            self._after = sequence
            if kind in ORDER_KINDS:
                self._count(at, day, _decode(body), kind == "raised")
        self.finished = len(rows) < MOST_COUNTED

    def _count(self, at: int, day: int, body: _Body, is_raised: bool) -> None:
        sender = body.sending_facility or "(none)"
        if (day, sender) not in self._figures and len(self.senders()) >= _MOST_SENDERS and sender not in self.senders():
            sender = OTHERS
        figures = self._figures.setdefault((day, sender), Day())
        if is_raised:
            figures.raised += sum(order.code_after is not None for order in body.orders)
        else:
            figures.add(body)
        for order in body.orders:
            self._follow(at, figures, order)

    def _follow(self, at: int, figures: Day, order: _Order) -> None:
        """Count an override for the day and sender of the upgrade, once; begin to watch a new upgrade."""
        earlier = self._upgraded.get(order.placer_key) if order.placer_key else None
        if earlier is not None and (at - earlier.at > DAY_US or earlier.is_overridden_by(order)):
            earlier.figures.overridden += at - earlier.at <= DAY_US
            del self._upgraded[order.placer_key]
            earlier = None
        after, is_request = order.code_after, order.order_control.upper() in REQUESTS
        if is_request and order.placer_key and order.action == "upgrade" and after is not None and earlier is None:
            self._upgraded[order.placer_key] = _Upgraded(at, figures, {_code(order.service), after})
            if len(self._upgraded) > _MOST_WATCHED:
                self._upgraded = {key: one for key, one in self._upgraded.items() if at - one.at <= DAY_US}

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
                total.include(figures)
        return total
