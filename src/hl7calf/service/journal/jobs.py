"""What can be asked of the journal: the jobs of the one writer. What comes back stands in `results.py`.

Law: values only. A job is complete in itself: times are handed in (`at`, Unix seconds, UTC), never read from
a clock here. The journal answers a job only after the transaction that did it is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hl7calf.calf.verdict import Fault, Mode, Verdict
from hl7calf.service.journal.results import Attempted as Attempted
from hl7calf.service.journal.results import CarriedOut as CarriedOut
from hl7calf.service.journal.results import Logged as Logged
from hl7calf.service.journal.results import Moved as Moved
from hl7calf.service.journal.results import NotPossible as NotPossible
from hl7calf.service.journal.results import Purged as Purged
from hl7calf.service.journal.results import Recorded as Recorded
from hl7calf.service.journal.results import State as State


class Outcome(StrEnum):
    """How one attempt to deliver ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # AE, AR, CE, CR
    MISMATCHED = "mismatched"  # an acknowledgment for another message ([Promises] A2, A3)
    GARBLED = "garbled"  # an answer that is no acknowledgment (A9)
    UNREACHABLE = "unreachable"  # never sent: no connection, DNS, TLS (A14)
    UNKNOWN = "unknown"  # sent, and no answer came: it may have arrived (A7, A10, A11)
    DAMAGED = "damaged"  # never sent: its checksum is wrong on disk (R8)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the header said, as bytes of the message; empty where it could not be read (HL7 v2.5.1 §2.15.9)."""

    sending_application: bytes = b""  # MSH-3
    sending_facility: bytes = b""  # MSH-4
    receiving_application: bytes = b""  # MSH-5
    receiving_facility: bytes = b""  # MSH-6
    message_type: str = ""  # MSH-9, `ORM^O01`
    control_id: bytes = b""  # MSH-10
    version: str = ""  # MSH-12


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payload as it came in: from whom, where, when.

    `received_at` is Unix seconds. A duplicate is recognised by route, `peer_host`, MSH-3, MSH-4, MSH-10 and
    the payload's bytes, so the port is not part of it.
    """

    route: str
    peer_host: str
    peer_port: int
    received_at: float
    payload: bytes
    envelope: Envelope = Envelope()


@dataclass(frozen=True, slots=True)
class RecordArrival:
    """Record one payload: bytes, decision, log entry, order memory, outbox row and books, all or nothing.

    Args:
        verdict: None when it was not vetted (unreadable). Its `outbound` is what is forwarded.
        fault: why it was not accepted or not vetted; `verdict.fault` when None.
        lane: the name of the lane whose order it keeps; the route's own name for strict FIFO.
        forward: True -> queued; False -> quarantined, or rejected when `quarantine` is False.
        lane_key: the value `order_by` found. When set, a parked message holds the whole lane behind it;
            when empty (strict FIFO) only later messages of the same placer order.
        answer_code: MSA-1 that is answered once this is on disk; by default AA, or the fault's own.
        answer: the bytes of that acknowledgment, kept for `explain`; comes back in `Recorded.answer`.
        park: why a person must look first; the message is parked from the start, so nothing can overtake it.

    Returns: Recorded
    """

    receipt: Receipt
    verdict: Verdict | None
    fault: Fault | None
    lane: str
    forward: bool
    quarantine: bool = True
    lane_key: bytes = b""
    answer_code: str = ""
    answer: bytes = b""
    park: str = ""


@dataclass(frozen=True, slots=True)
class MarkDelivered:
    """The destination acknowledged the message. Returns: Moved (no change when it was delivered before)."""

    message_id: int
    ack: bytes
    at: float
    ack_code: str = "AA"


@dataclass(frozen=True, slots=True)
class MarkAttempt:
    """One attempt failed; the message stays queued until `next_attempt_at`. Returns: Attempted.

    `counts` tells whether it uses up the message's own budget (a refusal does, a dead connection does not).
    `why` is one sentence without payload text; `ack` the bytes that came back, if any. Equal attempts in a
    row are kept as one line with a number, so that a dead destination does not fill the disk.
    """

    message_id: int
    outcome: Outcome
    why: str
    next_attempt_at: float
    at: float
    counts: bool = True
    ack_code: str = ""
    ack: bytes = b""


@dataclass(frozen=True, slots=True)
class Park:
    """Take a queued message out of its lane until a person decides. Returns: Moved.

    Later messages of the same placer order are held behind it, and of the same lane key where the lane has one.
    With a `user` it is a person's decision and becomes a log entry of kind `queue`, otherwise of kind `parked`.
    """

    message_id: int
    why: str
    at: float
    outcome: Outcome = Outcome.REFUSED
    ack_code: str = ""
    ack: bytes = b""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person sends a parked message on, in its old place. Returns: Moved; raises NotPossible when not parked."""

    message_id: int
    user: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Raise:
    """A reviewer sends a parked order on as the complete study, in its old place. Returns: Moved; or NotPossible.

    `verdict` is of the stored bytes, vetted again with the reviewer's word. New bytes, order memory, log entry with
    the user's name and the move are one transaction.
    """

    message_id: int
    verdict: Verdict
    user: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Retry:
    """A person wants a queued or parked message tried now, with a fresh budget. Returns: Moved; or NotPossible."""

    message_id: int
    user: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Skip:
    """Give a queued or parked message up: it becomes `rejected` and holds nobody. Returns: Moved; or NotPossible.

    `user` is the person, or `hl7calf` where the route's `on_nack` says skip.
    """

    message_id: int
    user: str
    reason: str
    at: float
    ack_code: str = ""
    ack: bytes = b""


@dataclass(frozen=True, slots=True)
class SetMode:
    """Set the mode, with who and why in the log. Returns: Logged."""

    mode: Mode
    user: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Stop or resume forwarding (a restored journal starts paused). Returns: Logged."""

    paused: bool
    user: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class Event:
    """Write one entry of its own into the log: `start`, `stop`, `mappings`, `policy`, `rule-off`, `reveal` ...

    `details` are names and digests, never payload text. Returns: Logged.
    """

    kind: str
    at: float
    details: Mapping[str, str] = field(default_factory=dict)
    route: str = ""
    user: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Do what another process asked for (`desk.ask`), in one transaction with marking it done.

    `reload` is done by the service, not by the journal: do it first, and hand in `ok` and `message` (what came of
    it) for the one who asked. `raise` needs the service too, which vets again: hand in its `verdict`, or `ok` False
    and why not. For the other kinds they are ignored.

    Returns: CarriedOut; a request that cannot be done is answered with `ok` False, it does not raise.
    """

    request_id: int
    at: float
    ok: bool = True
    message: str = ""
    verdict: Verdict | None = None


FOR_EVER_S = 1e12
HELD_FOR_REVIEW = "held for review"
"""Why an order is parked that a person must look at before it goes (`review = "hold"`)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the past is kept. Undelivered messages are never touched, whatever stands here.

    Precedents: the duplicates window of [Promises] P11 (7 days or 1 million keys).
    """

    message_age_s: float = 30 * 86_400.0  # delivered, rejected and quarantined, since they became that
    max_bytes: int = 20 * 1024**3  # of the file; the oldest finished messages go first
    log_age_s: float = FOR_EVER_S  # modification log entries
    order_memory_age_s: float = 400 * 86_400.0
    duplicate_age_s: float = 7 * 86_400.0
    duplicate_keys: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Purge:
    """Take one small step of forgetting and give the pages back to the disk. Returns: Purged.

    Ask again while `Purged.more`; each step is one short transaction, so intake hardly notices.
    """

    at: float
    limits: Limits = Limits()
    step: int = 500


Job = (
    RecordArrival
    | MarkDelivered
    | MarkAttempt
    | Park
    | Release
    | Raise
    | Retry
    | Skip
    | SetMode
    | SetPaused
    | Event
    | CarryOut
    | Purge
)
Result = Recorded | Moved | Attempted | Logged | CarriedOut | Purged
