"""Watches the end of the certificates that the routes use.

Law: an alarm 30 days before the first certificate of a route ends, taken back when it was renewed; the files are
looked at once an hour, and at a reload. A file that has become unreadable is alarmed too.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hl7calf.service.alarms import Alarms
from hl7calf.service.certificates import TlsFiles, days_left

WARN_DAYS = 30
LOOK_S = 3600.0
EXPIRES = "C_CERTIFICATE_EXPIRES"


class Watched(Protocol):
    """One side's contexts."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The certificates whose end matters."""


class Expiry:
    """The watch over all certificates of the process.

    Args:
        routes: the contexts of each route.
        seconds: monotonic.
        wall: Unix seconds.
    """

    def __init__(
        self,
        routes: Mapping[str, Sequence[Watched]],
        alarms: Alarms,
        seconds: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._routes = {name: tuple(path for one in sides for path in one.files) for name, sides in routes.items()}
        self._alarms = alarms
        self._seconds = seconds
        self._wall = wall
        self._looked_at = float("-inf")

    def look_now_and_then(self) -> None:
        """Look, if it has been an hour."""
        if self._seconds() - self._looked_at >= LOOK_S:
            self.look()

    def look(self) -> None:
        """Alarm each route with a certificate that ends soon, and take back what is over."""
        self._looked_at = self._seconds()
        for route, paths in self._routes.items():
            if not paths:
                continue
            try:
                left = days_left(paths, self._wall())
            except TlsFiles:
                left = -1
            if left < WARN_DAYS:
                self._alarms.sound(EXPIRES, self._looked_at, route, days_left=left)
            else:
                self._alarms.end(EXPIRES, route)
