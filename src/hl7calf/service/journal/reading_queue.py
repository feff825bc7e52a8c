"""Reading the outbox: what goes next, and when.

Law: bytes that do not match their checksum are not handed out, and no reading takes more memory than it may, however
large the messages are: it ends with the one that passes MOST_BYTES.
"""

import hashlib

from hl7calf.service.journal.query import Query, Row, microseconds, seconds
from hl7calf.service.journal.views import Lane, Queued

MOST_BYTES = 32 * 1024**2  # three of the longest messages taken by default
_OUTBOUND = 4  # its column in both statements


def outbox_head(query: Query, route: str, lane: str, limit: int) -> list[Queued]:
    """Return what goes next in a lane."""
    return [_queued(row) for row in query.rows_up_to(MOST_BYTES, _OUTBOUND, "outbox_head", route, lane, limit)]


def due(query: Query, route: str, now: float, limit: int) -> list[Queued]:
    """Return the next of each lane, if it may be sent by now."""
    return [_queued(row) for row in query.rows_up_to(MOST_BYTES, _OUTBOUND, "due", route, microseconds(now), limit)]


def may_be_cut_short(items: list[Queued]) -> bool:
    """Tell whether a reading may have ended by its bytes; those of a damaged message are not known."""
    sizes = [MOST_BYTES if item.outbound is None else len(item.outbound) for item in items]
    return sum(sizes) >= MOST_BYTES


def next_due_at(query: Query, route: str) -> float | None:
    """Return when the next of any lane may be sent."""
    at = query.value("next_due_at", route)
    return None if at is None else seconds(at)


def lanes(query: Query, route: str, limit: int) -> list[Lane]:
    """Return the lanes of a route that have something to send."""
    return [
        Lane(route, lane, head, seconds(received), attempts, seconds(next_at), why)
        for lane, head, received, attempts, next_at, why in query.rows("lane_heads", route, limit)
    ]


def _queued(row: Row) -> Queued:
    message_id, route, lane, sha256, outbound, control_id, received_at, attempts, next_at, possible = row
    whole = hashlib.sha256(outbound).digest() == sha256
    return Queued(
        message_id,
        route,
        lane,
        outbound if whole else None,
        control_id,
        seconds(received_at),
        attempts,
        seconds(next_at),
        bool(possible),
    )
