"""Reading messages: one whole, or lists of lines. Law: lines hold no bytes but those of the header."""

import hashlib
import json
import math
from collections.abc import Iterable

from hl7calf.service.journal import reading_books, reading_log
from hl7calf.service.journal.holds import HELD
from hl7calf.service.journal.jobs import Envelope, State
from hl7calf.service.journal.query import Query, Row, microseconds, seconds
from hl7calf.service.journal.views import Attempt, Message, MessageLine

_INDEXED = {State.PARKED: "numbers_parked", State.QUARANTINED: "numbers_quarantined"}
_ALL = 1_000_000  # more messages with one control ID than that cannot be paged through


def message(query: Query, message_id: int) -> Message | None:
    """Return one message whole."""
    line = _line(query, message_id)
    row = query.row("message_rest", message_id)
    if line is None or row is None:
        return None
    inbound_bytes, outbound, sha256_in, sha256_out, reasons, fault_why, answer_code, answer, entry = row
    hashes = (hashlib.sha256(inbound_bytes).digest(), hashlib.sha256(outbound).digest())
    return Message(
        line=line,
        inbound=inbound_bytes,
        outbound=outbound,
        sha256_in=sha256_in,
        sha256_out=sha256_out,
        intact=hashes == (sha256_in, sha256_out),
        reasons=tuple(json.loads(reasons)),
        fault_why=fault_why,
        answer_code=answer_code,
        answer=answer,
        entry=reading_log.entry(query, entry) if entry is not None else None,
        history=_history(query, message_id),
    )


def by_control_id(query: Query, control_id: bytes, limit: int) -> list[MessageLine]:
    """Return the messages with this MSH-10, newest first."""
    first, last = query.rows("days")[0]
    if first is None:
        return []
    found = query.rows_in("numbers_by_control_id", range(first, last + 1), control_id)
    numbers = sorted({row[0] for row in found}, reverse=True)[:limit]
    return _lines(query, numbers)


def messages(
    query: Query, state: State | None, route: str | None, after: int, limit: int, since: float | None
) -> list[MessageLine]:
    """Return messages in order of arrival, from the index that fits the question."""
    if state is State.QUEUED and route and since is None:
        return _lines(query, [row[0] for row in query.rows("numbers_queued", after, route, limit)])
    if state in _INDEXED and since is None:
        routes = [route] if route else sorted(reading_books.by_route(query))
        found = [row for one in routes for row in query.rows(_INDEXED[state], one, after, limit)]
        return _lines(query, sorted(row[0] for row in found)[:limit])
    wanted, where = state or "", route or ""
    start = -(2**62) if since is None else microseconds(since)
    found = query.rows("numbers", after, wanted, wanted, where, where, start, limit)
    return _lines(query, [row[0] for row in found])


def payloads(
    query: Query, since: float | None, control_id: bytes | None, after: int, limit: int
) -> list[tuple[MessageLine, bytes]]:
    """Return messages with their inbound bytes, in order of arrival; damaged ones are left out."""
    found: list[tuple[MessageLine, bytes]] = []
    while not found:
        if control_id is None:
            lines = messages(query, None, None, after, limit, since)
        else:
            every = reversed(by_control_id(query, control_id, _ALL))
            early = -math.inf if since is None else since
            lines = [line for line in every if line.message_id > after and line.received_at >= early][:limit]
        if not lines:
            break
        after = lines[-1].message_id
        for line in lines:
            row = query.row("inbound", line.message_id)
            if row is not None and hashlib.sha256(row[0]).digest() == row[1]:
                found.append((line, row[0]))
    return found


def _lines(query: Query, numbers: Iterable[int]) -> list[MessageLine]:
    found = (_line(query, number) for number in numbers)
    return [line for line in found if line is not None]


def _line(query: Query, message_id: int) -> MessageLine | None:
    row = query.row("message_line", message_id)
    return None if row is None else _as_line(row)


def _as_line(row: Row) -> MessageLine:
    number, route, lane, state, received, finished, host, port = row[:8]
    action, changed, fault_code, attempts, blocked, possible, why = row[15:]
    return MessageLine(
        message_id=number,
        route=route,
        lane=lane,
        state=State(state),
        received_at=seconds(received),
        finished_at=None if finished is None else seconds(finished),
        peer_host=host,
        peer_port=port,
        envelope=Envelope(*row[8:15]),
        action=action,
        changed=bool(changed),
        fault_code=fault_code,
        attempts=attempts,
        held_behind=blocked == HELD,
        possible_duplicate=bool(possible),
        why=why,
    )


def _history(query: Query, message_id: int) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(seconds(at), seconds(last_at), times, outcome, why, code, ack, user)
        for at, last_at, times, outcome, why, code, ack, user in query.rows("history_of", message_id)
    )
