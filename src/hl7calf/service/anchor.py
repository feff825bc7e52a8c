"""The end of the modification log, told outside every few minutes, so that nothing can be cut off unseen.

Law: the chain proves each entry by the next, and its last one by nothing; what was told outside proves the rest
([Promises] P15, S16). The form is the one that `hl7calf log verify --anchor` takes.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from hl7calf.service.events import emit, error_name
from hl7calf.service.journal.reader import Reader
from hl7calf.service.metrics import Metrics
from hl7calf.service.modlog import Anchor

MESSAGE_ID = "anchor"


class Anchoring:
    """Reads the end of the log now and then.

    Args:
        read: reads the journal off the reactor's thread.
        tell: who is told beside the metrics: kind and text of a message.
        every_s: how often; `seconds` is monotonic.
    """

    def __init__(
        self,
        read: "Callable[[Callable[[Reader], Any]], Deferred[Any]]",
        metrics: Metrics,
        tell: Callable[[str, str], None],
        seconds: Callable[[], float],
        every_s: float,
    ) -> None:
        self._read = read
        self._metrics = metrics
        self._tell = tell
        self._seconds = seconds
        self._every_s = every_s
        self._due_at = seconds()

    def look(self) -> None:
        """Tell the end of the log if it is time."""
        if self._seconds() >= self._due_at:
            self._due_at = self._seconds() + self._every_s
            self._read(lambda reader: reader.head()).addCallbacks(self._told, self._failed)

    def _told(self, head: Anchor) -> None:
        text = f"{head.sequence}:{head.hash.hex()}"
        self._metrics.set_log_anchor(head.sequence, head.hash.hex())
        self._tell(MESSAGE_ID, text)

    def _failed(self, failure: Failure) -> None:
        emit("S_UNEXPECTED", "error", error=error_name(failure))
