"""Reading the modification log and the order memory. Law: entries come in the order of their sequence numbers."""

import json
from collections.abc import Iterator

from hl7calf.calf.verdict import Remembered
from hl7calf.service.journal.query import Query, Row, microseconds, seconds
from hl7calf.service.journal.views import LogEntry, LogFilter
from hl7calf.service.modlog import (
    GENESIS,
    Anchor,
    Finding,
    StoredEntry,
    VerifyResult,
    bytes_as_text,
    text_as_bytes,
    with_findings,
)
from hl7calf.service.modlog import verify as verify_chain

_FOREVER = 2**62
_STRETCH = 1000  # entries in memory at a time while verifying


def entry(query: Query, sequence: int) -> LogEntry | None:
    """Return one entry."""
    row = query.row("entry", sequence)
    return None if row is None else _entry(row)


def entries(query: Query, wanted: LogFilter, after: int, limit: int) -> list[LogEntry]:
    """Return the entries that fit, oldest first."""
    if wanted.placer or wanted.control_id:
        found = [one for one in _by_number(query, wanted) if one.sequence > after]
        return found[:limit]
    return [_entry(row) for row in _rows(query, wanted, after, limit, "up")]


def newest_entries(query: Query, wanted: LogFilter, limit: int) -> list[LogEntry]:
    """Return the last entries that fit, newest last."""
    if wanted.placer or wanted.control_id:
        return _by_number(query, wanted)[-limit:]
    return [_entry(row) for row in reversed(_rows(query, wanted, 0, limit, "down"))]


def head(query: Query) -> Anchor:
    """Return the end of the log."""
    row = query.row("last_entry")
    return Anchor(row[0], row[1]) if row else Anchor(0, GENESIS)


def verify(query: Query, anchor: Anchor | None, hmac_key: bytes) -> VerifyResult:
    """Prove the chain, and that the rows it is searched by say what the entries say."""
    result = verify_chain(_whole(query), anchor, hmac_key)
    strays = query.rows("stray_placers")
    return with_findings(result, [Finding(row[0], "a search row belongs to no entry") for row in strays])


def remembered(query: Query, placer_key: bytes) -> Remembered | None:
    """Return what was done to a placer order."""
    row = query.row("remembered", placer_key)
    if row is None:
        return None
    key, before, after, rule, control_id = row
    return Remembered(key, tuple(json.loads(before)), tuple(json.loads(after)), rule, bytes_as_text(control_id))


def remembered_keys(query: Query, after: bytes, limit: int = 5000) -> list[bytes]:
    """Return the keys of placer orders that something was done to, in order, from behind one on."""
    return [row[0] for row in query.rows("remembered_keys", after, limit)]


def _rows(query: Query, wanted: LogFilter, after: int, limit: int, way: str) -> list[Row]:
    since, until = _times(wanted)
    if wanted.since is not None:
        first = query.value("first_entry_since", since)
        if first is None:
            return []
        after = max(after, first - 1)
    rest = (after, _FOREVER, since, until, wanted.route, wanted.route, wanted.kind, wanted.kind, limit)
    if wanted.action:
        return query.rows(f"action_{way}", wanted.action, *rest)
    return query.rows(f"entries_{way}", *rest)


def _by_number(query: Query, wanted: LogFilter) -> list[LogEntry]:
    """Return all entries about one control ID or placer order number, oldest first: few, found by their index."""
    first, last = query.rows("entry_days")[0]
    if first is None:
        return []
    days = range(first, last + 1)
    if wanted.control_id:
        found = query.rows_in("entries_by_control_id", days, text_as_bytes(wanted.control_id))
    else:
        found = query.rows_in("entries_by_placer", days, text_as_bytes(wanted.placer.partition("^")[0]))
    read = (entry(query, number) for number in sorted({row[0] for row in found}))
    return [one for one in read if one is not None and _fits(one, wanted)]


def _fits(one: LogEntry, wanted: LogFilter) -> bool:
    """Tell whether an entry found by an identifier passes the rest of the filter."""
    since, until = _times(wanted)
    at = microseconds(one.at)
    return (
        since <= at < until
        and wanted.route in ("", one.route)
        and wanted.kind in ("", one.kind)
        and wanted.action in ("", one.action)
        and wanted.control_id in ("", one.control_id)
        and (not wanted.placer or any(_is_placer(order, wanted.placer) for order in one.content["orders"]))
    )


def _is_placer(order: dict[str, str], placer: str) -> bool:
    """Tell whether an order has this placer order number, written whole or as its first component alone."""
    key = order["placer_key"]
    return placer in (order["placer_order_number"], key, key.partition("^")[0], key.rstrip("^"))


def _times(wanted: LogFilter) -> tuple[int, int]:
    since = -_FOREVER if wanted.since is None else microseconds(wanted.since)
    return since, _FOREVER if wanted.until is None else microseconds(wanted.until)


def _entry(row: Row) -> LogEntry:
    sequence, at, kind, route, action, control_id, message_id, body, digest = row
    return LogEntry(
        sequence=sequence,
        at=seconds(at),
        kind=kind,
        route=route,
        action=action,
        control_id=bytes_as_text(control_id),
        message_id=message_id,
        content=json.loads(body),
        body=body,
        hash=digest,
    )


def _whole(query: Query) -> Iterator[StoredEntry]:
    """Yield everything stored, by sequence, a stretch at a time."""
    last = -_FOREVER
    while rows := query.rows("whole_log", last, _STRETCH):
        for sequence, at, day, kind, route, action, control_id, message_id, body, digest, placers in rows:
            found = tuple(bytes_as_text(bytes.fromhex(placer)) for placer in json.loads(placers))
            control_id = bytes_as_text(control_id)
            yield StoredEntry(sequence, at, day, kind, route, action, control_id, message_id, found, body, digest)
        last = rows[-1][0]
