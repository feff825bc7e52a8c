"""One change in a few lines, for the demo: OBR-4 before and after, how many notes, and why."""

import re
from collections.abc import Iterator

from hl7calf.calf.report import charsets_of
from hl7calf.calf.verdict import OrderVerdict, Verdict
from hl7calf.cli.difference import COLOURS
from hl7calf.cli.terminal import Terminal, clean
from hl7calf.wire.charset import decode_bytes

_NOTE = re.compile(rb"(?:^|[\r\n])NTE")
_TELLING = ("calcification", "calf", "site", "limited", "limit", "extent")


def summary_lines(verdict: Verdict, name: str, term: Terminal) -> Iterator[str]:
    """Yield the lines of one changed message."""
    action = term.paint(verdict.action.value, fg=COLOURS[verdict.action], bold=True)
    title = f"{verdict.action.value:9} {clean(name)}"
    yield term.fold(title, hang=" " * 10).replace(verdict.action.value, action, 1)
    charsets = charsets_of(verdict.payload)
    for order in verdict.orders:
        if not order.modifications:
            continue
        for changed in order.modifications:
            if changed.length:
                path = clean(changed.path)
                yield _painted(term, f"- {clean(decode_bytes(changed.before, charsets))}", path, "red")
                yield _painted(term, f"+ {clean(decode_bytes(changed.after, charsets))}", "", "green")
        notes = sum(len(_NOTE.findall(changed.after)) for changed in order.modifications if not changed.length)
        if notes:
            yield _painted(term, f"+ {notes} NTE", "", "green")
        yield term.fold(clean(why(order)), " " * 10 + "because ", " " * 10)


def why(order: OrderVerdict) -> str:
    """Return why an order was changed: what was found, and the gate that lowered the change if one did."""
    found = [f'{one.concept} {one.status} "{one.text}"' for one in order.evidence if one.concept in _TELLING]
    told = found or [f'{one.concept} "{one.text}"' for one in order.evidence]
    gates = [f"{gate.code}: {gate.why}" for gate in order.gates]
    reasons = [changed.why for changed in order.modifications if changed.why][:1]
    return "; ".join(dict.fromkeys([*told, *gates] or reasons)) or "the order was changed before"


def _painted(term: Terminal, text: str, path: str, colour: str) -> str:
    return "\n".join(
        line[:10] + term.paint(line[10:], fg=colour) for line in term.fold(text, f"{path:10}", " " * 12).split("\n")
    )
