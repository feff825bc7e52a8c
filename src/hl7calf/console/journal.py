"""What the console needs of the journal, as shapes; whoever starts it hands in a journal that fits.

Law: shapes only, no code. The console imports nothing of the service: the two meet in the command line, and the
type checker holds them together there. Times are Unix seconds, UTC; a state is one of queued, delivered, parked,
quarantined, rejected.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hl7calf.calf.verdict import Remembered


class Envelope(Protocol):
    """What a header said, as bytes of the message."""

    @property
    def sending_application(self) -> bytes: ...

    @property
    def sending_facility(self) -> bytes: ...

    @property
    def receiving_application(self) -> bytes: ...

    @property
    def receiving_facility(self) -> bytes: ...

    @property
    def message_type(self) -> str: ...

    @property
    def control_id(self) -> bytes: ...

    @property
    def version(self) -> str: ...


class Attempt(Protocol):
    """One line of a delivery history; `times` equal ones in a row."""

    @property
    def at(self) -> float: ...

    @property
    def last_at(self) -> float: ...

    @property
    def times(self) -> int: ...

    @property
    def outcome(self) -> str: ...

    @property
    def why(self) -> str: ...

    @property
    def ack_code(self) -> str: ...

    @property
    def ack(self) -> bytes: ...

    @property
    def user(self) -> str: ...


class MessageLine(Protocol):
    """One message in a list."""

    @property
    def message_id(self) -> int: ...

    @property
    def route(self) -> str: ...

    @property
    def state(self) -> str: ...

    @property
    def received_at(self) -> float: ...

    @property
    def peer_host(self) -> str: ...

    @property
    def peer_port(self) -> int: ...

    @property
    def envelope(self) -> Envelope: ...

    @property
    def action(self) -> str: ...

    @property
    def changed(self) -> bool: ...

    @property
    def fault_code(self) -> str: ...

    @property
    def attempts(self) -> int: ...

    @property
    def held_behind(self) -> bool: ...

    @property
    def possible_duplicate(self) -> bool: ...

    @property
    def why(self) -> str: ...


class LogEntry(Protocol):
    """One entry of the modification log, as far as a page shows it."""

    @property
    def sequence(self) -> int: ...

    @property
    def at(self) -> float: ...

    @property
    def kind(self) -> str: ...

    @property
    def route(self) -> str: ...

    @property
    def action(self) -> str: ...

    @property
    def message_id(self) -> int | None: ...

    @property
    def content(self) -> Mapping[str, Any]: ...

    @property
    def hash(self) -> bytes: ...


class Message(Protocol):
    """One message whole; `inbound` and `outbound` hold patient data."""

    @property
    def line(self) -> MessageLine: ...

    @property
    def inbound(self) -> bytes: ...

    @property
    def outbound(self) -> bytes: ...

    @property
    def sha256_in(self) -> bytes: ...

    @property
    def sha256_out(self) -> bytes: ...

    @property
    def intact(self) -> bool: ...

    @property
    def reasons(self) -> tuple[str, ...]: ...

    @property
    def fault_why(self) -> str: ...

    @property
    def answer_code(self) -> str: ...

    @property
    def answer(self) -> bytes: ...

    @property
    def entry(self) -> LogEntry | None: ...

    @property
    def history(self) -> Sequence[Attempt]: ...


class Books(Protocol):
    """Messages by state, counted since the journal began."""

    @property
    def received(self) -> int: ...

    @property
    def queued(self) -> int: ...

    @property
    def delivered(self) -> int: ...

    @property
    def parked(self) -> int: ...

    @property
    def quarantined(self) -> int: ...

    @property
    def rejected(self) -> int: ...

    @property
    def balanced(self) -> bool: ...


class RouteStatus(Protocol):
    """One route for the night shift."""

    @property
    def route(self) -> str: ...

    @property
    def books(self) -> Books: ...

    @property
    def oldest_queued_at(self) -> float | None: ...

    @property
    def oldest_parked_at(self) -> float | None: ...

    @property
    def last_error_at(self) -> float | None: ...

    @property
    def last_error(self) -> str: ...


class Control(Protocol):
    """What people decided for the running service; `mode` is None until someone sets one."""

    @property
    def mode(self) -> str | None: ...

    @property
    def mode_user(self) -> str: ...

    @property
    def mode_reason(self) -> str: ...

    @property
    def mode_at(self) -> float: ...

    @property
    def paused(self) -> bool: ...

    @property
    def paused_why(self) -> str: ...


class Status(Protocol):
    """The journal at one moment."""

    @property
    def node(self) -> str: ...

    @property
    def running(self) -> bool: ...

    @property
    def control(self) -> Control: ...

    @property
    def routes(self) -> Sequence[RouteStatus]: ...

    @property
    def head(self) -> int: ...

    @property
    def unclean_starts(self) -> int: ...

    @property
    def balanced(self) -> bool: ...


class Journal(Protocol):
    """What the pages read and ask. Every method may raise JournalError."""

    def status(self) -> Status:
        """Return the whole at one moment."""

    def message(self, message_id: int) -> Message | None:
        """Return one message, None when there is none or its bytes were forgotten."""

    def messages(self, state: str, route: str, after: int, limit: int) -> Sequence[MessageLine]:
        """Return messages in one state, in order of arrival; `route` may be empty."""

    def remembered(self, placer_key: bytes) -> Remembered | None:
        """Return what was done before to a placer order."""

    def ask(self, kind: str, user: str, reason: str, message_id: int | None, value: str) -> tuple[bool, str]:
        """Ask the service for retry, release, raise, skip, park or a mode; return whether it did, and its words."""

    def record(self, kind: str, user: str, reason: str, details: Mapping[str, str]) -> None:
        """Write an entry of its own into the modification log; return once it is on disk."""
