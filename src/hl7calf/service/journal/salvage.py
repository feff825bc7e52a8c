"""Making a new journal of what can still be read in a damaged one (R8).

Law: the damaged files are only read. Nothing is invented: a message goes into the new journal with bytes that match
their checksum, or not at all. What is doubtful about it becomes a question for a person: it is parked. The new journal
starts paused, as everything in it may have been delivered since.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from hl7calf.errors import JournalError, WireError
from hl7calf.service.journal import files, schema
from hl7calf.service.journal.failures import as_journal_error
from hl7calf.service.journal.holds import FREE, HELD, PARKED
from hl7calf.service.journal.jobs import SetPaused, State
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.pages import Pages
from hl7calf.service.journal.query import Row, microseconds
from hl7calf.service.journal.rubble import WAITING, Found, recognise
from hl7calf.service.journal.statements import sql
from hl7calf.service.journal.store import Store
from hl7calf.service.modlog import DAY_US, placers_of, text_as_bytes
from hl7calf.wire.header import read_header
from hl7calf.wire.message import read_message
from hl7calf.wire.orders import is_order_message, placer_key, read_orders

_UNDER_WORK = f"{files.DATABASE}-salvaging"
_AT_ONCE = 5000  # rows in a transaction, and messages in memory at a time
_STATEMENTS = {
    "message": "salvage_message",
    "payload": "salvage_payload",
    "seen": "salvage_seen",
    "entry": "salvage_entry",
    "history": "salvage_history",
    "remembered": "salvage_remembered",
}
_WHY_PAUSED = "salvaged from a damaged store: what is queued may have been delivered already"
_NO_RECORD = "its record was damaged, so nobody knows whether it was delivered"


@dataclass(slots=True)
class Salvaged:
    """What came of it: `doubtful` are parked for a person, of `lost` only the number is known, and that they waited."""

    messages: int = 0
    waiting: int = 0
    entries: int = 0
    unreadable: int = 0
    doubtful: dict[int, str] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)


def salvage(source: Path, data_dir: Path, *, node: str, user: str, at: float, hmac_key: bytes = b"") -> Salvaged:
    """Read what is left in `source`, a data folder or a database file, and make the journal of an empty `data_dir`.

    Raises:
        JournalError: there is nothing to read, or `data_dir` holds a journal already.
        JournalLocked: a service runs on one of the two.
    """
    database = source / files.DATABASE if source.is_dir() else source
    if not database.is_file():
        raise JournalError(f"there is no {files.DATABASE} to read")
    locks = [files.own(data_dir)]
    try:
        if (data_dir / files.DATABASE).stat().st_size:
            raise JournalError("data_dir holds a journal already; move it away first")
        if (database.parent / files.LOCK).exists():
            locks.append(files.take_lock(database.parent))
        new = data_dir / _UNDER_WORK
        new.unlink(missing_ok=True)  # of a salvage that was ended half-way
        files.make_private_file(new)
        found = _rebuild(database, new, node, user, at, hmac_key)
        new.rename(data_dir / files.DATABASE)  # whole and paused, or not at all
    except apsw.Error as error:
        raise as_journal_error(error) from None
    finally:
        for lock in locks:
            os.close(lock)
    with Store.open(data_dir, node, hmac_key=hmac_key, at=at) as store:
        store.run([SetPaused(True, user, _WHY_PAUSED, at)])
    return found


def _rebuild(source: Path, target: Path, node: str, user: str, at: float, hmac_key: bytes) -> Salvaged:
    with closing(Pages(source)) as pages, closing(_new_journal(target)) as connection:
        rebuilding = _Rebuilding(connection)
        for rows in _stretches(pages, hmac_key):
            with connection:
                rebuilding.take(rows)
        with connection:
            rebuilding.settle(node, user, at, hmac_key)
        rebuilding.found.unreadable = pages.unreadable
        return rebuilding.found


def _new_journal(target: Path) -> apsw.Connection:
    connection = apsw.Connection(str(target), flags=apsw.SQLITE_OPEN_READWRITE)
    files.configured(connection, busy_timeout_s=5.0, cache_kib=16 * 1024)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    schema.migrate(connection)
    return connection


def _stretches(pages: Pages, hmac_key: bytes) -> Iterator[list[Found]]:
    rows: list[Found] = []
    for row in pages.rows():
        found = recognise(row, hmac_key)
        if found is not None:
            rows.append(found)
        if len(rows) >= _AT_ONCE:
            yield rows
            rows = []
    yield rows


class _Rebuilding:
    """The new journal in the making."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._waited: dict[int, str] = {}  # by the outbox: why, for those that have a reason
        self._holds: dict[int, set[bytes]] = {}
        self._highest = 0
        self.found = Salvaged()

    def take(self, rows: list[Found]) -> None:
        """Put rows where they belong, in whatever order they are found."""
        for one in rows:
            values = one.values
            if one.table == "outbox":
                self._waited[values[0]] = values[8]
            elif one.table == "hold":
                self._holds.setdefault(values[2], set()).add(values[1])
            elif one.table == "control":
                if values[0] == "mode":
                    self._run("set_control", *values)
            else:
                self._run(_STATEMENTS[one.table], *values)
            if one.table in ("message", "payload", "outbox", "seen"):
                self._highest = max(self._highest, values[0])
            if one.doubt:
                self.found.doubtful[values[0]] = one.doubt

    def settle(self, node: str, user: str, at: float, hmac_key: bytes) -> None:
        """Make of the rows a journal that holds together."""
        self._find_lost()
        self._give_records()
        self._park_doubtful()
        for name in ("forget_lost_entries", "forget_lost_histories"):
            self._run(name)
        ledger = Ledger(self._connection, node, hmac_key)
        self._index_log(ledger)
        self._queue(ledger)
        self._count(ledger)
        details = {
            "messages": str(self.found.messages), "waiting": str(self.found.waiting), "lost": str(len(self.found.lost)),
            "doubtful": str(len(self.found.doubtful)), "entries": str(self.found.entries),
        }  # fmt: skip
        ledger.log_decision(at, "salvaged", user, "the store was damaged", details=details)
        ledger.close()
        ledger.run("mark_all_as_possible_duplicates")
        self._run("set_control", "paused", "1", user, _WHY_PAUSED, microseconds(at))

    def _index_log(self, ledger: Ledger) -> None:
        """Have the entries found by their placer orders again."""
        last = 0
        while entries := ledger.rows("salvaged_entries", last, _AT_ONCE):
            for sequence, day, body in entries:
                placers = placers_of(json.loads(body))
                ledger.insert("insert_entry_placer", [(day, text_as_bytes(one), sequence) for one in placers])
            self.found.entries += len(entries)
            last = entries[-1][0]

    def _find_lost(self) -> None:
        """Take out the records whose bytes are gone; note those that were still to be delivered."""
        lost = {number for number, state in self._rows("messages_without_bytes") if state in WAITING}
        self._run("delete_messages_without_bytes")
        self._highest = max([self._highest, *self._waited])
        kept = {number for (number,) in self._rows("numbers_with_bytes")}
        self.found.lost = sorted(lost | {number for number in self._waited if number not in kept})

    def _give_records(self) -> None:
        """Give bytes without a record a new one: delivered if their history says so, else a question for a person."""
        for number, inbound, changed in self._rows("bytes_without_record"):
            [(route, at), *_] = self._rows("nearest_message", number, number) or [("salvaged", 0)]
            state = State.DELIVERED if self._rows("was_delivered", number) else State.PARKED
            self._run("insert_message", *_record(number, inbound, changed, state, route, at))
            if state is State.PARKED:
                self.found.doubtful[number] = _NO_RECORD

    def _park_doubtful(self) -> None:
        """Keep what is doubtful from going out by itself; what was finished needs no decision any more."""
        for number in list(self.found.doubtful):
            [(state,)] = self._rows("state_of", number) or [("",)]
            if state in WAITING:
                self._run("set_state", State.PARKED, None, number)
            else:
                del self.found.doubtful[number]

    def _queue(self, ledger: Ledger) -> None:
        """Lay out the outbox anew: who is parked, who must wait behind whom, who goes first in each lane."""
        blocked: set[tuple[str, bytes]] = set()
        last = 0
        while waiting := ledger.rows("salvaged_waiting", last, _AT_ONCE):
            for number, route, lane, state, inbound in waiting:
                keys = self._holds.get(number, set()) | _placers(inbound)
                held = any((route, key) in blocked for key in keys)
                if held or state == State.PARKED:
                    blocked |= {(route, key) for key in keys}
                how = PARKED if state == State.PARKED else HELD if held else FREE
                why = self.found.doubtful.get(number) or self._waited.get(number, "")
                ledger.insert("insert_outbox", [(number, route, lane, how, why)])
                ledger.insert("insert_hold", [(route, key, number, int(how != FREE)) for key in sorted(keys)])
                ledger.touch(route, lane)
                self.found.waiting += 1
            last = waiting[-1][0]

    def _count(self, ledger: Ledger) -> None:
        """Make the books of what is there. Numbers go on behind the highest ever seen, so none is used twice."""
        received: Counter[str] = Counter()
        for route, state, number in ledger.rows("recount"):
            ledger.count(route, state, number)
            received[route] += number
        for route, number in received.items():
            ledger.count(route, "received", number)
        self.found.messages = sum(received.values())
        ledger.count("", "received", max(0, self._highest - self.found.messages))
        ledger.count("", "seen", ledger.value("count_seen"))

    def _run(self, name: str, *values: object) -> None:
        self._connection.execute(sql(name), values)

    def _rows(self, name: str, *values: object) -> list[Row]:
        return self._connection.execute(sql(name), values).fetchall()


def _placers(inbound: bytes) -> set[bytes]:
    """Return what a message's placer orders hold others by, as `holds.hold_keys` does for a verdict."""
    try:
        message = read_message(inbound)
    except WireError:
        return set()
    if not is_order_message(message.header):
        return set()
    return {b"P" + key for group in read_orders(message) if (key := placer_key(message, group))}


def _record(number: int, inbound: bytes, changed: int, state: State, route: str, at: int) -> Row:
    """Return a record for bytes whose own is gone; its time is the nearest that is known."""
    texts = [b""] * 5
    message_type = version = ""
    try:
        header = read_header(inbound)
        texts = [header.field(place) for place in (3, 4, 5, 6)] + [header.control_id]
        message_type, version = header.message_type, header.version
    except WireError:
        pass
    return (
        number, route, route, state, at // DAY_US, at, None if state in WAITING else at, "", 0, *texts[:4],
        message_type, texts[4], version, "", "[]", "", _NO_RECORD, "", b"", changed, None,
    )  # fmt: skip
