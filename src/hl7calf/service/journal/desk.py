"""Where other processes leave requests for the running service, and wait for its answer.

Law: another process never changes the queue or the mode itself; the one writer does, and writes down who asked.
"""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from hl7calf.service.journal.decisions import KINDS
from hl7calf.service.journal.failures import as_journal_error
from hl7calf.service.journal.files import open_connection
from hl7calf.service.journal.query import microseconds
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.statements import sql
from hl7calf.service.journal.views import Request


def ask(
    data_dir: Path,
    kind: str,
    *,
    user: str,
    reason: str,
    at: float,
    message_id: int | None = None,
    value: str = "",
    busy_timeout_s: float = 5.0,
) -> int:
    """Leave a request for the service that runs on this journal and return its number.

    Args:
        kind: one of `KINDS`; `mode` takes the mode as `value`, the queue's kinds a `message_id`. `reload` and what
            else the service itself must act on is only marked done by it.

    Raises:
        JournalError: there is no journal, or it may not be written by this user.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of request: {kind}")
    try:
        with closing(open_connection(data_dir, busy_timeout_s=busy_timeout_s)) as connection:
            # what a terminal hands over need not be UTF-8
            texts = [text.encode("utf-8", "replace").decode() for text in (value, user, reason)]
            values = (kind, message_id, *texts, microseconds(at))
            number: int = connection.execute(sql("insert_request"), values).get
            return number
    except apsw.Error as error:
        raise as_journal_error(error) from None


def wait_for(
    reader: Reader, request_id: int, timeout_s: float, sleep: Callable[[float], None] = time.sleep
) -> Request | None:
    """Return the request once it was answered, or None when nobody answered in time; it stays in the journal."""
    step_s = 0.02
    for _ in range(max(1, round(timeout_s / step_s))):
        request = reader.request(request_id)
        if request and request.done_at is not None:
            return request
        sleep(step_s)
    return None
