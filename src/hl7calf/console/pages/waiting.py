"""What waits: parked, quarantined, and the head of each route's queue.

Law: parked messages come oldest first, for others wait behind them; unreadable ones newest first. These are lists, so
nothing of a message but its header's kind and sender; identifiers are masked until revealed.
"""

from dataclasses import dataclass

from hl7calf.console.desk import Desk
from hl7calf.console.journal import MessageLine
from hl7calf.console.pages.review import SEEN_DAYS, decided_messages
from hl7calf.console.summary import identifier
from hl7calf.console.text import bytes_shown, shown
from hl7calf.console.visit import Answer, Visit

MOST = 100
QUEUED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One message that waits."""

    number: int
    route: str
    at: float
    sender: str
    message_type: str
    control_id: str
    action: str
    why: str
    fault: str
    attempts: int
    held: bool
    possible_duplicate: bool
    seen: bool


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw all three lists."""
    parked = desk.journal.messages("parked", "", 0, MOST)
    newest = desk.archive.newest("quarantined", MOST)
    quarantined = desk.journal.messages("quarantined", "", newest[-1] - 1, MOST) if newest else []
    routes = desk.journal.status().routes
    queued = [
        line for route in routes for line in desk.journal.messages("queued", route.route, 0, QUEUED_SHOWN)
    ]  # fmt: skip
    seen = decided_messages(desk, visit.now - SEEN_DAYS * 86_400.0)
    return desk.page(
        visit, "waiting.html", nav="waiting", most=MOST, queued_shown=QUEUED_SHOWN,
        lists={
            "parked": [row(line, visit, False) for line in parked],
            "quarantined": [row(line, visit, str(line.message_id) in seen) for line in reversed(quarantined)],
            "queued": [row(line, visit, False) for line in queued],
        },
        books=[route.books for route in routes],
    )  # fmt: skip


def row(line: MessageLine, visit: Visit, seen: bool) -> Row:
    """Return one message for a list."""
    control_id = line.envelope.control_id.decode("utf-8", "surrogateescape")
    return Row(
        line.message_id, line.route, line.received_at, bytes_shown(line.envelope.sending_facility),
        shown(line.envelope.message_type), identifier(control_id, visit.session.may_see(0, visit.tick)), line.action,
        shown(line.why), shown(line.fault_code), line.attempts, line.held_behind, line.possible_duplicate, seen,
    )  # fmt: skip
