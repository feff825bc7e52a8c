"""How much waits for the disk, and who is paused because of it.

Law: memory is bounded by the settings, not by the peers: beyond the limit whoever sends is paused, and all are
let go together when half of it is on disk (R6). Nothing is refused for this.
"""

from collections.abc import Callable

from hl7calf.service.events import emit


class Pressure:
    """Counts messages and bytes between the socket and the commit, for all routes together."""

    def __init__(self, limit_messages: int, limit_bytes: int) -> None:
        self._limit_messages = limit_messages
        self._limit_bytes = limit_bytes
        self._paused: list[Callable[[], None]] = []
        self.messages = 0
        self.bytes = 0

    def add(self, size_bytes: int) -> None:
        """Count one payload that waits."""
        self.messages += 1
        self.bytes += size_bytes

    def remove(self, size_bytes: int) -> None:
        """Count one payload less; let everybody go when there is room again."""
        self.messages -= 1
        self.bytes -= size_bytes
        if self._paused and self.messages * 2 <= self._limit_messages and self.bytes * 2 <= self._limit_bytes:
            paused, self._paused = self._paused, []
            emit("C_RESUMED", "info", peers=len(paused))
            for resume in paused:
                resume()

    @property
    def high(self) -> bool:
        """Tell whether who sends now should be paused."""
        return self.messages > self._limit_messages or self.bytes > self._limit_bytes

    def pause(self, resume: Callable[[], None]) -> None:
        """Note one who was paused; `resume` is called when there is room."""
        if not self._paused:
            emit("C_PAUSED", "warn", messages=self.messages, bytes=self.bytes)
        self._paused.append(resume)
