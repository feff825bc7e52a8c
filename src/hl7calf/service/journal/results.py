"""What comes back from the journal for each job, once it is on disk.

Law: values only. Whoever holds one of these holds the proof that a sync returned.
"""

from dataclasses import dataclass
from enum import StrEnum

from hl7calf.errors import Hl7calfError


class State(StrEnum):
    """Where a message is; each message is in exactly one, and received is their sum (P14)."""

    QUEUED = "queued"  # acknowledged, to be forwarded (also while it is held behind a parked one)
    DELIVERED = "delivered"  # the destination acknowledged it
    PARKED = "parked"  # acknowledged, but a person must look before it is forwarded
    QUARANTINED = "quarantined"  # could not be read, answered negatively or not at all; bytes kept for a person
    REJECTED = "rejected"  # will not be forwarded: refused to its sender, or skipped


class NotPossible(Hl7calfError):
    """The message is not in a state that allows this; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The message is on disk. Now, and not before, it may be acknowledged.

    For a duplicate, everything here is that of the message it repeats (`duplicate_of == message_id`):
    acknowledge it again, never forward it again. `delivered_ack` is the destination's answer when there is one
    already (for routes that relay it). `held`: it is parked, or waits behind a parked one; it may not be sent now.
    """

    message_id: int
    duplicate_of: int | None
    ack: str
    answer: bytes = b""
    state: State = State.QUEUED
    held: bool = False
    delivered_ack: bytes = b""


@dataclass(frozen=True, slots=True)
class Moved:
    """A message went from one state to another; `affected` others were held or let go by it."""

    message_id: int
    before: State
    after: State
    affected: int = 0


@dataclass(frozen=True, slots=True)
class Attempted:
    """How many attempts the message has used up of its own budget."""

    message_id: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Logged:
    """The entry's place in the chain: with it, later removal or change can be proven."""

    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """A request of another process was answered; `message` is the sentence that its user reads."""

    request_id: int
    ok: bool
    message: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Purged:
    """What one step removed. `more` tells that another step would remove more."""

    messages: int
    entries: int
    keys: int
    remembered: int
    freed_bytes: int
    more: bool
