"""What may be sent next: the part of the queue that is in memory, lane by lane.

Law: no lane has two messages in flight, none overtakes another of its lane, and a message is never in here twice.
Memory is bounded: when the window is full it is `behind` and takes no more from intake; then everything is read
from the store, in order, until it has caught up (Mirth 1682 skipped what did not fit). Pure: times are handed in.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from heapq import heappop, heappush

from hl7calf.service.journal.views import Queued


class Window:
    """The messages of one route that are known here.

    Args:
        limit_messages: so many at most, counted with those in flight.
        limit_bytes: likewise.
    """

    def __init__(self, limit_messages: int = 4000, limit_bytes: int = 8 * 1024 * 1024) -> None:
        self._limit_messages = limit_messages
        self._limit_bytes = limit_bytes
        self._lanes: dict[str, deque[Queued]] = {}
        self._ready: deque[str] = deque()
        self._later: list[tuple[float, str]] = []
        self._busy: dict[str, int] = {}
        self._messages = 0
        self._bytes = 0
        self._known: set[int] = set()
        self._gone: set[int] | None = None
        self._void = False
        self._missed = False
        self._dry = False  # the last reading found nothing new, and nothing has happened since
        self.behind = True

    def __len__(self) -> int:
        return self._messages

    @property
    def in_flight(self) -> int:
        """How many lanes have a message in flight."""
        return len(self._busy)

    @property
    def ready_lanes(self) -> int:
        """How many lanes have something to send, at most; one more than there are is no harm."""
        return len(self._ready)

    @property
    def starved(self) -> bool:
        """Tell whether there may be more in the store, and nothing here that could go before it is read."""
        if not self.behind or self._dry or self._gone is not None:
            return False
        postponed = sum(len(self._lanes[lane]) for _, lane in self._later if lane in self._lanes)
        return self._messages - len(self._busy) <= postponed

    def feed(self, item: Queued) -> bool:
        """Take a message that was just stored; False when it stays in the store for later."""
        if self.behind or self._messages >= self._limit_messages or self._bytes >= self._limit_bytes:
            self.behind = self._missed = True
            self._dry = False
            return False
        if item.message_id not in self._known:
            self._append(item, 0.0)
        return True

    def begin_reading(self) -> None:
        """The store is about to be read; what happens until `load` is remembered, so that nothing comes twice."""
        self._gone = set()
        self._void = self._missed = False

    def load(self, items: Iterable[Queued], complete: bool, ready_at: Callable[[Queued], float] = lambda _: 0.0) -> int:
        """Take what was read from the store, in order; return how many were new.

        Args:
            complete: the reading found everything that is free to go.
            ready_at: when a message may go (it may have been tried before), in the time of `take`.
        """
        gone, self._gone = self._gone or set(), None
        if self._void:  # the queue was changed while it was read: read again
            return 0
        before = self._messages
        for item in items:
            if item.message_id not in self._known and item.message_id not in gone:
                self._append(item, ready_at(item))
        if complete and not self._missed:
            self.behind = False
        self._dry = self._messages == before and not self._missed and not gone  # what settled meanwhile made room
        return self._messages - before

    def _append(self, item: Queued, ready_at: float) -> None:
        lane = self._lanes.get(item.lane)
        if lane is None:
            lane = self._lanes[item.lane] = deque()
        if not lane and ready_at > 0:
            heappush(self._later, (ready_at, item.lane))
        elif not lane:
            self._ready.append(item.lane)
        lane.append(item)
        self._known.add(item.message_id)
        self._messages += 1
        self._bytes += len(item.outbound or b"")

    def can_take(self, now: float) -> bool:
        """Tell whether a message may go now."""
        while self._later and self._later[0][0] <= now:
            self._ready.append(heappop(self._later)[1])
        ready = self._ready
        while ready and (ready[0] in self._busy or not self._lanes.get(ready[0])):
            ready.popleft()
        return bool(ready)

    def take(self, now: float) -> Queued | None:
        """Put the next message that may go now in flight; lanes take turns."""
        if not self.can_take(now):
            return None
        lane = self._ready.popleft()
        item = self._lanes[lane][0]
        self._busy[lane] = item.message_id
        return item

    def settle(self, item: Queued) -> None:
        """The message is delivered, parked or given up, and that is on disk: the lane goes on."""
        self._dry = False
        self._busy.pop(item.lane, None)
        waiting = self._lanes.get(item.lane)
        if waiting and waiting[0].message_id == item.message_id:
            waiting.popleft()
            self._known.discard(item.message_id)
            self._messages -= 1
            self._bytes -= len(item.outbound or b"")
        if self._gone is not None:
            self._gone.add(item.message_id)
        if waiting:
            self._ready.append(item.lane)
        else:
            self._lanes.pop(item.lane, None)

    def postpone(self, item: Queued, until: float, attempts: int | None = None) -> None:
        """The message stays the first of its lane and may go again at `until`."""
        self._busy.pop(item.lane, None)
        waiting = self._lanes.get(item.lane)
        if not waiting:
            return
        if attempts is not None and waiting[0].message_id == item.message_id:
            waiting[0] = replace(item, attempts=attempts, possible_duplicate=True)
        heappush(self._later, (until, item.lane))

    def forget(self) -> None:
        """Something was decided about the queue: keep what is in flight, read the rest from the store again."""
        flying = {lane: items[0] for lane, items in self._lanes.items() if lane in self._busy and items}
        self._lanes = {lane: deque([item]) for lane, item in flying.items()}
        self._ready.clear()
        self._later.clear()
        self._messages = len(flying)
        self._bytes = sum(len(item.outbound or b"") for item in flying.values())
        self._known = {item.message_id for item in flying.values()}
        self.behind = self._void = True
        self._dry = False

    def next_at(self) -> float | None:
        """Return when a postponed lane may go again, None when none is postponed."""
        return self._later[0][0] if self._later else None

    @property
    def heads(self) -> list[Queued]:
        """The first message of each lane."""
        return [items[0] for items in self._lanes.values() if items]
