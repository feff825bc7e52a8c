"""The mappings as they stand on disk, and "try a sentence".

Law: read-only; analysts edit files, not a form. What is typed to be tried is vetted and forgotten.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from hl7calf.calf.verdict import Mode
from hl7calf.console.desk import Desk
from hl7calf.console.pages.overview import mode_shown
from hl7calf.console.queries import Wanted
from hl7calf.console.text import shown
from hl7calf.console.trial import LONGEST_TEXT, Asked, Tried, try_sentence
from hl7calf.console.visit import Answer, Visit

MOST_ROWS = 300
LOOK_BACK = 50  # a message that could not be read names no mappings
EXAMPLE = "Left calf pain x 3 weeks. XR: calcification in the left calf. No fever. R/O DVT."


@dataclass(frozen=True, slots=True)
class TableShown:
    """One file in the list."""

    name: str
    rows: int
    columns: str


def show(desk: Desk, visit: Visit) -> Answer:
    """List the files, their defects, and whether the service uses them."""
    texts, tables = desk.mappings.texts(), desk.mappings.tables()
    last = desk.archive.log_page(Wanted(kind="message"), limit=LOOK_BACK).entries
    used = next((entry.content["mappings"] for entry in last if entry.content.get("mappings")), "")
    return desk.page(
        visit, "mappings.html", nav="mappings", groups=_by_language(texts),
        defects=desk.mappings.defects(), digest=tables.digest if tables else "",
        in_force=str(used),
    )  # fmt: skip


def _by_language(texts: Mapping[str, str]) -> dict[str, list[TableShown]]:
    """Return the files of each language, English first under no name."""
    groups: dict[str, list[TableShown]] = {"": []}
    for name, text in texts.items():
        language = name.split("/")[1] if name.startswith("languages/") else ""
        groups.setdefault(language, []).append(_listed(name, text))
    return groups


def table(desk: Desk, visit: Visit) -> Answer:
    """Show the rows of one file that hold what is looked for."""
    name, looked_for = visit.args["name"], visit.query.get("q", "").strip()
    text = desk.mappings.texts().get(name)
    if text is None:
        return desk.page(visit, "nothing.html", 404, nav="mappings", why="There is no such file among the mappings.")
    lines = _rows(name, text)
    head, rest = (lines[0][1], lines[1:]) if lines and name.endswith(".csv") else ([], lines)
    found = [(n, cells) for n, cells in rest if looked_for.lower() in "\x00".join(cells).lower()]
    return desk.page(
        visit, "table.html", nav="mappings", name=name, head=head, rows=found[:MOST_ROWS], found=len(found),
        most=MOST_ROWS, looked_for=looked_for,
    )  # fmt: skip


def show_trial(desk: Desk, visit: Visit) -> Answer:
    """Show the form with an example in it."""
    return _trial(desk, visit, Asked(reason=EXAMPLE))


def run_trial(desk: Desk, visit: Visit) -> Answer:
    """Vet what was typed and show it marked."""
    form = visit.form
    asked = Asked(
        form.get("name", "")[:200], form.get("code", "")[:80], form.get("system", "")[:40],
        form.get("reason", "").replace("\r\n", "\n")[:LONGEST_TEXT], form.get("order_control", "NW")[:2],
    )  # fmt: skip
    return _trial(desk, visit, asked, "_trial.html" if form.get("part") else "trial.html")


def _trial(desk: Desk, visit: Visit, asked: Asked, template: str = "trial.html") -> Answer:
    tables = desk.mappings.tables()
    mode = mode_shown(desk.options, desk.journal.status(), desk.today()).in_force
    tried: Tried | None = None
    if tables is not None:
        tried = try_sentence(asked, tables, Mode(mode), desk.options.policy, desk.vet_options)
    notes = [
        shown(line)
        for changed in (tried.order.modifications if tried and tried.order else ())
        for line in changed.after.decode("utf-8", "replace").replace("\n", "\r").split("\r") if line
    ]  # fmt: skip
    return desk.page(
        visit, template, nav="mappings", asked=asked, tried=tried, mode=mode, defects=desk.mappings.defects(),
        notes=notes, longest=LONGEST_TEXT, evidence=_evidence_by_concept(tried),
    )  # fmt: skip


def _evidence_by_concept(tried: Tried | None) -> Mapping[str, list[tuple[str, str, str]]]:
    """Return what counted, grouped: (text, status, row) by concept."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for found in tried.order.evidence if tried and tried.order else ():
        groups.setdefault(found.concept, []).append((found.text, found.status, found.row))
    return groups


def _listed(name: str, text: str) -> TableShown:
    lines = _rows(name, text)
    is_table = name.endswith(".csv") and bool(lines)
    return TableShown(name, len(lines) - is_table, ", ".join(lines[0][1]) if is_table else "text")


def _rows(name: str, text: str) -> list[tuple[int, list[str]]]:
    """Return each row with its line number; a text file has one cell a line."""
    if not name.endswith(".csv"):
        return [(number, [line]) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    reader = csv.reader(io.StringIO(text))
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        rows.append((line, ["(the rest of this file cannot be read as CSV)"]))
    return rows
