"""Forgetting: what was finished long ago, or first when the file grows too large, in small steps.

Law: what is undelivered is never touched, nor the books: what is purged stays counted. The log is cut only at its
old end, and a purge entry names the last one cut, so that the chain can still be proven. Freed pages go back to
the disk (auto_vacuum = INCREMENTAL), some in each step until none is left.
"""

from collections import Counter

from hl7calf.service.journal.jobs import Purge, Purged
from hl7calf.service.journal.ledger import Ledger
from hl7calf.service.journal.query import microseconds

_FOREVER = 2**62
_VACUUM_PAGES = 2000  # a step gives back at most this many pages, some milliseconds of work


def purge(ledger: Ledger, job: Purge) -> Purged:
    """Take one step of forgetting."""
    limits = job.limits
    messages = _purge_messages(ledger, _cutoff(job.at, limits.message_age_s), job.step)
    if messages < job.step and _bytes_used(ledger) > limits.max_bytes:
        messages += _purge_messages(ledger, _FOREVER, job.step - messages)
    entries = _purge_entries(ledger, job)
    keys = _purge_seen(ledger, job)
    ledger.run("delete_old_remembered", _cutoff(job.at, limits.order_memory_age_s), job.step)
    remembered = ledger.changes()
    ledger.run("delete_old_requests", _cutoff(job.at, limits.message_age_s))
    freed = _give_back(ledger)
    more = job.step in (messages, entries, keys, remembered) or (freed > 0 and ledger.value("free_pages") > 0)
    return Purged(messages, entries, keys, remembered, freed, more)


def _cutoff(at: float, age_s: float) -> int:
    return microseconds(at - age_s)


def _purge_messages(ledger: Ledger, cutoff: int, step: int) -> int:
    """Forget the messages that were finished first; return how many."""
    rows = ledger.rows("old_finished", cutoff, step)
    numbers = [row[0] for row in rows]
    for name in ("delete_messages", "delete_payloads", "delete_histories"):
        ledger.rows_in(name, numbers)
    for (route, state), number in Counter((row[1], row[2]) for row in rows).items():
        ledger.count(route, f"purged:{state}", number)
    return len(rows)


def _purge_entries(ledger: Ledger, job: Purge) -> int:
    """Cut the old end of the log and say so in its new end; return how many entries went."""
    ledger.write_log()
    cutoff = _cutoff(job.at, job.limits.log_age_s)
    old = []
    for row in ledger.rows("oldest_entries", job.step):
        if row[2] >= cutoff:
            break
        old.append(row)
    if not old:
        return 0
    through, digest, _ = old[-1]
    ledger.run("delete_entry_placers", through)
    ledger.run("delete_entries", through)
    details = {"through": str(through), "through_hash": digest.hex(), "entries": str(len(old))}
    ledger.log_decision(job.at, "purge", "", "older than the log is kept", details=details)
    return len(old)


def _purge_seen(ledger: Ledger, job: Purge) -> int:
    """Forget keys that are too old, or one too many; return how many. The oldest go first, whatever their time."""
    excess = ledger.value("get_book", "", "seen") - job.limits.duplicate_keys
    cutoff = _cutoff(job.at, job.limits.duplicate_age_s)
    gone = 0
    last = 0
    for message_id, at in ledger.rows("oldest_seen", job.step):
        if gone >= excess and at >= cutoff:
            break
        gone, last = gone + 1, message_id
    if gone:
        ledger.run("delete_seen", last)
        ledger.count("", "seen", -gone)
    return gone


def _bytes_used(ledger: Ledger) -> int:
    """Return the size of what is in the file, without its free pages."""
    used: int = ledger.value("bytes_used")
    return used


def _give_back(ledger: Ledger) -> int:
    """Give free pages back to the disk and return their size; the file shrinks at the next checkpoint."""
    return ledger.vacuum(_VACUUM_PAGES)
