"""What can be wrong with note.txt beyond its single lines: length once filled, and the marker.

Law: filled with the longest values an order can give, the note has at most 20 lines of at most 80 characters, and
whatever the action its first line marks it as own output.

Source: many receivers cut NTE lines at 60 to 120 characters and lists at about 20 [ClinicalNotes 3.3].
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from string import Formatter

from hl7calf.calf.decision import ANNOTATED, UPGRADED
from hl7calf.calf.note import MARKER, WIDTH, NoteTemplate, write_note
from hl7calf.calf.rule import RULE_ID, RULE_VERSION
from hl7calf.calf.schema import RISKS, SYMPTOMS, Row
from hl7calf.errors import Defect

MOST_LINES = 20
ACTIONS = ("upgrade", "annotate")
WHAT = {"upgrade": UPGRADED, "annotate": ANNOTATED}
TOGETHER = {"symptoms": 5, "risk_factors": 4, "characteristics": 4}
"""How many of a list an order names at most; more is wrapped, not cut."""


def longest_values(rows: Mapping[str, Sequence[Row]], action: str) -> dict[str, str]:
    """Return the longest text each placeholder of the note can take."""
    locations = [row["location"] for row in rows.get("sites.csv", ()) if row["site"] == "calf"]
    characteristics = {row["characteristic"] for row in rows.get("characteristics.csv", ())}
    return {
        "version": "10.10.10",
        "rule": f"{RULE_ID}-{RULE_VERSION}",
        "policy": "P" * 20,
        "what": WHAT[action],
        "original": "C" * 16 + " " + "N" * 47,
        "side": "side not provided",
        "location": max([*locations, "not provided"], key=len),
        "characteristics": _longest(characteristics, "characteristics"),
        "symptoms": _longest(SYMPTOMS, "symptoms"),
        "duration": "10-12 months",
        "risk_factors": _longest((r.replace("_", " ") for r in RISKS), "risk_factors"),
        "prior_imaging": "x-ray, CT, MRI, ultrasound",
        "missing": "characteristics, symptoms, duration, prior imaging",
        "gates": "X6, X18, X27, X29",
    }


def _longest(words: Iterable[str], name: str) -> str:
    return ", ".join(sorted(sorted(words), key=len, reverse=True)[: TOGETHER[name]])


def check_note(template: NoteTemplate, rows: Mapping[str, Sequence[Row]]) -> Iterator[Defect]:
    """Yield the defects of the whole note, action by action."""
    for action in ACTIONS:
        lines = [line for line in template.lines if action in line.actions]
        if not lines:
            yield Defect("note.txt", 0, 0, "N_EMPTY", f"no line is written for `{action}`",
                         f"add `{action} | RE | ...`")  # fmt: skip
            continue
        first = lines[0]
        if not first.text.startswith(MARKER) or " rule " not in first.text:
            why = f"the first line of `{action}` must start with `{MARKER}` and hold ` rule `: it marks own output"
            yield Defect("note.txt", first.line, 1, "N_MARKER", why, "restore the first line for both actions")
        values = longest_values(rows, action)
        filled = len(first.text.format_map(values | {"what": ""}))
        if filled > WIDTH:
            why = f"the marker line can be {filled} characters long before it says what was done; it is cut at {WIDTH}"
            yield Defect("note.txt", first.line, 1, "N_TOO_LONG", why, "shorten it: the marker must stay one line")
        yield from _length(template, action, values)
    yield from _formats(template)


def _formats(template: NoteTemplate) -> Iterator[Defect]:
    """Yield placeholders with a conversion or a width, which would pad or quote what is inserted."""
    for line in template.lines:
        for _, name, form, conversion in Formatter().parse(line.text):
            if name and (form or conversion):
                why = f"`{{{name}}}` is filled in as it is: nothing may follow its name"
                yield Defect("note.txt", line.line, 1, "N_FORMAT", why, f"write {{{name}}}")


def _length(template: NoteTemplate, action: str, values: Mapping[str, str]) -> Iterator[Defect]:
    written = write_note(template, action, values)
    if len(written) > MOST_LINES:
        why = f"`{action}` can write {len(written)} lines; receivers keep {MOST_LINES}"
        yield Defect("note.txt", 0, 0, "N_TOO_MANY", why, "join or drop lines")
    for line in template.lines:
        fixed = line.text.format_map({name: "" for name in values})
        if action in line.actions and len(fixed) > WIDTH:
            why = f"the line has {len(fixed)} characters before anything is filled in; {WIDTH} at most"
            yield Defect("note.txt", line.line, 1, "N_TOO_LONG", why, "shorten it")
