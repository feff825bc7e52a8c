"""A modification log entry as one line for the night shift, as JSON for scripts, as rows for a spreadsheet.

Law: everything is cleaned, because identifiers come from messages; a spreadsheet cell never starts as a
formula ([Promises] S8, S9).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hl7calf.calf.verdict import Action
from hl7calf.cli.difference import COLOURS
from hl7calf.cli.moments import time_shown
from hl7calf.cli.terminal import Terminal, clean

if TYPE_CHECKING:
    from hl7calf.service.journal.views import LogEntry

ORDER_KINDS = ("message", "raised")  # entries with orders in them: as one came, and as a reviewer had it go on
_SHORT_HEADINGS = ("UTC", "seq", "route", "control id", "order", "action", "gate and change")
HEADINGS = ("time (UTC)", "seq", "route", "control id", "placer order", "action", "gate and change")
_CODE_FIELD = re.compile(r"OBR\[\d+\]-4(\.1)?$")
_CODE = re.compile(r"[A-Za-z0-9._/-]*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

COLUMNS = (
    "sequence",
    "time",
    "node",
    "kind",
    "route",
    "peer",
    "sending_application",
    "sending_facility",
    "receiving_application",
    "message_type",
    "control_id",
    "version",
    "order",
    "placer_order_number",
    "filler_order_number",
    "order_control",
    "service",
    "indicated",
    "action",
    "gates",
    "code_before",
    "code_after",
    "notes_inserted",
    "reasons",
    "fault",
    "mode",
    "policy",
    "rule",
    "mappings",
    "sha256_in",
    "sha256_out",
    "user",
    "reason",
    "hash",
    "details",
)


class LogLines:
    """Entries as lines, one after the other, in the form that the window has room for.

    A wide window gets a line each with the whole time; one of 80 columns the time of day, under a line for each day;
    a narrower one a few short lines without columns.
    """

    def __init__(self, term: Terminal) -> None:
        self._term = term
        self._day = ""
        self._layout = layout_of(term)

    def heading(self) -> str:
        """Return the headings, or "" where the window is too narrow for columns."""
        if self._layout is None:
            return ""
        headings = HEADINGS if self._layout is _WIDE else _SHORT_HEADINGS
        return self._term.paint(self._layout.line(headings), dim=True)

    def of(self, entry: "LogEntry") -> Iterator[str]:
        """Yield one line for each order of an entry, or one for an entry of another kind."""
        time = time_shown(entry.at)
        if self._layout is _COMPACT:
            day, _, time = time.partition(" ")
            if day != self._day:
                self._day = day
                yield self._term.paint(day, bold=True)
        for cells, colour in entry_cells(entry, time):
            if self._layout is _COMPACT:  # the placer's own number is enough to find the order by
                cells = (*cells[:4], cells[4].partition("^")[0], *cells[5:])
            yield _line(cells, colour, self._term, self._layout)


def entry_cells(entry: "LogEntry", time: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield the cells of each line of an entry, in the order of HEADINGS, and the colour of its action."""
    head = (time, str(entry.sequence), entry.route)
    if entry.kind not in ORDER_KINDS:
        yield (*head, "", "", entry.kind, told_event(entry.content)), None
        return
    for order in entry.content.get("orders") or [{"action": entry.action}]:
        action = str(order.get("action", entry.action))
        colour = COLOURS.get(Action(action)) if action in list(Action) else None
        placer = str(order.get("placer_order_number", ""))
        yield (*head, entry.control_id, placer, action, told_order(order, entry.content)), colour


def entry_to_json(entry: "LogEntry") -> str:
    """Return the entry as it stands under its hash, with the hash, on one line."""
    return json.dumps({**entry.content, "hash": entry.hash.hex()})


def entry_rows(entry: "LogEntry") -> Iterator[list[str]]:
    """Yield one spreadsheet row for each order, in the order of COLUMNS; every cell safe to open."""
    content = entry.content
    for order in content.get("orders") or [{}]:
        before, after = code_change(order) or ("", "")
        fault = content.get("fault")
        told = {
            **content,
            "hash": entry.hash.hex(),
            "order": order.get("position", ""),
            "gates": "; ".join(f"{gate['code']} {gate['why']}" for gate in order.get("gates", ())),
            "code_before": before,
            "code_after": after,
            "notes_inserted": notes_inserted(order) or "",
            "reasons": "; ".join(content.get("reasons", ())),
            "fault": fault["code"] if fault else "",
            "details": "; ".join(f"{key} {value}" for key, value in (content.get("details") or {}).items()),
            **{
                key: order[key]
                for key in (
                    "placer_order_number",
                    "filler_order_number",
                    "order_control",
                    "service",
                    "indicated",
                    "action",
                )
                if key in order
            },
        }
        yield [defused(str(told.get(column, ""))) for column in COLUMNS]


def defused(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula and no terminal for a command."""
    quoted = "'" + cell if cell.startswith(_FORMULA) else cell
    return clean(quoted)


def told_event(content: Mapping[str, Any]) -> str:
    """Return what an entry says that is not about a message: who, why, what."""
    from hl7calf.console.wording import told

    user = str(content.get("user") or "")
    return ": ".join(part for part in (f"by {user}" if user else "", told(content)) if part)


def told_order(order: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Return the gates and the change of one order in a few words."""
    fault = content.get("fault")
    parts = [str(gate["code"]) for gate in order.get("gates", ())]
    change = code_change(order)
    if change is not None:
        parts.append(f"{change[0]} -> {change[1]}" if change[0] != change[1] else f"{change[0]}, new text")
    if notes_inserted(order):
        parts.append(f"+{notes_inserted(order)} NTE")
    if fault:
        parts.append(str(fault["code"]))
    if content.get("user"):
        parts.append(f"by {content['user']}: {content.get('reason', '')}")
    return " ".join(parts)


def code_change(order: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the code in OBR-4 before and after, None when it was left alone."""
    for changed in order.get("modifications", ()):
        if _CODE_FIELD.search(changed["path"]):
            before, after = _CODE.match(changed["before"]), _CODE.match(changed["after"])
            return before[0] if before else "", after[0] if after else ""
    return None


def notes_inserted(order: Mapping[str, Any]) -> int:
    """Return how many NTE segments were inserted behind this order."""
    inserted = [str(c["after"]) for c in order.get("modifications", ()) if not c["length"] and "NTE" in c["path"]]
    return sum(len(re.findall(r"(?:^|[\r\n])NTE", text)) for text in inserted)


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths of the columns; the last one takes what is left."""

    widths: tuple[int, ...]

    def line(self, cells: tuple[str, ...]) -> str:
        """Return cells in their columns; what is too long pushes the rest on."""
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, self.widths, strict=True)).rstrip()


_WIDE = Layout((19, 6, 8, 12, 14, 8, 0))
_COMPACT = Layout((8, 5, 7, 11, 10, 8, 0))  # 61 columns with the gaps: a window of 80 has room for gate and change
_ROOM = 16  # the least that the last column needs beside the others


def layout_of(term: Terminal) -> Layout | None:
    """Return the widest layout that a window has room for, None for none."""
    for layout in (_WIDE, _COMPACT):
        if term.width is None or sum(layout.widths) + 2 * (len(layout.widths) - 1) + _ROOM <= term.width:
            return layout
    return None


def _line(cells: tuple[str, ...], colour: str | None, term: Terminal, layout: Layout | None) -> str:
    """Return one entry as a line of columns, its last cell below where it has no room; or as a few short lines."""
    cells = tuple(clean(cell) for cell in cells)
    time, sequence, route, control_id, placer, action, told = cells
    if layout is None or (term.width is not None and len(layout.line((*cells[:-1], ""))) > term.width):
        first = term.fold("  ".join(part for part in (f"#{sequence}", time, route) if part), hang="  ")
        rest = "  ".join(part for part in (action, control_id, placer, told) if part)
        return first + "\n" + term.fold(rest, "  ", "    ").replace(action, term.paint(action, fg=colour), 1)
    line = layout.line(cells)
    if term.width is not None and len(line) > term.width:
        line = layout.line((*cells[:-1], "")) + "\n" + term.fold(told, " " * (layout.widths[0] + 2))
    before = line.find(action, len(layout.line((*cells[:5], "", ""))))
    return line if before < 0 else line[:before] + term.paint(action, fg=colour) + line[before + len(action) :]
