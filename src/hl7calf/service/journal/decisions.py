"""What people decide, written down: mode, pause, events, and the requests of other processes carried out.

Law: every decision becomes a log entry with user and reason (S17); a request is carried out and marked done in one
transaction, once.
"""

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal import deliveries, raising
from hl7calf.service.journal.arrivals import note_history
from hl7calf.service.journal.jobs import (
    CarriedOut,
    CarryOut,
    Event,
    Logged,
    NotPossible,
    Outcome,
    Park,
    Raise,
    Release,
    Retry,
    SetMode,
    SetPaused,
    Skip,
)
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import microseconds

KINDS = ("mode", "pause", "resume", "reload", "retry", "release", "raise", "skip", "park", "replayed")


def set_mode(ledger: Ledger, job: SetMode) -> Logged:
    """Set the mode."""
    before = ledger.row("get_control", "mode")
    _decide(ledger, "mode", job.mode.value, job.user, job.reason, job.at)
    details = {"before": before[0] if before else "", "after": job.mode.value}
    return ledger.log_decision(job.at, "mode", job.user, job.reason, details=details)


def set_paused(ledger: Ledger, job: SetPaused) -> Logged:
    """Stop or resume forwarding."""
    _decide(ledger, "paused", str(int(job.paused)), job.user, job.reason, job.at)
    return ledger.log_decision(job.at, "pause" if job.paused else "resume", job.user, job.reason)


def note_event(ledger: Ledger, job: Event) -> Logged:
    """Write an entry of its own."""
    return ledger.log_decision(job.at, job.kind, job.user, job.reason, job.route, details=job.details)


def carry_out(ledger: Ledger, job: CarryOut) -> CarriedOut:
    """Do what a request asks for and mark it done; a request that was done before is not done again."""
    row = ledger.row("get_request", job.request_id)
    if row is None:
        raise NotPossible(f"there is no request {job.request_id}")
    _, kind, message_id, value, user, reason, _, done_at, ok, message = row
    if done_at is not None:
        return CarriedOut(job.request_id, bool(ok), message, kind)
    try:
        if kind == "reload":
            ok, message = job.ok, job.message
        else:
            ok, message = True, _do(ledger, job, kind, message_id, value, user, reason)
    except NotPossible as error:
        ok, message = False, str(error)
    ledger.run("answer_request", microseconds(job.at), int(ok), message, job.request_id)
    return CarriedOut(job.request_id, ok, message, kind)


def _do(ledger: Ledger, job: CarryOut, kind: str, message_id: int | None, value: str, user: str, reason: str) -> str:
    """Do one request and return the sentence its user reads.

    Raises:
        NotPossible: it cannot be done, or is not understood by this version.
    """
    at = job.at
    if kind == "mode":
        if value not in [mode.value for mode in Mode]:
            raise NotPossible(f"there is no mode {value!r}")
        set_mode(ledger, SetMode(Mode(value), user, reason, at))
        return f"mode is {value}"
    if kind in ("pause", "resume"):
        set_paused(ledger, SetPaused(kind == "pause", user, reason, at))
        return "forwarding is paused" if kind == "pause" else "forwarding goes on"
    if message_id is None or kind not in KINDS:
        raise NotPossible(f"request {kind!r} is not understood")
    if kind == "replayed":
        return _note_replayed(ledger, message_id, value, user, reason, at)
    if kind == "raise":
        if job.verdict is None:
            raise NotPossible(job.message)
        moved = raising.raise_order(ledger, Raise(message_id, job.verdict, user, reason, at))
    elif kind == "retry":
        moved = deliveries.retry(ledger, Retry(message_id, user, reason, at))
    elif kind == "release":
        moved = deliveries.release(ledger, Release(message_id, user, reason, at))
    elif kind == "skip":
        moved = deliveries.skip(ledger, Skip(message_id, user, reason, at))
    else:
        moved = deliveries.park(ledger, Park(message_id, reason, at, Outcome.REFUSED, user=user))
    return f"message {message_id}: {moved.before} -> {moved.after}; {moved.affected} others affected"


def _note_replayed(ledger: Ledger, message_id: int, value: str, user: str, reason: str, at: float) -> str:
    """Keep with a message that a person sent its bytes again, beside the service; its state stays as it is."""
    row = ledger.row("whereabouts", message_id)
    if row is None:
        raise NotPossible(f"there is no message {message_id}")
    note_history(ledger, message_id, microseconds(at), "replayed", value, user=user)
    ledger.log_decision(at, "replayed", user, reason, row[0], message_id, {"replayed": value})
    return f"message {message_id}: noted that it was sent again"


def _decide(ledger: Ledger, name: str, value: str, user: str, reason: str, at: float) -> None:
    ledger.insert("set_control", [(name, value, user, reason, microseconds(at))])
