"""How long ago: events that an order dates by a year or by years.

Law: the message's own time stamp is the present; no clock is read.
"""

from hl7calf.calf.scope import Found


def is_long_ago(found: Found, year: int) -> bool:
    """Tell whether an event is dated by an earlier year, or by years: `crush injury 2011`, `THR 3 yrs ago`."""
    tokens = found.passage.tokens
    around = [t.norm for t in tokens[max(0, found.mention.first - 3) : found.mention.last + 5]]
    years = any(
        a in ("yr", "yrs", "year", "years") or (a.endswith(("y", "yr", "yrs")) and a[0].isdigit()) for a in around
    )
    return (years and "ago" in around) or any(a.isdigit() and len(a) == 4 and 1950 <= int(a) < year for a in around)
