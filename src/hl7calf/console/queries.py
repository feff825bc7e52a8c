"""The console's own reading of the journal's file: log pages with a gate filter, arrivals by the hour, daily figures.

Law: read-only, in the thread that opened it. Figures are counted forward from where the last look ended, so a page
costs what is new and not what is old; what was counted stays counted when the journal forgets it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from hl7calf.errors import JournalError

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
ORDER_KINDS = ("message", "raised")  # entries with orders in them: as one came, and as a reviewer had it go on
_STRETCH = 500
MOST_EXAMINED = 20_000  # entries looked through for one page of a rare gate; then the page says where to go on
MOST_COUNTED = 100_000  # entries counted for one page; the next page goes on

_COLUMNS = "sequence, at, kind, route, action, message_id, body, hash"
_DAYS = "WITH RECURSIVE days (day) AS (SELECT min(day) FROM entry UNION ALL SELECT day + 1 FROM days WHERE day < ?)"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which log entries a page shows; empty means all. `kind` is `message`, `decision` (all others), or empty."""

    route: str = ""
    action: str = ""
    gate: str = ""
    kind: str = ""
    control_id: str = ""
    placer: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the modification log, newest first in a page."""

    sequence: int
    at: float
    kind: str
    route: str
    action: str
    message_id: int | None
    content: dict[str, Any]
    hash: bytes


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some entries, newest first. `older` is where the next page begins, None at the end of what fits."""

    entries: tuple[Entry, ...]
    older: int | None
    examined: int


class Archive:
    """A read-only connection to the journal's file.

    Args:
        file: the database.

    Raises:
        JournalError: it cannot be opened; also by every method.
    """

    def __init__(self, file: Path) -> None:
        try:
            self._connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
            self._connection.set_busy_timeout(5000)
            self._connection.execute("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON")
        except apsw.Error:
            raise JournalError("there is no journal in data_dir; has the service run there?") from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement.

        Raises:
            JournalError: the file cannot be read just now.
        """
        try:
            return self._connection.execute(statement, values).fetchall()
        except apsw.Error as error:
            raise JournalError(f"the journal cannot be read: {type(error).__name__}") from None

    def log_page(self, wanted: Wanted, before: int | None = None, limit: int = 50) -> LogPage:
        """Return one page of the log, newest first, of entries older than the sequence number `before`."""
        found: list[Entry] = []
        examined = 0
        for entry in self._entries_down(wanted, before):
            examined += 1
            if _passes(entry, wanted):
                found.append(entry)
            if len(found) > limit:
                return LogPage(tuple(found[:limit]), found[limit - 1].sequence, examined)
            if examined >= MOST_EXAMINED:
                return LogPage(tuple(found), entry.sequence, examined)
        return LogPage(tuple(found), None, examined)

    def entry(self, sequence: int) -> Entry | None:
        """Return one entry."""
        rows = self.rows(f"SELECT {_COLUMNS} FROM entry WHERE sequence = ?", (sequence,))
        return _entry(rows[0]) if rows else None

    def newest(self, state: str, limit: int) -> list[int]:
        """Return the numbers of the last messages in a state that need a person (parked, quarantined), newest first."""
        statement = (
            "SELECT id FROM message WHERE state = ? AND state IN ('parked', 'quarantined') ORDER BY id DESC LIMIT ?"
        )
        return [row[0] for row in self.rows(statement, (state, limit))]

    def decisions(self, kinds: Sequence[str], since: float) -> list[Entry]:
        """Return what people decided, oldest first; the action of such entries is none or `upgrade`."""
        first = self.rows("SELECT sequence FROM entry WHERE at >= ? ORDER BY at LIMIT 1", (round(since * 1e6),))
        if not first:
            return []
        marks = ", ".join("?" * len(kinds))
        where = f"action IN ('', 'upgrade') AND kind IN ({marks}) AND sequence >= ? AND at >= ?"
        statement = f"SELECT {_COLUMNS} FROM entry WHERE {where} ORDER BY sequence"
        return [_entry(row) for row in self.rows(statement, (*kinds, first[0][0], round(since * 1e6)))]

    def _entries_down(self, wanted: Wanted, before: int | None) -> Iterator[Entry]:
        """Yield entries from new to old, by whichever index the filter allows."""
        if wanted.control_id or wanted.placer:
            yield from self._by_identifier(wanted, before)
            return
        where, values = _where(wanted)
        upper = 2**62 if before is None else before
        while True:
            rows = self.rows(
                f"SELECT {_COLUMNS} FROM entry WHERE sequence < ?{where} ORDER BY sequence DESC LIMIT {_STRETCH}",
                (upper, *values),
            )
            yield from map(_entry, rows)
            if len(rows) < _STRETCH:
                return
            upper = rows[-1][0]

    def _by_identifier(self, wanted: Wanted, before: int | None) -> Iterator[Entry]:
        """Yield the few entries of one control ID or placer order number."""
        newest = self.rows("SELECT max(day) FROM entry")[0][0]
        if wanted.control_id:
            text = (
                "SELECT e.sequence FROM days CROSS JOIN entry e ON e.day = days.day AND e.control_id = ? "
                "AND e.control_id <> x''"
            )
            value = _as_kept(wanted.control_id)
        else:
            text = "SELECT e.sequence FROM days CROSS JOIN entry_placer e ON e.day = days.day AND e.placer = ?"
            value = _as_kept(wanted.placer.partition("^")[0])
        numbers = sorted({row[0] for row in self.rows(f"{_DAYS} {text}", (newest, value))}, reverse=True)
        for number in numbers:
            entry = self.entry(number)
            if entry is not None and (before is None or number < before) and _fits(entry, wanted):
                yield entry


def _as_kept(identifier: str) -> bytes:
    """Return an identifier as the journal's index has it: bytes, for MSH-10 may be anything."""
    return identifier.encode("utf-8", "surrogateescape")


def _where(wanted: Wanted) -> tuple[str, list[Any]]:
    parts = ""
    values: list[Any] = []
    for column, value in (("route", wanted.route), ("action", wanted.action)):
        if value:
            parts, values = f"{parts} AND {column} = ?", [*values, value]
    if wanted.kind:
        parts += f" AND kind IN {ORDER_KINDS}" if wanted.kind == "message" else " AND kind <> 'message'"
    if wanted.since is not None:
        parts, values = f"{parts} AND at >= ?", [*values, round(wanted.since * 1e6)]
    if wanted.until is not None:
        parts, values = f"{parts} AND at < ?", [*values, round(wanted.until * 1e6)]
    return parts, values


def _fits(entry: Entry, wanted: Wanted) -> bool:
    """Tell whether an entry found by an identifier passes the rest of the filter."""
    content = entry.content
    return (
        wanted.route in ("", entry.route)
        and wanted.action in ("", entry.action)
        and wanted.control_id in ("", content.get("control_id", ""))
        and (wanted.since is None or entry.at >= wanted.since)
        and (wanted.until is None or entry.at < wanted.until)
        and (not wanted.placer or any(_is_placer(order, wanted.placer) for order in content.get("orders", ())))
    )


def _is_placer(order: dict[str, str], placer: str) -> bool:
    key = order.get("placer_key", "")
    return placer in (order.get("placer_order_number"), key, key.partition("^")[0], key.rstrip("^"))


def _passes(entry: Entry, wanted: Wanted) -> bool:
    if not wanted.gate:
        return True
    orders = entry.content.get("orders", ())
    return any(gate["code"] == wanted.gate for order in orders for gate in order["gates"])


def _entry(row: tuple[Any, ...]) -> Entry:
    sequence, at, kind, route, action, message_id, body, digest = row
    return Entry(sequence, at / 1e6, kind, route, action, message_id, json.loads(body), digest)
