"""The note an upgraded order carries: the lines of note.txt, filled from facts, cut to 80 characters.

Law: what is inserted is printable ASCII, has no free text from the order except the original code and name,
and never calls a finding benign: the pattern is asked for, not judged. The first line is the marker that makes
hl7calf leave its own output alone.

Source: guideline text [Guideline]; line width because many receivers cut NTE lines at 60 to 120 characters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

from hl7calf.errors import Defect

WIDTH = 80
MARKER = "HL7CALF "
PLACEHOLDERS = frozenset(
    "version rule policy what original side location characteristics symptoms duration risk_factors prior_imaging "
    "missing gates".split()
)
FORBIDDEN = ("benign", "malignant")
NTE_4 = {
    "AI": ("AI", "Ancillary Instructions", "HL70364"),
    "RE": ("RE", "Remark", "HL70364"),
    "1R": ("1R", "Primary Reason", "HL70364"),
}


@dataclass(frozen=True, slots=True)
class NoteLine:
    """One line of the template: which actions write it, its NTE-4 comment type, its text."""

    actions: frozenset[str]
    comment_type: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class NoteTemplate:
    """The lines of note.txt in order."""

    lines: tuple[NoteLine, ...]


def read_template(content: str, defects: list[Defect]) -> NoteTemplate:
    """Read note.txt: `actions | NTE-4 code | text`, `#` starts a comment line.

    What is wrong goes to `defects`: unknown placeholders, control or non-ASCII characters, a first line that is
    not the marker, words that judge a finding.
    """
    lines: list[NoteLine] = []
    for number, raw in enumerate(content.lstrip("\ufeff").splitlines(), 1):
        if not raw.strip() or raw.startswith("#"):
            continue
        parts = [part.strip() for part in raw.split("|", 2)]
        if len(parts) != 3:
            defects.append(Defect("note.txt", number, 1, "N_PARTS", "a line has three parts", "actions | NTE-4 | text"))
            continue
        actions = frozenset(parts[0].split())
        line = NoteLine(actions, parts[1], parts[2], number)
        found = _line_defects(line, raw)
        defects.extend(found)
        if not found:
            lines.append(line)
    if lines and not lines[0].text.startswith(MARKER):
        why = f"the first line must start with `{MARKER}`: it marks own output"
        defects.append(Defect("note.txt", lines[0].line, 1, "N_MARKER", why, "restore the first line"))
    return NoteTemplate(tuple(lines))


def _line_defects(line: NoteLine, raw: str) -> list[Defect]:
    def defect(code: str, why: str, hint: str, column: int = 1) -> Defect:
        return Defect("note.txt", line.line, column, code, why, hint)

    found = []
    unknown = line.actions - {"upgrade", "annotate"}
    if unknown or not line.actions:
        found.append(defect("N_ACTION", "the first part names `upgrade`, `annotate` or both", "upgrade annotate | ..."))
    if line.comment_type not in NTE_4:
        found.append(defect("N_TYPE", f"NTE-4 `{line.comment_type}` is not known", "one of AI, RE, 1R"))
    for column, char in enumerate(raw, 1):
        if not " " <= char <= "~":
            found.append(defect("N_CHARACTER", "only printable ASCII may be inserted", "replace the character", column))
    try:
        names = [name for _, name, _, _ in Formatter().parse(line.text) if name is not None]
    except ValueError:
        return [*found, defect("N_BRACES", "a brace is not closed", "write {name}")]
    for name in names:
        if name not in PLACEHOLDERS:
            found.append(
                defect("N_PLACEHOLDER", f"`{{{name[:30]}}}` is not known", "known: " + ", ".join(sorted(PLACEHOLDERS)))
            )
    for word in FORBIDDEN:
        if word in line.text.lower():
            found.append(defect("N_JUDGES", f"`{word}` judges the finding", "ask for the pattern instead"))
    return found


def write_note(template: NoteTemplate, action: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the note as (NTE-4 code, text) pairs, every text at most 80 printable ASCII characters.

    A line that is longer once filled is continued on the next, cut at a space. The marker line is cut instead:
    it must stay one line.
    """
    lines: list[tuple[str, str]] = []
    for number, line in enumerate(t for t in template.lines if action in t.actions):
        text = line.text.format_map(_Printable(values)).strip()
        pieces = [text[:WIDTH]] if number == 0 else wrap(text)
        lines.extend((line.comment_type, piece) for piece in pieces)
    return lines


class _Printable(dict[str, str]):
    """Values made printable ASCII as they are filled in."""

    def __getitem__(self, key: str) -> str:
        return "".join(c if " " <= c <= "~" else "?" for c in super().__getitem__(key))


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """Cut `text` at spaces into pieces of at most `width`; later pieces are indented by two."""
    pieces: list[str] = []
    rest = text
    while len(rest) > width:
        cut = rest.rfind(" ", 4, width + 1)
        cut = cut if cut > 0 else width
        pieces.append(rest[:cut].rstrip())
        rest = "  " + rest[cut:].lstrip()
    pieces.append(rest)
    return pieces
