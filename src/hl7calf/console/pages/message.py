"""One message: what came, what goes, what was decided and why, who answered what, and what a person may do.

Law: its patient data are shown after "reveal" only, which is in the log before they are on the screen; the page
leaves by itself when the session would end. Everything a person does here has a reason and is recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hl7calf.calf.pitfalls import PITFALLS
from hl7calf.console.desk import Desk
from hl7calf.console.journal import Message
from hl7calf.console.options import Role
from hl7calf.console.pages.review import DECIDED, decided_messages
from hl7calf.console.raising import is_held, outlook
from hl7calf.console.spans import Line, Sides, all_lines, sides_of
from hl7calf.console.summary import GateShown, OrderShown, identifier, order_shown
from hl7calf.console.text import kept_text, segments_shown, shown
from hl7calf.console.visit import PLAIN, Answer, Visit, see

LONGEST_REASON = 200
PURPOSES = ("Checking the decision", "A call about this order", "Finding a fault", "Deciding a review")
FACTS = {
    "target": "target", "calf": "calf", "calcification": "calcification", "laterality": "side",
    "limited": "limited study", "is_ultrasound": "ultrasound", "symptoms": "symptoms", "duration": "duration",
    "risk_factors": "risk factors", "prior_imaging": "prior imaging", "missing": "not provided",
}  # fmt: skip
SIDES = {"L": "left", "R": "right", "B": "both"}
QUEUE_KINDS = {"retry": "Try now", "release": "Release as it came", "skip": "Give up", "park": "Park"}


@dataclass(frozen=True, slots=True)
class Change:
    """One changed span, as the log keeps it: lines before and after."""

    path: str
    why: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """One order of the message with everything that was decided about it."""

    order: OrderShown
    gates: tuple[GateShown, ...]
    facts: tuple[tuple[str, str], ...]
    evidence: tuple[Mapping[str, str], ...]
    changes: tuple[Change, ...]
    pitfalls: tuple[str, ...]
    sides: Sides | None


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw one message."""
    number = visit.number("number")
    message = desk.journal.message(number)
    if message is None:
        why = "There is no such message, or its bytes were forgotten; the modification log may still tell of it."
        return desk.page(visit, "nothing.html", 404, nav="log", why=why)
    may_see = visit.session.may_see(number, visit.tick)
    content = message.entry.content if message.entry else {}
    control_id = message.line.envelope.control_id.decode("utf-8", "surrogateescape")
    return desk.page(
        visit, "message.html", nav="log", message=message, line=message.line, may_see=may_see, content=content,
        control_id=identifier(control_id, may_see),
        decisions=decisions_of(content, message if may_see else None, may_see),
        raw=whole_message(message) if may_see and not content.get("orders") else (), purposes=PURPOSES,
        actions=actions_for(message, visit.role), can_review=can_review(message, visit.role),
        decided=str(number) in decided_messages(desk, message.line.received_at - 1), reveal_s=desk.options.reveal_s,
        answer_shown=segments_shown(message.answer) if may_see else "", is_held=is_held(message),
        outlook=outlook(desk, message) if is_held(message) and visit.role.may(Role.REVIEWER) else None,
        raised=raised_by(content),
    )  # fmt: skip


def show_entry(desk: Desk, visit: Visit) -> Answer:
    """Draw one entry of the log, also when its message was forgotten."""
    entry = desk.archive.entry(visit.number("number"))
    if entry is None:
        return desk.page(visit, "nothing.html", 404, nav="log", why="There is no such entry in the log.")
    known = entry.message_id is not None and desk.journal.message(entry.message_id) is not None
    content = entry.content
    may_see = visit.session.may_see(0, visit.tick)
    skipped = {"orders", "reasons", "details", "placer_key", "control_id", "previous", "fault"}
    plain = [(key, kept_text(str(value))) for key, value in sorted(content.items()) if key not in skipped]
    return desk.page(
        visit, "entry.html", nav="log", entry=entry, content=content, known=known, plain=plain, may_see=may_see,
        control_id=identifier(content.get("control_id", ""), may_see), decisions=decisions_of(content, None, may_see),
        details=[(kept_text(str(k)), kept_text(str(v))) for k, v in (content.get("details") or {}).items()],
    )  # fmt: skip


def raw(desk: Desk, visit: Visit) -> Answer:
    """Give the bytes that came in as plain text, once they were revealed."""
    number = visit.number("number")
    message = desk.journal.message(number)
    if message is None or not visit.session.may_see(number, visit.tick):
        return Answer("Reveal the message first.\n", 403, PLAIN)
    lines = ("".join(piece.text for piece in line.pieces) for line in all_lines(message.inbound))
    return Answer("\n".join(lines) + "\n", content_type=PLAIN)


def reveal(desk: Desk, visit: Visit) -> Answer:
    """Show this message's patient data for a while; recorded first."""
    number, purpose = visit.number("number"), visit.form.get("purpose", "").strip()[:LONGEST_REASON]
    if not purpose:
        visit.session.said = "Say what for; nothing was revealed."
    else:
        desk.journal.record("reveal", visit.user, purpose, {"what": "message", "message": str(number)})
        visit.session.reveal(number, visit.tick + desk.options.reveal_s)
    return see(f"/message/{number}")


def hide(desk: Desk, visit: Visit) -> Answer:
    """Hide everything that was revealed."""
    visit.session.hide()
    visit.session.search = ("", "")
    visit.session.said = "Patient data and identifiers are hidden again."
    return see("/")


def decide(desk: Desk, visit: Visit) -> Answer:
    """Do what a person decided about this message, with a reason."""
    number, do = visit.number("number"), visit.form.get("do", "")
    reason = visit.form.get("reason", "").strip()[:LONGEST_REASON]
    back = visit.form.get("back", "")
    target = f"/{back}" if back in ("review", "waiting") else f"/message/{number}"
    message = desk.journal.message(number)
    if message is None or not reason:
        visit.session.said = "Say why; nothing was done." if message else "There is no such message any more."
        return see(target)
    if do == "raise" and is_held(message) and visit.role.may(Role.REVIEWER):
        visit.session.said = _raise(desk, visit, number, reason)
    elif do in actions_for(message, visit.role):
        visit.session.said = desk.journal.ask(do, visit.user, reason, number, "")[1]
    elif do in ("keep", "ask-upgrade", "seen") and can_review(message, visit.role):
        about = "quarantine" if message.line.state == "quarantined" else "review"
        _note(desk, visit, number, about, do, reason)
        visit.session.said = f"Message {number}: recorded ({do})."
    else:
        visit.session.said = f"That is not possible for message {number} now, or not in your role."
    return see(target)


def actions_for(message: Message, role: Role) -> dict[str, str]:
    """Return what this role may ask the service to do with the message in its state: a reviewer releases reviews."""
    state, held_review = message.line.state, message.line.action == "review"
    if state == "parked" and role.may(Role.OPERATOR):
        return {kind: QUEUE_KINDS[kind] for kind in ("release", "retry", "skip")}
    if state == "quarantined" and role.may(Role.OPERATOR):
        return {"release": "Forward as it came", "skip": QUEUE_KINDS["skip"]}
    if state == "parked" and held_review and role.may(Role.REVIEWER):
        return {"release": QUEUE_KINDS["release"]}
    if state == "queued" and role.may(Role.OPERATOR):
        return {kind: QUEUE_KINDS[kind] for kind in ("retry", "park", "skip")}
    return {}


def can_review(message: Message, role: Role) -> bool:
    """Tell whether this role may note a decision about the message; one that is held is to be released instead."""
    looked_at = message.line.action == "review" and not is_held(message)
    return role.may(Role.REVIEWER) and (looked_at or message.line.state == "quarantined")


def raised_by(content: Mapping[str, Any]) -> str:
    """Return who had the order raised and why, "" where the rule alone decided."""
    if content.get("kind") != "raised":
        return ""
    return kept_text(f"{content.get('user', '')}: {content.get('reason', '')}")


def _raise(desk: Desk, visit: Visit, number: int, reason: str) -> str:
    """Have a held order go on as the complete study; whoever says so must have it before them."""
    if not visit.session.may_see(number, visit.tick):
        return "Reveal the message and read it first; nothing was done."
    wanted = visit.form.get("orders", "")
    return desk.journal.ask("raise", visit.user, reason, number, wanted[:6])[1]


def _note(desk: Desk, visit: Visit, number: int, about: str, decision: str, reason: str) -> None:
    details = {"message": str(number), "about": about, "decision": decision}
    desk.journal.record(DECIDED, visit.user, reason, details)


def decisions_of(content: Mapping[str, Any], message: Message | None, may_see: bool) -> list[Decision]:
    """Return what was decided for each order; with the message at hand its segments on both sides."""
    found = []
    for order in content.get("orders", ()):
        summary = order_shown(order, may_see)
        sides = sides_of(message.inbound, message.outbound, content, order["position"]) if message else None
        pitfalls = tuple(PITFALLS.get(name, kept_text(name)) for name in order["pitfalls"])
        evidence, changes = tuple(_evidence(order, message)), tuple(_change(m) for m in order["modifications"])
        facts = _facts(order["facts"])
        found.append(Decision(summary, summary.gates, facts, evidence, changes, pitfalls, sides))
    return found


def whole_message(message: Message) -> tuple[Line, ...]:
    """Return every segment, for messages in which no order was looked at."""
    return all_lines(message.inbound)


def _change(modification: Mapping[str, Any]) -> Change:
    before, after = (_lines(modification[side]) for side in ("before", "after"))
    return Change(kept_text(modification["path"]), kept_text(modification["why"]), before, after)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(kept_text(line) for line in text.replace("\n", "\r").split("\r") if line)


def _evidence(order: Mapping[str, Any], message: Message | None) -> list[dict[str, str]]:
    """Return each piece of evidence, with its words where the message may be seen."""
    found = []
    for one in order["evidence"]:
        words = message.inbound[one["offset"] : one["offset"] + one["length"]] if message else b""
        found.append({**{key: kept_text(str(value)) for key, value in one.items()},
                      "words": shown(words.decode("utf-8", "replace"))})  # fmt: skip
    return found


def _facts(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the facts that say something, as name and value."""
    told = []
    for key, name in FACTS.items():
        value = facts.get(key)
        text = ", ".join(map(str, value)) if isinstance(value, list) else SIDES.get(str(value), str(value or ""))
        text = "yes" if value is True else text
        if text:
            told.append((name, kept_text(text).replace("_", " ")))
    return tuple(told)
