"""A reviewer's upgrade: an order held for review goes on as the complete study.

Law: one transaction has the new bytes, the order memory, the log entry with the reviewer's name, and the move; none
without the others. The bytes that came in stay as they are, so the change can be undone from the log alone. Only what
surely never left is changed, and only while no later message of the same order was decided without the upgrade.
"""

import hashlib
import json

from hl7calf.calf.verdict import Verdict
from hl7calf.service.journal import reading_messages
from hl7calf.service.journal.arrivals import remember
from hl7calf.service.journal.deliveries import must_be, send_on, whereabouts
from hl7calf.service.journal.entries import message_fields
from hl7calf.service.journal.holds import keys_of
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, Moved, NotPossible, Raise, Receipt, State
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import microseconds
from hl7calf.service.journal.views import Message
from hl7calf.wire.splice import is_exact

KIND = "raised"
_PLACER = b"P"  # of holds.hold_keys


def raise_order(ledger: Ledger, job: Raise) -> Moved:
    """Replace what goes out and send it on; NotPossible leaves nothing behind."""
    found = whereabouts(ledger, job.message_id)
    must_be(job.message_id, found.state, State.PARKED)
    message = reading_messages.message(ledger, job.message_id)
    assert message is not None  # it is parked, so its bytes are kept
    _must_be_exact(message, job.verdict)
    if found.maybe_there or not _never_left(message):
        raise NotPossible(
            f"message {job.message_id} is not held since it came, so it may have left as it came; "
            "ask the ordering side for a change"
        )
    followers = _later_of_the_order(ledger, found.route, job.message_id)
    if followers:
        raise NotPossible(
            f"message {followers[0]} of the same order came later and was decided without the upgrade; release both "
            "and ask the ordering side for a change"
        )
    sha256_out = hashlib.sha256(job.verdict.outbound).digest()
    ledger.run("set_outbound", job.verdict.outbound, sha256_out, job.message_id)
    remember(ledger, job.verdict, microseconds(job.at))
    moved = send_on(ledger, job, "raised")
    entry = ledger.log(microseconds(job.at), _fields(message, job, sha256_out, moved.affected))
    reasons = json.dumps(job.verdict.reasons)
    ledger.run("set_decided", job.verdict.action.value, reasons, entry.sequence, job.message_id)
    return moved


def _never_left(message: Message) -> bool:
    """Tell whether it was held for review when it came, and nobody sent it on since."""
    return message.line.why == HELD_FOR_REVIEW and not any(step.user for step in message.history)


def _must_be_exact(message: Message, verdict: Verdict) -> None:
    """Refuse a verdict that is not of these bytes, or that changes more than it declares."""
    number = message.line.message_id
    if message.line.action != "review" or message.outbound != message.inbound:
        raise NotPossible(f"message {number} is not under review as it came")
    if not message.intact or verdict.payload != message.inbound:
        raise NotPossible(f"message {number} does not match its checksum; nothing is changed in it")
    if not verdict.changed or not is_exact(verdict.payload, verdict.outbound, verdict.modifications):
        raise NotPossible(f"message {number}: the change could not be proven")


def _later_of_the_order(ledger: Ledger, route: str, message_id: int) -> list[int]:
    """Return later undelivered messages with the same placer order: whether free or held, they know of no upgrade."""
    keys = [key for key in keys_of(ledger, message_id) if key.startswith(_PLACER)]
    found = [
        row[0] for key in keys for which in ("free_followers", "blocked_followers")
        for row in ledger.rows(which, route, key, message_id)
    ]  # fmt: skip
    return sorted(set(found))


def _fields(message: Message, job: Raise, sha256_out: bytes, freed: int) -> dict[str, object]:
    """Return the entry: what a message's entry says, with who raised it, why, and which entry decided before."""
    line = message.line
    receipt = Receipt(line.route, line.peer_host, line.peer_port, line.received_at, message.inbound, line.envelope)
    fields = message_fields(line.message_id, receipt, job.verdict, message.sha256_in, sha256_out)
    earlier = str(message.entry.sequence) if message.entry else ""
    details = {"do": "raise", "decided_before_in": earlier, "freed": str(freed)}
    return fields | {"kind": KIND, "user": job.user, "reason": job.reason, "details": details}
