"""How often one may guess a password: free tries, then a pause that doubles.

Law: pure; times are handed in. Failures are counted per user name and per address, so that neither one account
nor one machine can be used to try many passwords. Unknown names are counted as known ones are, so the answer does
not tell which names exist. What is kept is bounded: strangers cannot fill the memory.
"""

from dataclasses import dataclass

FREE_TRIES = 5
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 900.0
FORGET_AFTER_S = 3600.0
MOST_KEPT = 4096


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float


class Throttle:
    """The failures of the last hour."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], _Failures] = {}

    def pause_s(self, user: str, address: str, now: float) -> float:
        """Return how long to wait before the next try counts; 0 when it may be made now."""
        return max(self._left(key, now) for key in _keys(user, address))

    def failed(self, user: str, address: str, now: float) -> None:
        """Count one wrong try."""
        for key in _keys(user, address):
            known = self._failures.pop(key, None)
            count = 1 if known is None or now - known.last_at > FORGET_AFTER_S else known.count + 1
            self._failures[key] = _Failures(count, now)
        while len(self._failures) > MOST_KEPT:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, user: str, address: str) -> None:
        """Forget the name's failures; the address keeps its own, it may be trying other names."""
        self._failures.pop(("user", user), None)

    def _left(self, key: tuple[str, str], now: float) -> float:
        known = self._failures.get(key)
        if known is None or now - known.last_at > FORGET_AFTER_S:
            return 0.0
        over = known.count - FREE_TRIES * (4 if key[0] == "address" else 1)
        if over < 0:
            return 0.0
        pause = min(FIRST_PAUSE_S * 2.0 ** min(over, 16), LONGEST_PAUSE_S)
        return max(0.0, known.last_at + pause - now)


def _keys(user: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("user", user), ("address", address)
