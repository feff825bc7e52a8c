"""The running figures of one transaction: next numbers, the end of the log, the books, the lanes touched.

Law: a ledger lives as long as its transaction. It starts from the disk, or where the last commit left it, and is
written back before the commit, so a rollback leaves nothing of it behind.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import apsw

from hl7calf.service.journal.jobs import Logged
from hl7calf.service.journal.query import CHUNK, Query, Row, microseconds
from hl7calf.service.journal.statements import sql, sql_for_rows
from hl7calf.service.modlog import DAY_US, GENESIS, entry_body, entry_hash, placers_of, text_as_bytes


class Standing(NamedTuple):
    """Where a committed transaction left the figures. Routes stay among the parked ones longer than they are."""

    next_message_id: int
    sequence: int
    hash: bytes
    routes_with_parked: frozenset[str]


class Ledger(Query):
    """One transaction's cursor and running figures.

    Args:
        standing: where the transaction before this one left them, if it was committed; else they are read.
    """

    def __init__(
        self, connection: apsw.Connection, node: str, hmac_key: bytes, standing: Standing | None = None
    ) -> None:
        super().__init__(connection)
        self._node = node
        self._hmac_key = hmac_key
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lanes: set[tuple[str, str]] = set()
        self._entries: list[Row] = []
        self._placers: list[Row] = []
        begin = standing or self._read()
        self.next_message_id = begin.next_message_id
        self._sequence = begin.sequence
        self._hash = begin.hash
        self.routes_with_parked = set(begin.routes_with_parked)

    def _read(self) -> Standing:
        [(last_id, received, sequence, digest)] = self.rows("last_numbers")
        parked = frozenset(row[0] for row in self.rows("routes_with_parked"))
        return Standing(max(last_id or 0, received or 0) + 1, sequence or 0, digest or GENESIS, parked)

    @property
    def standing(self) -> Standing:
        """Where the next transaction begins, once this one is committed."""
        return Standing(self.next_message_id, self._sequence, self._hash, frozenset(self.routes_with_parked))

    def run(self, name: str, *values: Any) -> None:
        """Run a named statement."""
        self._cursor.execute(sql(name), values)

    def insert(self, name: str, rows: Sequence[Row]) -> None:
        """Insert rows by a named INSERT, many in one statement."""
        try:
            self._insert(name, rows)
        except UnicodeEncodeError:  # bound before anything is written, so no row is there yet
            self._insert(name, [tuple(map(_storable, row)) for row in rows])

    def _insert(self, name: str, rows: Sequence[Row]) -> None:
        """Insert in pieces of a few sizes, each half the one before, so that their statements stay prepared."""
        execute = self._cursor.execute
        start, size, left = 0, CHUNK, len(rows)
        while left:
            while size > left:
                size //= 2
            part = rows[start : start + size]
            execute(sql_for_rows(name, size), [value for row in part for value in row])
            start += size
            left -= size

    def changes(self) -> int:
        """Return how many rows the last statement changed."""
        return self._cursor.connection.changes()

    def vacuum(self, pages: int) -> int:
        """Give up to so many free pages back to the disk and return how many bytes that was."""
        size: int = self._cursor.execute("PRAGMA page_size").get
        before: int = self._cursor.execute("PRAGMA page_count").get
        self._cursor.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        after: int = self._cursor.execute("PRAGMA page_count").get
        return (before - after) * size

    def count(self, route: str, name: str, number: int = 1) -> None:
        """Add to the books of a route."""
        self._counts[route, name] += number

    def move(self, route: str, before: str, after: str) -> None:
        """Note in the books that a message left one state for another."""
        self.count(route, before, -1)
        self.count(route, after)

    def touch(self, route: str, lane: str) -> None:
        """Note that who comes next in this lane may have changed."""
        self._lanes.add((route, lane))

    def log(self, at: int, fields: Mapping[str, Any]) -> Logged:
        """Append one entry to the modification log; `fields` has `kind` and whatever else it says."""
        sequence = self._sequence + 1
        body = entry_body(sequence, at, self._node, self._hash, fields)
        digest = entry_hash(body, self._hmac_key)
        self._sequence, self._hash = sequence, digest
        day = at // DAY_US
        self._entries.append(
            (
                sequence,
                at,
                day,
                fields["kind"],
                fields.get("route", ""),
                fields.get("action", ""),
                text_as_bytes(fields.get("control_id", "")),
                fields.get("message_id"),
                body,
                digest,
            )
        )
        self._placers += [(day, text_as_bytes(placer), sequence) for placer in placers_of(fields)]
        return Logged(sequence, digest)

    def log_decision(
        self,
        at: float,
        kind: str,
        user: str,
        reason: str,
        route: str = "",
        message_id: int | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Logged:
        """Append an entry about what a person or the service itself decided."""
        fields: dict[str, Any] = {
            "kind": kind,
            "user": user,
            "reason": reason,
            "route": route,
            "details": dict(details or {}),
        }
        if message_id is not None:
            fields["message_id"] = message_id
        return self.log(microseconds(at), fields)

    def write_log(self) -> None:
        """Put the entries on the disk that were only appended so far."""
        self.insert("insert_entry", self._entries)
        self.insert("insert_entry_placer", self._placers)
        self._entries, self._placers = [], []

    def close(self) -> None:
        """Write everything back, just before the commit."""
        self.write_log()
        settle_heads(self, self._lanes)
        self.insert("add_to_book", [(route, name, n) for (route, name), n in self._counts.items() if n])


def _storable(value: Any) -> Any:
    """Return a text without what UTF-8 cannot say; an odd character in it must not keep a message from the disk."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def settle_heads(ledger: Ledger, lanes: Iterable[tuple[str, str]]) -> None:
    """Make the first free message of each lane its head. Whoever frees an earlier one has taken the mark off."""
    for route, lane in lanes:
        first = ledger.row("first_free", route, lane)
        if first and not first[1]:
            ledger.run("set_head", 1, first[0])
