"""Reading the journal from any process, also while the service writes it.

Law: read-only, and nothing is held open: each call is one consistent reading that copies what it returns, so no
reader keeps the WAL from being written back. What is asked often costs the same whatever the backlog and the
history: an index and a limit, never a count.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import apsw

from hl7calf.calf.verdict import Remembered
from hl7calf.service.journal import files, reading_books, reading_log, reading_messages, reading_queue
from hl7calf.service.journal.failures import as_journal_error
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.query import Query
from hl7calf.service.journal.views import (
    Books,
    Control,
    Lane,
    LogEntry,
    LogFilter,
    Message,
    MessageLine,
    Queued,
    Request,
    Status,
)
from hl7calf.service.modlog import Anchor, VerifyResult

_EVERYTHING = LogFilter()


class Reader:
    """A read-only connection, for the thread that made it.

    Args:
        hmac_key: the site's key for the chain of the log, needed by `verify` alone.

    Raises:
        JournalError: there is no journal in `data_dir`, or this user may not read it. Also by every method.
    """

    def __init__(self, data_dir: Path, *, hmac_key: bytes = b"") -> None:
        self.data_dir = data_dir
        self._hmac_key = hmac_key
        try:
            self._connection = files.open_connection(data_dir, read_only=True)
        except apsw.Error as error:
            raise as_journal_error(error) from None
        self._query = Query(self._connection)
        self._version: object = None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Query]:
        """Read one state of the journal, whatever is committed meanwhile."""
        try:
            with self._connection:
                yield self._query
        except apsw.Error as error:
            raise as_journal_error(error) from None

    def changed(self) -> bool:
        """Tell whether another connection committed anything since the last call; cheap enough to ask every 100 ms."""
        try:
            version: object = self._connection.pragma("data_version")
        except apsw.Error as error:
            raise as_journal_error(error) from None
        before, self._version = self._version, version
        return bool(version != before)

    # --- the queue

    def outbox_head(self, route: str, lane: str, limit: int = 1) -> list[Queued]:
        """Return what goes next in a lane, in order of arrival, without parked and held ones, bytes checked.

        Fewer than `limit` are all there are, unless their bytes together reach `reading_queue.MOST_BYTES`.

        `next_attempt_at` is not looked at: whoever sends waits for it, so that nothing overtakes.
        """
        with self._reading() as query:
            return reading_queue.outbox_head(query, route, lane, limit)

    def due(self, route: str, now: float, limit: int = 100) -> list[Queued]:
        """Return the first message of each of the route's lanes that may be sent by now, longest due first."""
        with self._reading() as query:
            return reading_queue.due(query, route, now, limit)

    def next_due_at(self, route: str) -> float | None:
        """Return when the first message of any of the route's lanes may be sent; None when nothing waits."""
        with self._reading() as query:
            return reading_queue.next_due_at(query, route)

    def lanes(self, route: str | None = None, limit: int = 1000) -> list[Lane]:
        """Return the lanes that have something to send, those due first."""
        with self._reading() as query:
            routes = [route] if route is not None else sorted(reading_books.by_route(query))
            return [lane for one in routes for lane in reading_queue.lanes(query, one, limit)][:limit]

    # --- messages

    def message(self, message_id: int) -> Message | None:
        """Return one message whole, with its decision and history; it holds patient data."""
        with self._reading() as query:
            return reading_messages.message(query, message_id)

    def by_control_id(self, control_id: bytes, limit: int = 20) -> list[MessageLine]:
        """Return the messages with this MSH-10, newest first."""
        with self._reading() as query:
            return reading_messages.by_control_id(query, control_id, limit)

    def messages(
        self,
        state: State | None = None,
        route: str | None = None,
        after: int = 0,
        limit: int = 100,
        since: float | None = None,
    ) -> list[MessageLine]:
        """Return messages in order of arrival; for the next page hand in the last one's number as `after`."""
        with self._reading() as query:
            return reading_messages.messages(query, state, route, after, limit, since)

    def payloads(
        self, since: float | None = None, control_id: bytes | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[MessageLine, bytes]]:
        """Return messages with the bytes as they came in, in order of arrival; what is damaged is left out.

        For the next page hand in the last one's number as `after`.
        """
        with self._reading() as query:
            return reading_messages.payloads(query, since, control_id, after, limit)

    # --- the modification log and the order memory

    def entries(self, wanted: LogFilter = _EVERYTHING, after: int = 0, limit: int = 100) -> list[LogEntry]:
        """Return entries oldest first; to go on or to follow, hand in the last one's sequence as `after`."""
        with self._reading() as query:
            return reading_log.entries(query, wanted, after, limit)

    def newest_entries(self, wanted: LogFilter = _EVERYTHING, limit: int = 100) -> list[LogEntry]:
        """Return the last entries that fit, newest last."""
        with self._reading() as query:
            return reading_log.newest_entries(query, wanted, limit)

    def head(self) -> Anchor:
        """Return the end of the log: kept elsewhere, it proves that nothing was cut off."""
        with self._reading() as query:
            return reading_log.head(query)

    def verify(self, anchor: Anchor | None = None) -> VerifyResult:
        """Prove the chain of the log, reading all of it in one state."""
        with self._reading() as query:
            return reading_log.verify(query, anchor, self._hmac_key)

    def remembered(self, placer_key: bytes) -> Remembered | None:
        """Return what was done to a placer order: a `Recall`.

        Only what is committed: whoever vets ahead of the commit lays the verdicts in flight over it.
        """
        with self._reading() as query:
            return reading_log.remembered(query, placer_key)

    def remembered_keys(self) -> Iterator[bytes]:
        """Yield the keys of all placer orders that something was done to; one state of the journal each stretch."""
        after = b""
        while True:
            with self._reading() as query:
                keys = reading_log.remembered_keys(query, after)
            if not keys:
                return
            yield from keys
            after = keys[-1]

    # --- books, control, status

    def books(self, route: str | None = None) -> Books:
        """Return the books of a route, or of all together."""
        with self._reading() as query:
            return reading_books.books(query, route)

    def books_by_route(self) -> dict[str, Books]:
        """Return the books of each route."""
        with self._reading() as query:
            return reading_books.by_route(query)

    def recount(self) -> dict[str, Books]:
        """Count every message on disk anew, to compare with `books_by_route`; slow on a large journal."""
        with self._reading() as query:
            return reading_books.recount(query)

    def control(self) -> Control:
        """Return the mode and whether forwarding is paused."""
        with self._reading() as query:
            return reading_books.control(query)

    def requests(self) -> list[Request]:
        """Return what other processes asked for and nobody has answered, oldest first."""
        with self._reading() as query:
            return reading_books.requests(query)

    def request(self, request_id: int) -> Request | None:
        """Return one request with its answer."""
        with self._reading() as query:
            return reading_books.request(query, request_id)

    def status(self) -> Status:
        """Return the whole at one moment."""
        running = files.is_owned(self.data_dir)
        with self._reading() as query:
            return reading_books.status(query, running, reading_log.head(query))
