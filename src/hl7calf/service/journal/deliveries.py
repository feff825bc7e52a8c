"""Recording what went out: delivered, tried in vain, parked, released, skipped.

Law: each of these checks before it changes anything, so NotPossible leaves nothing behind. What the destination
acknowledged is delivered, whatever a person decided meanwhile.
"""

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
    Release,
    Retry,
    Skip,
    State,
)
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import microseconds


def mark_delivered(ledger: Ledger, job: MarkDelivered) -> Moved:
    """The destination has it."""
    route, lane, before, blocked, _ = _whereabouts(ledger, job.message_id)
    if before == State.DELIVERED:
        return Moved(job.message_id, before, before)
    if before == State.QUARANTINED:
        raise NotPossible(f"message {job.message_id} is quarantined; it was never to be sent")
    at = microseconds(job.at)
    affected = _leave(ledger, route, lane, job.message_id, blocked != holds.FREE)
    _move(ledger, job.message_id, route, before, State.DELIVERED, at)
    # no look for an equal line before: a message is delivered once
    line = (job.message_id, at, at, 1, Outcome.DELIVERED.value, "", job.ack_code, job.ack, "")
    ledger.insert("insert_history", [line])
    return Moved(job.message_id, before, State.DELIVERED, affected)


def mark_attempt(ledger: Ledger, job: MarkAttempt) -> Attempted:
    """One attempt failed; it stays where it is."""
    route, _, state, _, attempts = _whereabouts(ledger, job.message_id)
    if state not in (State.QUEUED, State.PARKED):
        raise NotPossible(f"message {job.message_id} is {state}; it is not being sent")
    at = microseconds(job.at)
    maybe_there = int(job.outcome is Outcome.UNKNOWN)
    next_at = microseconds(job.next_attempt_at)
    ledger.run("postpone", int(job.counts), next_at, job.why, maybe_there, job.message_id)
    note_history(ledger, job.message_id, at, job.outcome.value, job.why, job.ack_code, job.ack)
    ledger.insert("set_trouble", [(route, at, job.outcome.value, job.why, job.message_id)])
    return Attempted(job.message_id, attempts + int(job.counts))


def park(ledger: Ledger, job: Park) -> Moved:
    """A person must look; followers of the same order wait."""
    route, lane, state, _, _ = _whereabouts(ledger, job.message_id)
    if state == State.PARKED:
        return Moved(job.message_id, state, state)
    _must_be(job.message_id, state, State.QUEUED)
    at = microseconds(job.at)
    held = holds.park(ledger, route, lane, job.message_id)
    _move(ledger, job.message_id, route, State.QUEUED, State.PARKED, None)
    ledger.routes_with_parked.add(route)
    ledger.run("set_why", job.why, job.message_id)
    if not job.user:
        note_history(ledger, job.message_id, at, job.outcome.value, job.why, job.ack_code, job.ack)
        ledger.insert("set_trouble", [(route, at, job.outcome.value, job.why, job.message_id)])
    note_history(ledger, job.message_id, at, "parked", job.why, user=job.user)
    details = {"do": "park", "outcome": job.outcome.value, "held": str(held)}
    ledger.log_decision(job.at, "queue" if job.user else "parked", job.user, job.why, route, job.message_id, details)
    return Moved(job.message_id, State.QUEUED, State.PARKED, held)


def release(ledger: Ledger, job: Release) -> Moved:
    """A person sends a parked message on, in its old place."""
    _must_be(job.message_id, _whereabouts(ledger, job.message_id)[2], State.PARKED)
    return _send_on(ledger, job, "release", "released")


def retry(ledger: Ledger, job: Retry) -> Moved:
    """A person wants it tried now, with a fresh budget."""
    _must_be(job.message_id, _whereabouts(ledger, job.message_id)[2], State.QUEUED, State.PARKED)
    return _send_on(ledger, job, "retry", "retried")


def skip(ledger: Ledger, job: Skip) -> Moved:
    """It is given up and holds nobody."""
    route, lane, state, blocked, _ = _whereabouts(ledger, job.message_id)
    _must_be(job.message_id, state, State.QUEUED, State.PARKED)
    at = microseconds(job.at)
    freed = _leave(ledger, route, lane, job.message_id, blocked != holds.FREE)
    _move(ledger, job.message_id, route, state, State.REJECTED, at)
    note_history(ledger, job.message_id, at, "skipped", job.reason, job.ack_code, job.ack, job.user)
    details = {"do": "skip", "freed": str(freed)}
    ledger.log_decision(job.at, "queue", job.user, job.reason, route, job.message_id, details)
    return Moved(job.message_id, state, State.REJECTED, freed)


def _send_on(ledger: Ledger, job: Release | Retry, do: str, done: str) -> Moved:
    """Put a message back into its lane, with a fresh budget; free who waited for it alone."""
    route, _, state, _, _ = _whereabouts(ledger, job.message_id)
    freed = 0
    if state == State.PARKED:
        _move(ledger, job.message_id, route, State.PARKED, State.QUEUED, None)
        ledger.run("set_blocked", holds.HELD, job.message_id)  # it may itself have to wait for an earlier one
        if holds.unblock_if_free(ledger, route, job.message_id):
            freed = holds.let_go(ledger, route, job.message_id, holds.keys_of(ledger, job.message_id))
    ledger.run("fresh_budget", job.message_id)
    note_history(ledger, job.message_id, microseconds(job.at), done, job.reason, user=job.user)
    details = {"do": do, "freed": str(freed)}
    ledger.log_decision(job.at, "queue", job.user, job.reason, route, job.message_id, details)
    return Moved(job.message_id, state, State.QUEUED, freed)


def _whereabouts(ledger: Ledger, message_id: int) -> tuple[str, str, State, int, int]:
    """Return route, lane, state, whether it is blocked, and attempts used up."""
    row = ledger.row("whereabouts", message_id)
    if row is None:
        raise NotPossible(f"there is no message {message_id}")
    return row[0], row[1], State(row[2]), row[3], row[4]


def _must_be(message_id: int, state: State, *wanted: State) -> None:
    if state not in wanted:
        raise NotPossible(f"message {message_id} is {state}, not {' or '.join(wanted)}")


def _move(ledger: Ledger, message_id: int, route: str, before: State, after: State, finished_at: int | None) -> None:
    ledger.run("set_state", after.value, finished_at, message_id)
    ledger.move(route, before.value, after.value)


def _leave(ledger: Ledger, route: str, lane: str, message_id: int, was_blocked: bool) -> int:
    """Take a message out of the outbox; free who waited for it alone and return how many."""
    keys = holds.keys_of(ledger, message_id)
    ledger.run("delete_outbox", message_id)
    if keys:
        ledger.run("delete_hold", message_id)
    ledger.touch(route, lane)
    return holds.let_go(ledger, route, message_id, keys) if was_blocked else 0
