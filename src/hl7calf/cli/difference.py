"""A verdict for a person: what would change, segment by segment, and why.

Law: shows the segments that change and no other, so that a patient's name stands on the screen only
when it was changed, which never happens. Everything from the message is cleaned before it is shown.
"""

import difflib
import re
from collections.abc import Iterator, Sequence

from hl7calf.calf.report import charsets_of
from hl7calf.calf.verdict import Action, OrderVerdict, Verdict
from hl7calf.cli.terminal import Terminal, clean
from hl7calf.wire.charset import decode_bytes

COLOURS = {
    Action.PASS: None,
    Action.REVIEW: "yellow",
    Action.ANNOTATE: "cyan",
    Action.UPGRADE: "green",
    Action.REFUSE: "red",
}
_ENDS = re.compile("\r\n|\r|\n")
Run = tuple[str, bool]  # text and whether it is marked


def headline(verdict: Verdict, source: str, term: Terminal) -> str:
    """Return the one line of a message: where it is from, type, control ID, action, and the reason if unchanged."""
    named = "  ".join(clean(part) for part in (source, verdict.message_type, verdict.control_id) if part)
    action = term.paint(verdict.action.value, fg=COLOURS[verdict.action], bold=verdict.changed)
    why = "" if verdict.changed else why_unchanged(verdict)
    plain = f"{named}  {verdict.action.value}" + (f"  {why}" if why else "")
    if term.width is not None and len(plain) > term.width:
        folded = term.fold(f"{verdict.action.value}  {why}".rstrip(), "  ", "    ")
        return term.fold(named, hang="  ") + "\n" + folded.replace(verdict.action.value, action, 1)
    return f"{named}  {action}" + (f"  {term.paint(why, dim=True)}" if why else "")


def why_unchanged(verdict: Verdict) -> str:
    """Return why a message goes out as it came: the fault, else its orders' gates, else its reasons."""
    if verdict.fault is not None:
        return clean(f"{verdict.fault.why} [{verdict.fault.code}]")
    gates = list(dict.fromkeys(f"{gate.code} {gate.why}" for order in verdict.orders for gate in order.gates))
    return clean("; ".join(gates or verdict.reasons))


def explain_change(verdict: Verdict, source: str, term: Terminal) -> str:
    """Return headline, unified difference and the reasons of one message; the headline alone if unchanged."""
    lines = [headline(verdict, source, term)]
    if verdict.changed:
        lines += difference(verdict.payload, verdict.outbound, term)
    for order in verdict.orders:
        if order.modifications or (order.action is not Action.PASS and verdict.changed):
            lines += explain_order(order, term)
    return "\n".join(lines)


def explain_order(order: OrderVerdict, term: Terminal) -> list[str]:
    """Return the lines that say for one order what was decided and on which evidence."""
    from hl7calf.calf.pitfalls import PITFALLS

    named = clean(" ".join(part for part in (order.placer_order_number, order.order_control) if part))
    title = f"order {order.position}" + (f" ({named})" if named else "")
    decided = (
        order.action.value
        if order.action is order.indicated
        else f"{order.action.value}, though the rule says {order.indicated.value}"
    )
    lines = [term.paint(term.fold(f"{title}: {decided}"), bold=True)]
    for found in order.evidence:
        told = f'{found.concept} {found.status}: "{found.text}" at {found.path}' + (
            f" ({found.row})" if found.row else ""
        )
        lines.append(term.fold(clean(told), "  found  ", " " * 9))
    lines += [term.fold(clean(f"{gate.code}: {gate.why}"), "  gate   ", " " * 9) for gate in order.gates]
    lines += [term.fold(f"pitfall: {PITFALLS.get(name, clean(name))}", "  note   ", " " * 9) for name in order.pitfalls]
    whys = dict.fromkeys(changed.why for changed in order.modifications if changed.why)
    lines += [term.fold(clean(why), "  why    ", " " * 9) for why in whys]
    if order.facts.missing and order.modifications:
        lines.append(term.fold("not provided by the orderer: " + ", ".join(order.facts.missing), "  note   ", " " * 9))
    return lines


def difference(before: bytes, after: bytes, term: Terminal, told: str = "as it would be sent") -> list[str]:
    """Return the unified difference of two payloads by segments, without context lines.

    Args:
        told: what the second one is.
    """
    charsets = charsets_of(before)
    old, new = (_ENDS.split(decode_bytes(data, charsets)) for data in (before, after))
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    old_part, new_part = old[start : len(old) - end], new[start : len(new) - end]
    lines = [term.paint("--- as received", fg="red"), term.paint(f"+++ {told}", fg="green")]
    field = before[before.find(b"MSH") + 3 :][:1].decode("latin-1")
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old_part, new_part, autojunk=False).get_opcodes():
        if kind != "equal":
            lines += _hunk(old_part[i:j], new_part[k:m], start + i + 1, field, term)
    return lines


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Return how many items two sequences have in common at their start."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count


def _hunk(old: Sequence[str], new: Sequence[str], number: int, field: str, term: Terminal) -> Iterator[str]:
    """Yield one place that differs: changed segments in pairs, then what was inserted."""
    names = "/".join(dict.fromkeys(clean(segment[:3]) for segment in (old or new)))
    yield term.paint(
        f"@@ segment {number}: {names} @@" if old else f"@@ inserted before segment {number}: {names} @@", fg="cyan"
    )
    for before, after in zip(old, new, strict=False):
        marked_old, marked_new = _mark(before.split(field), after.split(field), field)
        yield from _line("-", marked_old, "red", term)
        yield from _line("+", marked_new, "green", term)
    for segment in old[len(new) :]:
        yield from _line("-", [(segment, False)], "red", term)
    for segment in new[len(old) :]:
        yield from _line("+", [(segment, False)], "green", term)


def _mark(old: list[str], new: list[str], field: str) -> tuple[list[Run], list[Run]]:
    """Return both segments as runs, the fields that differ marked."""

    def runs(own: list[str], other: list[str]) -> list[Run]:
        return [
            (text + (field if i < len(own) - 1 else ""), i >= len(other) or other[i] != text)
            for i, text in enumerate(own)
        ]

    return runs(old, new), runs(new, old)


def _line(sign: str, runs: list[Run], colour: str, term: Terminal) -> Iterator[str]:
    """Yield one segment as lines no wider than the window, marked fields emphasised; nothing is left out."""
    width = (term.width or 0) - 1
    line, room = sign, width
    for text, marked in runs:
        rest = clean(text)
        while rest:
            piece, rest = (rest, "") if width <= 0 else (rest[:room], rest[room:])
            line += term.paint(piece, fg=colour, bold=marked, reverse=marked) if term.colour else piece
            room -= len(piece)
            if not room and width > 0:
                yield term.paint(line[:1], fg=colour) + line[1:]
                line, room = " ", width
    if line.strip():
        yield term.paint(line[:1], fg=colour) + line[1:]
