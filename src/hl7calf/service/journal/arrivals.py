"""Recording what came in: duplicates recognised, bytes, decision, log entry, order memory, outbox and books.

Law: arrivals are recorded in the order they were submitted and numbered in that order; all that waits is written
in a few statements. A duplicate writes nothing but a line in the history of the message it repeats.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from hl7calf.calf.verdict import Fault, Verdict
from hl7calf.service.journal.entries import is_logged, message_fields
from hl7calf.service.journal.holds import FREE, HELD, PARKED, hold_keys, must_wait
from hl7calf.service.journal.jobs import Receipt, RecordArrival, Recorded, State
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import Row, microseconds
from hl7calf.service.modlog import DAY_US, text_as_bytes

_KEY_BYTES = 32  # of MSH-10: longer ones are rare, and the digest tells them apart


@dataclass(slots=True)
class _Rows:
    """What one batch of arrivals puts into each table."""

    messages: list[Row]
    payloads: list[Row]
    outbox: list[Row]
    holds: list[Row]
    seen: list[Row]
    states: Counter[tuple[str, State]] = field(default_factory=Counter)


def duplicate_digest(receipt: Receipt, sha256_in: bytes) -> bytes:
    """Return what makes a resend the same message: route, peer, MSH-3, MSH-4, MSH-10 and the bytes (P11).

    Empty without MSH-10: such messages cannot be told apart, so each counts as new.
    """
    envelope = receipt.envelope
    if not envelope.control_id:
        return b""
    parts = (
        receipt.route.encode(),
        receipt.peer_host.encode(),
        envelope.sending_application,
        envelope.sending_facility,
        envelope.control_id,
        sha256_in,
    )
    lengths = b"%d.%d.%d.%d.%d.%d:" % tuple(map(len, parts))  # so that no two different ones read the same
    return hashlib.sha256(lengths + b"".join(parts)).digest()


def record_arrivals(ledger: Ledger, jobs: Sequence[RecordArrival]) -> list[Recorded]:
    """Record arrivals in order and return what to answer to each."""
    hashes = [hashlib.sha256(job.receipt.payload).digest() for job in jobs]
    digests = [duplicate_digest(job.receipt, sha) for job, sha in zip(jobs, hashes, strict=True)]
    known = _seen_before(ledger, jobs, digests)
    rows = _Rows([], [], [], [], [])
    blocked_now: set[tuple[str, bytes]] = set()
    recorded: dict[int, Recorded] = {}
    results = []
    for job, sha256_in, digest in zip(jobs, hashes, digests, strict=True):
        first = known.get(digest)
        if first is not None:
            result = _record_again(ledger, job, first, recorded.get(first))
        else:
            result = _record_new(ledger, job, sha256_in, rows, blocked_now)
            if digest and job.forward:
                known[digest] = result.message_id
                key = _key(job.receipt, digest)
                rows.seen.append((result.message_id, microseconds(job.receipt.received_at), key, digest))
            recorded[result.message_id] = result
        results.append(result)
    _insert(ledger, rows)
    for (route, state), number in rows.states.items():
        ledger.count(route, "received", number)
        ledger.count(route, state, number)
    return results


def _key(receipt: Receipt, digest: bytes) -> bytes:
    """Return what a message is looked up by: in the order of MSH-10, which most senders count up."""
    return receipt.envelope.control_id[:_KEY_BYTES] + digest[:8]


def _seen_before(ledger: Ledger, jobs: Sequence[RecordArrival], digests: Sequence[bytes]) -> dict[bytes, int]:
    """Return the messages on disk that have one of these digests."""
    keys = [_key(job.receipt, digest) for job, digest in zip(jobs, digests, strict=True) if digest]
    wanted = set(digests)
    return {row[0]: row[1] for row in ledger.rows_in("seen_before", keys) if row[0] in wanted}


def _record_again(ledger: Ledger, job: RecordArrival, first: int, fresh: Recorded | None) -> Recorded:
    """Note a resend in the history of the message it repeats, and return that one's answer."""
    at = microseconds(job.receipt.received_at)
    ledger.count(job.receipt.route, "duplicates")
    row = None if fresh is not None else ledger.row("first_arrival", first)
    if fresh is None and row is None:  # recognised longer than it is kept
        return Recorded(first, first, "AA", state=State.DELIVERED)
    note_history(ledger, first, at, "resent", "received again from the same sender")
    if row is None:
        assert fresh is not None
        return replace(fresh, duplicate_of=first)
    code, answer, state, blocked, delivered_ack = row
    return Recorded(first, first, code, answer, State(state), blocked == HELD, delivered_ack or b"")


def note_history(
    ledger: Ledger,
    message_id: int,
    at: int,
    outcome: str,
    why: str,
    ack_code: str = "",
    ack: bytes = b"",
    user: str = "",
) -> None:
    """Add a line to a message's history; equal ones in a row become one line with a number."""
    last = ledger.row("last_history", message_id)
    if last and last[1:] == (outcome, why, ack_code) and not user:
        ledger.run("history_again", at, ack, message_id, last[0])
    else:
        line = last[0] + 1 if last else 1
        ledger.insert("insert_history", [(message_id, line, at, at, 1, outcome, why, ack_code, ack, user)])


def _record_new(
    ledger: Ledger, job: RecordArrival, sha256_in: bytes, rows: _Rows, blocked_now: set[tuple[str, bytes]]
) -> Recorded:
    """Lay out the rows of one new message."""
    receipt, verdict = job.receipt, job.verdict
    message_id = ledger.next_message_id
    ledger.next_message_id += 1
    at = microseconds(receipt.received_at)
    state = _first_state(job)
    outbound = verdict.outbound if verdict and verdict.changed else None
    sha256_out = sha256_in if outbound is None else hashlib.sha256(outbound).digest()
    entry = None
    if verdict is not None and is_logged(verdict):
        fields = message_fields(message_id, receipt, verdict, sha256_in, sha256_out)
        entry = ledger.log(at, fields).sequence
    fault = job.fault or (verdict.fault if verdict else None)
    code = job.answer_code or ("AA" if job.forward else fault.ack if fault else "AR")
    rows.messages.append(_message_row(message_id, at, job, state, fault, code, entry))
    rows.payloads.append((message_id, sha256_in, sha256_out, receipt.payload, outbound))
    held = job.forward and _enqueue(ledger, job, message_id, rows, blocked_now)
    if state is State.PARKED:
        _note_parked(ledger, job, message_id, at)
    if verdict is not None and job.forward and (verdict.remember or verdict.forget):
        remember(ledger, verdict, at)
    rows.states[receipt.route, state] += 1
    return Recorded(message_id, None, code, job.answer, state, held)


def _first_state(job: RecordArrival) -> State:
    if job.forward:
        return State.PARKED if job.park else State.QUEUED
    return State.QUARANTINED if job.quarantine else State.REJECTED


def _note_parked(ledger: Ledger, job: RecordArrival, message_id: int, at: int) -> None:
    """Write down that a message is parked from the start; whoever comes behind it with a key of it is held."""
    route = job.receipt.route
    ledger.routes_with_parked.add(route)
    note_history(ledger, message_id, at, "parked", job.park)
    ledger.log_decision(job.receipt.received_at, "parked", "", job.park, route, message_id, {"do": "park"})


def _enqueue(
    ledger: Ledger, job: RecordArrival, message_id: int, rows: _Rows, blocked_now: set[tuple[str, bytes]]
) -> bool:
    """Lay out the outbox row and the keys; tell whether the message is parked or has to wait behind a parked one."""
    route = job.receipt.route
    keys = hold_keys(job.verdict, job.lane_key)
    held = bool(job.park)
    if keys and not held and route in ledger.routes_with_parked:
        held = any((route, key) in blocked_now for key in keys) or must_wait(ledger, route, keys, message_id)
    if held:
        blocked_now.update((route, key) for key in keys)
    blocked = PARKED if job.park else HELD if held else FREE
    rows.outbox.append((message_id, route, job.lane, blocked, job.park))
    rows.holds += [(route, key, message_id, int(held)) for key in keys]
    ledger.touch(route, job.lane)
    return held


def _message_row(
    message_id: int, at: int, job: RecordArrival, state: State, fault: Fault | None, code: str, entry: int | None
) -> Row:
    """Return the row of one message, in the order of `insert_message`."""
    receipt, verdict, envelope = job.receipt, job.verdict, job.receipt.envelope
    return (
        message_id,
        receipt.route,
        job.lane,
        state,
        at // DAY_US,
        at,
        None if job.forward else at,
        receipt.peer_host,
        receipt.peer_port,
        envelope.sending_application,
        envelope.sending_facility,
        envelope.receiving_application,
        envelope.receiving_facility,
        envelope.message_type,
        envelope.control_id,
        envelope.version,
        verdict.action if verdict else "",
        _reasons(verdict.reasons) if verdict else "[]",
        fault.code if fault else "",
        fault.why if fault else "",
        code,
        job.answer,
        int(verdict is not None and verdict.changed),
        entry,
    )


@lru_cache(maxsize=512)
def _reasons(reasons: tuple[str, ...]) -> str:
    return json.dumps(reasons)


def remember(ledger: Ledger, verdict: Verdict, at: int) -> None:
    """Keep what was done to placer orders, or end it ([ClinicalNotes 3.5])."""
    for placer_key in verdict.forget:
        ledger.run("forget", placer_key)
    for one in verdict.remember:
        before, after = json.dumps(one.before), json.dumps(one.after)
        ledger.insert("remember", [(one.placer_key, before, after, one.rule, text_as_bytes(one.control_id), at)])


def _insert(ledger: Ledger, rows: _Rows) -> None:
    ledger.insert("insert_message", rows.messages)
    ledger.insert("insert_payload", rows.payloads)
    ledger.insert("insert_outbox", rows.outbox)
    ledger.insert("insert_hold", rows.holds)
    ledger.insert("insert_seen", rows.seen)
    ledger.count("", "seen", len(rows.seen))
