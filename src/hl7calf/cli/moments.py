"""Times as people write and read them on the command line.

Law: shown times are UTC, as in the log; a time given without a zone is UTC too. The present is handed in.
"""

import re
from datetime import UTC, datetime

from hl7calf.cli.failures import Unusable

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment(text: str | None, now: float) -> float | None:
    """Return Unix seconds for `2h` (so long ago) or an ISO date or time; None for None.

    Raises:
        Unusable: it is neither.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip().lower())
    if ago:
        return now - int(ago[1]) * _SECONDS[ago[2]]
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Unusable(f"`{text}` is no time; write 30m, 2h, 3d, 2026-01-15 or 2026-01-15T08:00:00Z.") from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def time_shown(at: float) -> str:
    """Return a time as `2026-01-15 08:00:00` (UTC)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def time_exact(at: float) -> str:
    """Return a time as `2026-01-15T08:00:00.123456Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def age(seconds: float) -> str:
    """Return a duration in its two largest units: `3 d 4 h`, `12 min`, `5 s`."""
    left = max(int(seconds), 0)
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (left, "s")) if n]
    return " ".join(parts[:2]) or "0 s"
