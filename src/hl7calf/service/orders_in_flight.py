"""What was decided for placer orders whose messages are not yet on disk.

Law: a cancel or change that arrives right behind its order must see the upgrade, also before it is committed.
So what a verdict remembers or forgets is laid over the store's order memory from the moment it is decided until
the commit that contains it has returned (or failed). Written by the vetting thread, settled by the reactor's;
every step is one dict operation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hl7calf.calf.verdict import Recall, Remembered, Verdict


@dataclass(frozen=True, slots=True)
class Decided:
    """One key's newest decision in flight; `what` is None when the order was forgotten."""

    what: Remembered | None


class OrdersInFlight:
    """The order memory as intake sees it: what is in flight over what is stored.

    Args:
        stored: looks into the store; called from the thread that vets.
    """

    def __init__(self, stored: Recall) -> None:
        self._stored = stored
        self._decided: dict[bytes, Decided] = {}

    def recall(self, placer_key: bytes) -> Remembered | None:
        """Return what was done to a placer order number, in flight or stored."""
        decided = self._decided.get(placer_key)
        return self._stored(placer_key) if decided is None else decided.what

    def note(self, verdict: Verdict) -> Callable[[], None]:
        """Lay a verdict's decisions over the store's; return what takes them off again once it is settled."""
        noted = {key: Decided(None) for key in verdict.forget}
        noted |= {what.placer_key: Decided(what) for what in verdict.remember}
        self._decided.update(noted)

        def settle() -> None:
            for key, mine in noted.items():
                if self._decided.get(key) is mine:
                    del self._decided[key]

        return settle

    def __len__(self) -> int:
        return len(self._decided)
