"""The review queue: orders of which the rule says that a person must decide, and what people decided.

Law: a decision is an entry of the modification log, with who and why, before anything else happens. What has gone on
has gone on as it came, and a note about it changes nothing; what is held is released as it came or, by the service,
upgraded. It counts as decided wherever a person decided it, here or on the command line.
"""

from dataclasses import dataclass

from hl7calf.console.desk import Desk
from hl7calf.console.queries import Entry, Wanted
from hl7calf.console.summary import entry_summary
from hl7calf.console.text import kept_text
from hl7calf.console.visit import Answer, Visit
from hl7calf.console.wording import MOVES, REVIEWS

DAYS_BACK = 14
MOST = 200
SHOWN_DECIDED = 20
SEEN_DAYS = 90  # longer than the bytes of a message are usually kept
DECIDED = "review"  # the kind of log entry that a decision is
DECISIONS = {**MOVES, **REVIEWS}
_OF_THE_QUEUE = ("release", "skip")
_PROGRAM = "hl7calf"  # the user of what the service does by itself


@dataclass(frozen=True, slots=True)
class Made:
    """One decision of a person about one message."""

    sequence: int
    at: float
    message_id: int
    user: str
    what: str
    why: str


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw what is undecided, and the last decisions."""
    may_see = visit.session.may_see(0, visit.tick)
    waiting = undecided(desk, visit.now)
    parked = {line.message_id for line in desk.journal.messages("parked", "", 0, MOST)}
    made = [one for one in decisions(desk, _since(visit.now)) if one.what != DECISIONS["seen"]]
    return desk.page(
        visit, "review.html", nav="review", days=DAYS_BACK,
        waiting=[
            (entry_summary(entry, may_see), entry.message_id in parked)
            for entry in sorted(waiting, key=lambda entry: entry.message_id not in parked)  # those held come first
        ],
        made=made[: -1 - SHOWN_DECIDED : -1],
    )  # fmt: skip


def undecided(desk: Desk, now: float) -> list[Entry]:
    """Return the log entries of messages for review that nobody has decided about, oldest first."""
    since = _since(now)
    found = desk.archive.log_page(Wanted(action="review", kind="message", since=since), limit=MOST).entries
    done = decided_messages(desk, since)
    return [entry for entry in reversed(found) if str(entry.message_id) not in done]


def unseen_quarantined(desk: Desk, now: float) -> list[int]:
    """Return the messages that could not be read and that nobody has marked as seen, newest first."""
    numbers = desk.archive.newest("quarantined", MOST)
    seen = decided_messages(desk, now - SEEN_DAYS * 86_400.0) if numbers else set()
    return [number for number in numbers if str(number) not in seen]


def decided_messages(desk: Desk, since: float) -> set[str]:
    """Return the numbers of the messages that somebody has decided about since then."""
    return {str(one.message_id) for one in decisions(desk, since)}


def decisions(desk: Desk, since: float) -> list[Made]:
    """Return what people decided about single messages since then, oldest first."""
    entries = desk.archive.decisions((DECIDED, "queue", "raised"), since)
    return [made for made in map(_made, entries) if made is not None]


def _made(entry: Entry) -> Made | None:
    """Read one decision; None for what the service did by itself, and for what only moves a message."""
    content, details = entry.content, entry.content.get("details") or {}
    if entry.kind == DECIDED:
        number, do = str(details.get("message", "")), str(details.get("decision", ""))
    else:
        number, do = str(entry.message_id), str(details.get("do", ""))
    by_queue = entry.kind == "queue" and (do not in _OF_THE_QUEUE or content.get("user") == _PROGRAM)
    if by_queue or not number.isdigit():
        return None
    who, why = kept_text(str(content.get("user", ""))), kept_text(str(content.get("reason", "")))
    return Made(entry.sequence, entry.at, int(number), who, DECISIONS.get(do, kept_text(do)), why)


def _since(now: float) -> float:
    return now - DAYS_BACK * 86_400.0
