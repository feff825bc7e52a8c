"""What needs a person: raised once, shown until it is over.

Law: an alarm is a code of `events.EVENTS` and a route; raising it again changes nothing, so that a fault that
repeats a thousand times is one line in the log and one light on the board.
"""

from dataclasses import dataclass

from hl7calf.service.events import Detail, emit
from hl7calf.service.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that needs a person, since when (monotonic seconds)."""

    code: str
    route: str
    since: float


class Alarms:
    """The alarms of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._active: dict[tuple[str, str], Alarm] = {}

    def sound(self, code: str, now: float, route: str = "", **details: Detail) -> None:
        """Raise an alarm, if it is not raised already."""
        if (code, route) in self._active:
            return
        self._active[code, route] = Alarm(code, route, now)
        self._metrics.alarm.labels(route, code).set(1)
        emit(code, "critical", route=route, **details)

    def end(self, code: str, route: str = "") -> bool:
        """Take an alarm back; tell whether it was raised."""
        if self._active.pop((code, route), None) is None:
            return False
        self._metrics.alarm.remove(route, code)
        return True

    @property
    def active(self) -> list[Alarm]:
        """All alarms, oldest first."""
        return sorted(self._active.values(), key=lambda alarm: alarm.since)
