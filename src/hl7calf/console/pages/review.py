"""The review queue: orders of which the rule says that a person must decide, and what people decided.

Law: a decision is an entry of the modification log, with who and why, before anything else happens. Whatever is
decided, the order goes on as it came: the store knows no release with changes, and a page must not pretend one.
"""

from hl7calf.console.desk import Desk
from hl7calf.console.queries import Entry, Wanted
from hl7calf.console.summary import entry_summary
from hl7calf.console.visit import Answer, Visit

DAYS_BACK = 14
MOST = 200
SEEN_DAYS = 90  # longer than the bytes of a message are usually kept
DECIDED = "review"  # the kind of log entry that a decision is
DECISIONS = {
    "keep": "left as it was ordered",
    "ask-upgrade": "the complete study is wanted: ask the ordering side to change the order",
    "release": "released as it came",
    "seen": "seen, nothing to do",
}


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw what is undecided, and the last decisions."""
    may_see = visit.session.may_see(0, visit.tick)
    waiting = undecided(desk, visit.now)
    parked = {line.message_id for line in desk.journal.messages("parked", "", 0, MOST)}
    decided = desk.archive.decisions((DECIDED,), _since(visit.now))
    made = [entry for entry in decided if entry.content["details"].get("about") == "review"]
    return desk.page(
        visit, "review.html", nav="review", days=DAYS_BACK, decisions=DECISIONS,
        waiting=[(entry_summary(entry, may_see), entry.message_id in parked) for entry in waiting],
        made=[entry_summary(entry, may_see) for entry in reversed(made[-20:])],
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
    entries = desk.archive.decisions((DECIDED,), since)
    return {str(entry.content["details"].get("message", "")) for entry in entries}


def _since(now: float) -> float:
    return now - DAYS_BACK * 86_400.0
