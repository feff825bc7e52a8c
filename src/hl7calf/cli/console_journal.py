"""The journal as the console needs it (`console.journal.Journal`), over the store's own reader and request desk.

Law: what moves messages or changes the mode is asked of the running service. What a person saw or decided is
written into the modification log by the journal's own code, in one short transaction of this process: it must be
there also when the service does not run, and before anything is shown.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from hl7calf.calf.verdict import Remembered
from hl7calf.service.journal.batch import Batch
from hl7calf.service.journal.desk import ask, wait_for
from hl7calf.service.journal.failures import as_journal_error, nowhere
from hl7calf.service.journal.files import open_connection
from hl7calf.service.journal.jobs import Event, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.statements import sql
from hl7calf.service.journal.views import Message, MessageLine, Status

ANSWER_TIMEOUT_S = 2.0  # the service looks every 200 ms; a page must not hang for long


class StoredJournal:
    """Reads through one connection, for the thread that made it.

    Args:
        hmac_key: the site's key for the chain of the log, if it has one.
    """

    def __init__(self, data_dir: Path, hmac_key: bytes = b"") -> None:
        self._data_dir = data_dir
        self._hmac_key = hmac_key
        self._reader = Reader(data_dir)

    def status(self) -> Status:
        """Return the whole at one moment."""
        return self._reader.status()

    def message(self, message_id: int) -> Message | None:
        """Return one message."""
        return self._reader.message(message_id)

    def messages(self, state: str, route: str, after: int, limit: int) -> Sequence[MessageLine]:
        """Return messages in one state, in order of arrival."""
        return self._reader.messages(State(state), route or None, after, limit)

    def remembered(self, placer_key: bytes) -> Remembered | None:
        """Return what was done before to a placer order."""
        return self._reader.remembered(placer_key)

    def ask(self, kind: str, user: str, reason: str, message_id: int | None, value: str) -> tuple[bool, str]:
        """Ask the running service, and wait a moment for its answer."""
        number = ask(self._data_dir, kind, user=user, reason=reason, at=time.time(), message_id=message_id, value=value)
        patience = ANSWER_TIMEOUT_S if self._reader.status().running else 0.0
        answer = wait_for(self._reader, number, patience)
        if answer is None:
            return False, "The service has not answered; the request is noted and will be carried out when it runs."
        return answer.ok, answer.message

    def record(self, kind: str, user: str, reason: str, details: Mapping[str, str]) -> None:
        """Write an entry of its own into the log."""
        record(self._data_dir, kind, user, reason, details, self._hmac_key)


def record(
    data_dir: Path, kind: str, user: str, reason: str, details: Mapping[str, str], hmac_key: bytes = b""
) -> None:
    """Write an entry of its own into the log of a journal, whether a service runs on it or not.

    Raises:
        JournalError: it could not be written; what was to be recorded must not happen then.
    """
    job = Event(kind, time.time(), dict(details), user=user, reason=reason)
    try:
        with closing(open_connection(data_dir)) as connection:
            connection.execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0").fetchall()
            row = connection.execute(sql("get_control"), ("node",)).fetchone()
            node = str(row[0]) if row else ""
            answer = Batch(connection, node, hmac_key, nowhere).run([job])[0]
    except apsw.Error as error:
        raise as_journal_error(error) from None
    if isinstance(answer, Exception):
        raise answer
