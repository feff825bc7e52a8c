"""Try a sentence: the site's own mappings, and what the rule makes of an order text.

Law: the same `vet` as the service calls, on a message made here; nothing is sent or stored, and nothing that was
typed is kept. The mappings are read again when their files change, so an analyst sees the edit at once; what the
running service uses may be older, and the page says so by its digest.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import Mode, OrderVerdict, Policy
from hl7calf.calf.vetting import Options, vet
from hl7calf.console.spans import Mark, Piece, kind_of
from hl7calf.console.text import shown
from hl7calf.errors import MappingError
from hl7calf.wire.message import Message, read_message
from hl7calf.wire.text import Text, read_text

LONGEST_TEXT = 4000
FIELDS = {"OBR[1]-4.2": "Ordered study (OBR-4.2)", "OBR[1]-31.2": "Reason for study (OBR-31.2)"}
_ESCAPES = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\", "\r": None}
)
ReadMappings = Callable[[Path], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person typed: the ordered study's name and code, the reason, ORC-1."""

    name: str = "US VENOUS LIMITED LEFT"
    code: str = "USVENLTDL"
    system: str = "L"
    reason: str = ""
    order_control: str = "NW"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: the verdict on the one order, and each field's text with mentions and cues marked."""

    order: OrderVerdict | None
    fields: tuple[tuple[str, tuple[Piece, ...]], ...]
    fault: str = ""


class Mappings:
    """The mappings on disk, loaded when first needed and again when they change.

    Args:
        folder: the site's own.
        read: turns a folder into texts by file name; raises MappingError.
    """

    def __init__(self, folder: Path, read: ReadMappings) -> None:
        self._folder = folder
        self._read = read
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._texts: Mapping[str, str] = {}
        self._tables: dict[tuple[str, ...], Tables] = {}
        self._defects: tuple[str, ...] = ()

    def texts(self) -> Mapping[str, str]:
        """Return every file's text by name."""
        self._look()
        return self._texts

    def tables(self, languages: tuple[str, ...] = ()) -> Tables | None:
        """Return the tables with these languages beside English, None while there are defects."""
        self._look()
        if self._defects:
            return None
        if languages not in self._tables:
            self._load(languages)
        return self._tables.get(languages)

    def defects(self) -> tuple[str, ...]:
        """Return what keeps the tables from loading."""
        self._look()
        return self._defects

    def _look(self) -> None:
        stamp = _stamp_of(self._folder)
        if stamp == self._stamp and stamp:
            return
        self._stamp, self._defects, self._tables = stamp, (), {}
        try:
            self._texts = self._read(self._folder)
        except MappingError as wrong:
            self._defects = tuple(str(defect) for defect in wrong.defects)
        else:
            self._load(())

    def _load(self, languages: tuple[str, ...]) -> None:
        try:
            self._tables[languages] = load_tables(self._texts, languages)
        except MappingError as wrong:
            self._defects = tuple(str(defect) for defect in wrong.defects)


def _stamp_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file of the folder or of its languages does."""
    found = []
    try:
        for path in folder.rglob("*"):
            if path.is_file():
                stat = path.stat()
                found.append((str(path), stat.st_mtime_ns, stat.st_size))
    except OSError:
        return ()
    return tuple(sorted(found))


def try_sentence(asked: Asked, tables: Tables, mode: Mode, policy: Policy | None, options: Options) -> Tried:
    """Vet a made-up adult's order with this text and return the verdict with the words that counted."""
    payload = made_message(asked)
    verdict = vet(payload, tables, mode=mode, policy=policy, options=options)
    if not verdict.orders:
        return Tried(None, (), verdict.fault.why if verdict.fault else "There is no order in it.")
    order, message = verdict.orders[0], read_message(payload)
    marks = [
        Mark(e.offset, e.offset + e.length, kind_of(e.concept), f"{e.concept}: {e.status} ({e.row or 'coded'})")
        for e in order.evidence if e.length
    ]  # fmt: skip
    fields = tuple((title, marked_text(message, path, marks)) for path, title in FIELDS.items())
    return Tried(order, fields)


def made_message(asked: Asked) -> bytes:
    """Return an ORM^O01 for nobody, with what was typed in OBR-4 and OBR-31, in UTF-8."""
    code, name, system, reason, control = (
        _field(value) for value in (asked.code, asked.name, asked.system, asked.reason, asked.order_control)
    )
    segments = [
        "MSH|^~\\&|CONSOLE|TRIAL|||20260101000000||ORM^O01^ORM_O01|TRIAL|T|2.5.1|||||||UNICODE UTF-8",
        "PID|1||TRIAL||NOBODY||19600101|U",
        f"ORC|{control}|TRIAL^CONSOLE",
        f"OBR|1|TRIAL^CONSOLE||{code}^{name}^{system}" + "|" * 27 + f"^{reason}",
    ]
    return ("\r".join(segments) + "\r").encode("utf-8", "replace")


def _field(value: str) -> str:
    kept = "".join(c for c in value[:LONGEST_TEXT] if c == "\n" or c.isprintable())
    return kept.translate(_ESCAPES)


def marked_text(message: Message, path: str, marks: Sequence[Mark]) -> tuple[Piece, ...]:
    """Return the text of a field, escapes undone, cut where its marks begin and end."""
    span = message.at(path)
    if span is None:
        return ()
    text: Text = read_text(message, span)
    kinds: list[Mark | None] = [None] * len(text.value)
    for mark in sorted(marks, key=lambda m: m.start - m.end):  # short ones last, so that they show on long ones
        for place in range(len(text.value)):
            if mark.start <= text.offsets[place] < mark.end:
                kinds[place] = mark
    pieces: list[Piece] = []
    start = 0
    for place in range(1, len(kinds) + 1):
        if place == len(kinds) or kinds[place] is not kinds[start]:
            top = kinds[start]
            part = shown(text.value[start:place])
            pieces.append(Piece(part, top.kind, shown(top.why)) if top else Piece(part))
            start = place
    return tuple(pieces)
