"""Recording what went out: delivered, tried in vain, parked, released, skipped.

Law: each of these checks before it changes anything, so NotPossible leaves nothing behind. What the destination
acknowledged is delivered, whatever a person decided meanwhile.
"""

from typing import NamedTuple

from hl7calf.service.journal import holds
from hl7calf.service.journal.arrivals import note_history
from hl7calf.service.journal.jobs import (
    Attempted,
    MarkAttempt,
    MarkDelivered,
    Moved,
    NotPossible,
    Outcome,
    Park,
    Raise,
    Release,
    Retry,
    Skip,
    State,
)
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import microseconds

MAYBE_TWICE = "sent before without an answer, so the destination may have it twice"
CUT_SHORT = ("F_TORN", "F_TOO_LARGE", "F_SB_IN_DATA")  # what was kept may be half a message: nobody may forward it
_MAYBE_THERE = (Outcome.UNKNOWN, Outcome.MISMATCHED, Outcome.GARBLED)


def mark_delivered(ledger: Ledger, job: MarkDelivered) -> Moved:
    """The destination has it."""
    found = whereabouts(ledger, job.message_id)
    if found.state == State.DELIVERED:
        return Moved(job.message_id, found.state, found.state)
    if found.state == State.QUARANTINED:
        raise NotPossible(f"message {job.message_id} is quarantined; it was never to be sent")
    at = microseconds(job.at)
    affected = _leave(ledger, job.message_id, found)
    _move(ledger, job.message_id, found, State.DELIVERED, at)
    # no look for an equal line before: a message is delivered once
    why = MAYBE_TWICE if found.maybe_there else ""
    line = (job.message_id, found.lines + 1, at, at, 1, Outcome.DELIVERED, why, job.ack_code, job.ack, "")
    ledger.insert("insert_history", [line])
    if found.maybe_there:
        ledger.log_decision(job.at, "sent-again", "", MAYBE_TWICE, found.route, job.message_id)
    return Moved(job.message_id, found.state, State.DELIVERED, affected)


def mark_attempt(ledger: Ledger, job: MarkAttempt) -> Attempted:
    """One attempt failed; it stays where it is."""
    found = whereabouts(ledger, job.message_id)
    if found.state not in (State.QUEUED, State.PARKED):
        raise NotPossible(f"message {job.message_id} is {found.state}; it is not being sent")
    at = microseconds(job.at)
    maybe_there = int(job.outcome in _MAYBE_THERE)
    next_at = microseconds(job.next_attempt_at)
    ledger.run("postpone", int(job.counts), next_at, job.why, maybe_there, job.message_id)
    note_history(ledger, job.message_id, at, job.outcome, job.why, job.ack_code, job.ack)
    ledger.insert("set_trouble", [(found.route, at, job.outcome, job.why, job.message_id)])
    return Attempted(job.message_id, found.attempts + int(job.counts))


def park(ledger: Ledger, job: Park) -> Moved:
    """A person must look; followers of the same order wait."""
    found = whereabouts(ledger, job.message_id)
    if found.state == State.PARKED:
        return Moved(job.message_id, found.state, found.state)
    must_be(job.message_id, found.state, State.QUEUED)
    at, route = microseconds(job.at), found.route
    held = holds.park(ledger, route, found.lane, job.message_id)
    _move(ledger, job.message_id, found, State.PARKED, None)
    ledger.routes_with_parked.add(route)
    ledger.run("set_why", job.why, int(job.outcome in _MAYBE_THERE), job.message_id)
    if not job.user:
        note_history(ledger, job.message_id, at, job.outcome, job.why, job.ack_code, job.ack)
        ledger.insert("set_trouble", [(route, at, job.outcome, job.why, job.message_id)])
    note_history(ledger, job.message_id, at, "parked", job.why, user=job.user)
    details = {"do": "park", "outcome": job.outcome.value, "held": str(held)}
    ledger.log_decision(job.at, "queue" if job.user else "parked", job.user, job.why, route, job.message_id, details)
    return Moved(job.message_id, State.QUEUED, State.PARKED, held)


def release(ledger: Ledger, job: Release) -> Moved:
    """A person sends a parked message on, in its old place; or a quarantined one, as it came, whatever was answered."""
    found = whereabouts(ledger, job.message_id)
    must_be(job.message_id, found.state, State.PARKED, State.QUARANTINED)
    if found.state == State.QUARANTINED:
        _must_be_whole(ledger, job.message_id)
        ledger.insert("insert_outbox", [(job.message_id, found.route, found.lane, holds.HELD, "")])
    return _send_on(ledger, job, "release", "released")


def _must_be_whole(ledger: Ledger, message_id: int) -> None:
    code = ledger.row("fault_of", message_id)
    if code and code[0] in CUT_SHORT:
        why = "its sender has to send the whole; or give this up with skip"
        raise NotPossible(f"message {message_id} is only a part of one ({code[0]}): {why}")


def retry(ledger: Ledger, job: Retry) -> Moved:
    """A person wants it tried now, with a fresh budget."""
    must_be(job.message_id, whereabouts(ledger, job.message_id).state, State.QUEUED, State.PARKED)
    return _send_on(ledger, job, "retry", "retried")


def skip(ledger: Ledger, job: Skip) -> Moved:
    """It is given up and holds nobody."""
    found = whereabouts(ledger, job.message_id)
    must_be(job.message_id, found.state, State.QUEUED, State.PARKED, State.QUARANTINED)
    at = microseconds(job.at)
    freed = _leave(ledger, job.message_id, found)
    _move(ledger, job.message_id, found, State.REJECTED, at)
    note_history(ledger, job.message_id, at, "skipped", job.reason, job.ack_code, job.ack, job.user)
    details = {"do": "skip", "freed": str(freed)}
    ledger.log_decision(job.at, "queue", job.user, job.reason, found.route, job.message_id, details)
    return Moved(job.message_id, found.state, State.REJECTED, freed)


def _send_on(ledger: Ledger, job: Release | Retry, do: str, done: str) -> Moved:
    moved = send_on(ledger, job, done)
    route, details = whereabouts(ledger, job.message_id).route, {"do": do, "freed": str(moved.affected)}
    ledger.log_decision(job.at, "queue", job.user, job.reason, route, job.message_id, details)
    return moved


def send_on(ledger: Ledger, job: Release | Retry | Raise, done: str) -> Moved:
    """Put a message back into its lane, with a fresh budget; free who waited for it alone. Logging is the caller's."""
    found = whereabouts(ledger, job.message_id)
    route, freed = found.route, 0
    if found.state in (State.PARKED, State.QUARANTINED):
        _move(ledger, job.message_id, found, State.QUEUED, None)
        ledger.run("set_blocked", holds.HELD, job.message_id)  # it may itself have to wait for an earlier one
        if holds.unblock_if_free(ledger, route, job.message_id):
            freed = holds.let_go(ledger, route, job.message_id, holds.keys_of(ledger, job.message_id))
    ledger.run("fresh_budget", job.message_id)
    note_history(ledger, job.message_id, microseconds(job.at), done, job.reason, user=job.user)
    return Moved(job.message_id, found.state, State.QUEUED, freed)


class Whereabouts(NamedTuple):
    """Where a message is.

    `blocked` as in `holds`; `has_keys` whether it may hold others; lines of its history; `maybe_there` whether it
    was sent before and nobody knows whether it arrived (P10).
    """

    route: str
    lane: str
    state: State
    blocked: int
    attempts: int
    has_keys: int
    lines: int
    maybe_there: int


def whereabouts(ledger: Ledger, message_id: int) -> Whereabouts:
    """Return where a message is; NotPossible when there is none."""
    row = ledger.row("whereabouts", message_id)
    if row is None:
        raise NotPossible(f"there is no message {message_id}")
    return Whereabouts(*row)._replace(state=State(row[2]))


def must_be(message_id: int, state: State, *wanted: State) -> None:
    """Raise NotPossible when the message is in none of these states."""
    if state not in wanted:
        raise NotPossible(f"message {message_id} is {state}, not {' or '.join(wanted)}")


def _move(ledger: Ledger, message_id: int, found: Whereabouts, after: State, finished_at: int | None) -> None:
    ledger.run("set_state", after, finished_at, message_id)
    ledger.move(found.route, found.state, after)


def _leave(ledger: Ledger, message_id: int, found: Whereabouts) -> int:
    """Take a message out of the outbox; free who waited for it alone and return how many."""
    keys = holds.keys_of(ledger, message_id) if found.has_keys else []
    ledger.run("delete_outbox", message_id)
    if keys:
        ledger.run("delete_hold", message_id)
    ledger.touch(found.route, found.lane)
    return holds.let_go(ledger, found.route, message_id, keys) if found.blocked else 0
