"""What was decided for placer orders whose messages are not yet on disk.

Law: a cancel or change that arrives right behind its order must see the upgrade, also before it is committed.
So what a verdict remembers or forgets is laid over the store's order memory from the moment it is decided until
the commit that contains it has returned (or failed). Written by the vetting thread, settled by the reactor's;
every step is one dict or set operation. Most orders were never touched, so the store is asked only about keys that it
may hold: all it held at the start and all that were noted since.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from hl7calf.calf.verdict import Recall, Remembered, Verdict

MOST_KEYS = 250_000  # hashes kept in memory, about 20 MB; a site changes some orders a day and keeps them 400 days


@dataclass(frozen=True, slots=True)
class Decided:
    """One key's newest decision in flight; `what` is None when the order was forgotten."""

    what: Remembered | None


class OrdersInFlight:
    """The order memory as intake sees it: what is in flight over what is stored.

    Args:
        stored: looks into the store; called from the thread that vets, or the reactor's for a key that may be there.
        keys: those in the store at the start; None: not known, so the store is always asked. Nobody else may write it.
    """

    def __init__(self, stored: Recall, keys: Iterable[bytes] | None = None) -> None:
        self._stored = stored
        self._decided: dict[bytes, Decided] = {}
        hashes = None if keys is None else set(map(hash, islice(keys, MOST_KEYS + 1)))
        self._may_hold = None if hashes is None or len(hashes) > MOST_KEYS else hashes

    def recall(self, placer_key: bytes) -> Remembered | None:
        """Return what was done to a placer order number, in flight or stored."""
        decided = self._decided.get(placer_key)
        if decided is not None:
            return decided.what
        if self._may_hold is not None and hash(placer_key) not in self._may_hold:
            return None
        return self._stored(placer_key)

    def note(self, verdict: Verdict) -> Callable[[], None]:
        """Lay a verdict's decisions over the store's; return what takes them off again once it is settled."""
        noted = {key: Decided(None) for key in verdict.forget}
        noted |= {what.placer_key: Decided(what) for what in verdict.remember}
        if self._may_hold is not None:
            self._may_hold.update(hash(what.placer_key) for what in verdict.remember)
        self._decided.update(noted)

        def settle() -> None:
            for key, mine in noted.items():
                if self._decided.get(key) is mine:
                    del self._decided[key]

        return settle

    def __len__(self) -> int:
        return len(self._decided)
