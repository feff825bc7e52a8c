"""Is a day's change rate usual? A p-chart: the share of changed messages against what chance allows.

Law: pure. The usual rate is that of the days before, never of the day judged. A band is as wide as the day's own
number of messages makes it, so a quiet Sunday does not alarm. Outside the band means: have a look. It proves
nothing: orders are not independent coin tosses, and a new sender or season moves the rate for good reasons.

Source: NIST/SEMATECH e-Handbook of Statistical Methods, section 6.3.3.2, proportions control charts: limits at three
standard deviations of the binomial.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

BASE_DAYS = 28
FEWEST_MESSAGES = 100  # in the base; below this no band is drawn
WIDTH = 3.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One day: its rate (None without messages) and the band it should lie in (None while there is no base)."""

    rate: float | None
    low: float | None
    high: float | None

    @property
    def unusual(self) -> bool:
        """Tell whether the rate lies outside its band."""
        if self.rate is None or self.low is None or self.high is None:
            return False
        return not self.low <= self.rate <= self.high


def judge(days: Sequence[tuple[int, int]]) -> list[Judged]:
    """Judge each day against up to 28 days before it.

    Args:
        days: (messages looked at, messages changed) of each day, oldest first.
    """
    judged = []
    for place, (looked_at, changed) in enumerate(days):
        rate = changed / looked_at if looked_at else None
        base = days[max(0, place - BASE_DAYS) : place]
        total = sum(day[0] for day in base)
        if total < FEWEST_MESSAGES or not looked_at:
            judged.append(Judged(rate, None, None))
            continue
        usual = sum(day[1] for day in base) / total
        # the base is itself a sample, so its own uncertainty widens the band
        spread = WIDTH * math.sqrt(usual * (1 - usual) * (1 / looked_at + 1 / total))
        judged.append(Judged(rate, max(0.0, usual - spread), min(1.0, usual + spread)))
    return judged
