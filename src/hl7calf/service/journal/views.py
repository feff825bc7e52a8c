"""What a reader of the journal sees: queue, messages, log, books, status.

Law: values only, copied out of the database; none holds a connection. Times are Unix seconds, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal.jobs import Envelope, State


@dataclass(frozen=True, slots=True)
class Queued:
    """A message that may be sent now or at `next_attempt_at`.

    `outbound` is None when the stored bytes do not match their checksum: it must be parked (`Park` with
    `Outcome.DAMAGED`), never sent. `possible_duplicate` marks what may have been sent before an unclean
    stop or an unanswered send.
    """

    message_id: int
    route: str
    lane: str
    outbound: bytes | None
    control_id: bytes
    received_at: float
    attempts: int
    next_attempt_at: float
    possible_duplicate: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a message's delivery history; `times` equal ones in a row from `at` to `last_at`.

    `outcome` is an `Outcome`, or `parked`, `released`, `retried`, `skipped`, `resent` (a duplicate came in).
    """

    at: float
    last_at: float
    times: int
    outcome: str
    why: str
    ack_code: str
    ack: bytes
    user: str = ""


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message in a list: no bytes of it but what its header said."""

    message_id: int
    route: str
    lane: str
    state: State
    received_at: float
    finished_at: float | None
    peer_host: str
    peer_port: int
    envelope: Envelope
    action: str
    changed: bool
    fault_code: str
    attempts: int
    held_behind: bool
    possible_duplicate: bool
    why: str  # the last thing that went wrong, or ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message whole: what came, what goes, what was decided, who answered what.

    `entry` is the log entry's content when an order was looked at, else None. `intact` is False when the bytes on
    disk do not match their checksums. `inbound` and `outbound` hold patient data.
    """

    line: MessageLine
    inbound: bytes
    outbound: bytes
    sha256_in: bytes
    sha256_out: bytes
    intact: bool
    reasons: tuple[str, ...]
    fault_why: str
    answer_code: str
    answer: bytes
    entry: "LogEntry | None"
    history: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the modification log.

    `kind` is `message` for a message, otherwise `mode`, `queue`, `parked`, `mappings`, `purge`, `start` ...
    `content` is the decoded `body`, the exact bytes under the hash; `journal/entries.py` has its fields.
    """

    sequence: int
    at: float
    kind: str
    route: str
    action: str
    control_id: str
    message_id: int | None
    content: Mapping[str, Any]
    body: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries are wanted; empty means all. `since` is inclusive, `until` exclusive.

    `placer` is a placer order number as shown (`P-1^CPOE`) or its first component alone (`P-1`).
    """

    since: float | None = None
    until: float | None = None
    route: str = ""
    action: str = ""
    kind: str = ""
    control_id: str = ""
    placer: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """Messages by state, counted since the journal began, so that what was purged is in them.

    `duplicates` are resends recognised; they are not received messages. `purged` are gone from the disk.
    """

    received: int = 0
    queued: int = 0
    delivered: int = 0
    parked: int = 0
    quarantined: int = 0
    rejected: int = 0
    duplicates: int = 0
    purged: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether every message received is in exactly one state (P14)."""
        return self.received == self.queued + self.delivered + self.parked + self.quarantined + self.rejected


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane with something to send: its next message and how that one fares."""

    route: str
    lane: str
    head: int
    received_at: float
    attempts: int
    next_attempt_at: float
    why: str


@dataclass(frozen=True, slots=True)
class Control:
    """What people decided for the running service. `mode` is None until someone sets one (the settings rule)."""

    mode: Mode | None
    mode_user: str
    mode_reason: str
    mode_at: float
    paused: bool
    paused_why: str


@dataclass(frozen=True, slots=True)
class Request:
    """Something another process asks the service to do; `message` is its answer once `done_at` is set."""

    request_id: int
    kind: str
    message_id: int | None
    value: str
    user: str
    reason: str
    at: float
    done_at: float | None
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """One route for the night shift. Times are None when there is nothing of the kind."""

    route: str
    books: Books
    oldest_queued_at: float | None
    oldest_parked_at: float | None
    last_error_at: float | None
    last_error: str
    last_outcome: str  # of `jobs.Outcome`, or ''
    newest_quarantined_at: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """The journal at one moment, from one consistent reading. `head` is the log's last sequence number."""

    node: str
    running: bool
    control: Control
    routes: tuple[RouteStatus, ...]
    head: int
    head_hash: bytes
    bytes_used: int
    unclean_starts: int

    @property
    def balanced(self) -> bool:
        """Tell whether the books of every route balance."""
        return all(route.books.balanced for route in self.routes)
