"""Where an order's words stand: every field that can hold them, as passages with byte offsets.

Law: nothing is read across orders; each passage knows its path and each character its place in the payload.
OBX rows with the same question that follow each other are one text cut over several rows, so they are joined
before reading; the answers to ALLERGIES and the like are left out.

Source: field use in ORM^O01 as in [VistAHL7], [IntelePACS], [dcm4chee]; HL7 v2.5.1 §4.4.1, §4.5.3, §7.4.2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hl7calf.calf.note import MARKER
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import Token, tokenize
from hl7calf.wire.message import Message, Segment, Span
from hl7calf.wire.orders import OrderGroup, PatientParts
from hl7calf.wire.text import Text, read_text

MAX_TEXT = 10_000
"""Characters of one order's texts that are read. More is no order a person wrote: `unread`, so a person looks."""
LONGEST_WORD = 100
"""Characters; no table has a longer word, so where rows are joined no more is looked at."""
CUT_LINE = 45
"""Characters from which a line without a full stop is taken for cut; feeds cut at 50 to 120."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One piece of order text.

    `kind` is `name` (what was ordered), `text` (why), or `diagnosis`. `offsets` has one byte offset per
    character and one for the end. `unread` tells that the text was too long to be read.
    """

    path: str
    kind: str
    value: str
    offsets: Sequence[int]
    tokens: tuple[Token, ...]
    unread: bool = False

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return byte offset and length of tokens `first` to `last` (exclusive)."""
        start = self.offsets[self.tokens[first].start]
        end = self.offsets[self.tokens[last - 1].end]
        return start, max(0, end - start)

    def words(self, first: int, last: int) -> str:
        """Return the text of tokens `first` to `last` (exclusive) as it stands."""
        return self.value[self.tokens[first].start : self.tokens[last - 1].end]


class Reader:
    """Reads the passages of one order group; see `read_passages`.

    `left` counts down the characters that are still read; behind that, one passage says `unread` for all.
    """

    def __init__(self, message: Message, tables: Tables) -> None:
        self.message = message
        self.tables = tables
        self.left = MAX_TEXT

    def passage(self, path: str, kind: str, text: Text) -> Iterator[Passage]:
        """Yield the text as a passage unless it is empty or enough was read."""
        if self.left >= 0 and text.value.strip() and text.value != '""':
            self.left -= len(text.value)
            if self.left < 0:
                yield Passage(path, kind, "", text.offsets, (), unread=True)
                return
            tokens = tuple(tokenize(text.value, self.tables.respelled))
            yield Passage(path, kind, text.value, text.offsets, tokens)

    def components(
        self, segment: Segment, name: str, number: int, wanted: Sequence[int], kind: str
    ) -> Iterator[Passage]:
        """Yield the wanted components (1-based) of every repetition of a field."""
        span = self.message.field(segment, number)
        if span is None or span.start == span.end:
            return
        repetitions = self.message.repetitions(span)
        for count, repetition in enumerate(repetitions, 1):
            if self.left < 0:
                return
            components = self.message.components(repetition)
            for component in wanted:
                if component <= len(components):
                    again = f"({count})" if len(repetitions) > 1 else ""
                    text = read_text(self.message, components[component - 1])
                    yield from self.passage(f"{name}-{number}{again}.{component}", kind, text)

    def whole(self, segment: Segment, name: str, number: int, kind: str) -> Iterator[Passage]:
        """Yield every repetition of a field as one passage each, components separated by spaces as they stand."""
        span = self.message.field(segment, number)
        if span is None or span.start == span.end:
            return
        for repetition in self.message.repetitions(span):
            if self.left < 0:
                return
            yield from self.passage(f"{name}-{number}", kind, self.joined(self.message.components(repetition)))

    def joined(self, spans: Sequence[Span], between: str = " ") -> Text:
        """Read several spans as one text, `between` put between them."""
        value: list[str] = []
        offsets: list[int] = []
        for count, span in enumerate(s for s in spans if s.start < s.end):
            text = read_text(self.message, span)
            if count:
                value.append(between)
                offsets.extend([span.start] * len(between))
            value.append(text.value)
            offsets.extend(list(text.offsets)[: len(text.value)])
        return Text("".join(value), [*offsets, spans[-1].end if spans else 0])

    def mended(self, spans: Sequence[Span]) -> Text:
        """Join answers cut over several rows: without a space where a cut word becomes a known one.

        What is longer than is read at all ends soon behind that, so that nobody waits for it.
        """
        value: list[str] = []
        offsets, end = [0], ""  # `end` is as much of what stands before as a word can need
        for span in (s for s in spans if s.start < s.end):
            text = read_text(self.message, span)
            seam = " " if end and not end[-1].isspace() and not self._completes(end, text.value) else ""
            piece = text.value[: MAX_TEXT + 1]
            offsets[-1:] = [text.offsets[0]] * len(seam) + list(text.offsets[: len(piece) + 1])
            value += (seam, piece)
            end = (end + seam + piece)[-LONGEST_WORD:]
            if len(offsets) > MAX_TEXT + 1:
                break
        return Text("".join(value), offsets)

    def _completes(self, before: str, after: str) -> bool:
        if not (before[-1].isalnum() and after[:1].isalnum()):
            return False
        head, tail = tokenize(before)[-1].norm, tokenize(after[:LONGEST_WORD])[0].norm
        whole = self.tables.respelled.get(head + tail, head + tail)
        return whole in self.tables.words

    def notes(self, segments: Sequence[Segment], prefix: str) -> Iterator[Passage]:
        """Yield NTE-3 of each note; lines of a letter that run on are one passage."""
        run: list[Span] = []
        path = ""
        for segment in segments:
            span = self.message.field(segment, 3)
            if span is None or span.start == span.end:
                continue
            if run and not self._runs_on(run[-1]):
                yield from self.passage(path, "text", self.mended(run))
                run = []
            path = path if run else f"{prefix}NTE[{segment.occurrence}]-3"
            run += self.message.repetitions(span)
        if run:
            yield from self.passage(path, "text", self.mended(run))

    def _runs_on(self, span: Span) -> bool:
        """A long line without a mark at its end was cut by the sender's line width, not by the writer."""
        text = read_text(self.message, span).value.rstrip()
        return len(text) >= CUT_LINE and text[-1:] not in ".;:!?"


def read_passages(message: Message, group: OrderGroup, patient: PatientParts, tables: Tables) -> list[Passage]:
    """Return the order's passages in reading order: what was ordered, why, notes, answers, diagnoses."""
    reader = Reader(message, tables)
    passages: list[Passage] = []
    obr = group.obr
    if obr is not None:
        name = f"OBR[{obr.occurrence}]"
        passages += reader.components(obr, name, 4, (2, 5), "name")
        passages += reader.components(obr, name, 44, (2, 5), "name")
        for number in (45, 46, 47):
            passages += reader.components(obr, name, number, (1, 2), "name")
        passages += reader.whole(obr, name, 13, "text")
        passages += reader.components(obr, name, 31, (1, 2, 5), "text")
    if group.orc is not None:
        passages += reader.components(group.orc, f"ORC[{group.orc.occurrence}]", 16, (2, 5), "text")
    passages += reader.notes(group.orc_notes, "")
    passages += reader.notes(foreign_notes(message, group), "")
    passages += _observations(reader, group)
    for diagnosis in group.diagnoses:
        name = f"DG1[{diagnosis.occurrence}]"
        passages += reader.components(diagnosis, name, 3, (2,), "diagnosis")
        passages += reader.whole(diagnosis, name, 4, "diagnosis")
    passages += reader.notes(patient.notes, "PID.")
    return passages


def foreign_notes(message: Message, group: OrderGroup) -> Sequence[Segment]:
    """Return the order's notes without the block hl7calf itself wrote, which starts at the marker line."""
    for number, segment in enumerate(group.notes):
        span = message.field(segment, 3)
        if span is not None and message.bytes(span).startswith(MARKER.encode()):
            return group.notes[:number]
    return group.notes


def _observations(reader: Reader, group: OrderGroup) -> Iterator[Passage]:
    message = reader.message
    rows: list[tuple[str, Span | None, list[Span], str]] = []
    for observation in group.observations:
        obx = observation.obx
        question = message.field(obx, 3)
        key = message.bytes(question).decode("latin-1") if question else ""
        answer = message.field(obx, 5)
        spans = [] if answer is None else message.repetitions(answer)
        if rows and rows[-1][0] == key and key and not observation.notes and _is_cut(message, rows[-1][2], spans):
            rows[-1][2].extend(spans)
        else:
            rows.append((key, question, list(spans), f"OBX[{obx.occurrence}]-5"))
    for _key, question, spans, path in rows:
        yield from _answer(reader, question, spans, path)
    for observation in group.observations:
        yield from reader.notes(observation.notes, f"OBX[{observation.obx.occurrence}].")


def _is_cut(message: Message, before: Sequence[Span], after: Sequence[Span]) -> bool:
    return bool(before) and bool(after)


def _answer(reader: Reader, question: Span | None, spans: Sequence[Span], path: str) -> Iterator[Passage]:
    message, tables = reader.message, reader.tables
    asked: Text | None = None
    if question is not None and question.start < question.end:
        components = message.components(question)
        chosen = [c for c in components[1:2] if c.start < c.end] or components[:1]
        whole = read_text(message, question)
        if tables.questions.find(tokenize(whole.value), "text") or tables.questions.find(
            tokenize(read_text(message, chosen[0]).value), "text"
        ):
            return
        asked = read_text(message, chosen[0])
    answer = reader.mended(spans)
    if not answer.value.strip():
        return
    if asked is None or not asked.value.strip():
        yield from reader.passage(path, _answer_kind(""), answer)
        return
    kind = _answer_kind(asked.value)
    if kind == "name":
        yield from reader.passage(path, kind, answer)
        return
    stem = asked.value.rstrip("?: ")
    value = stem + " : " + answer.value
    offsets = [*list(asked.offsets)[: len(stem)], *[answer.offsets[0]] * 3, *list(answer.offsets)]
    yield from reader.passage(path, kind, Text(value, offsets))


PROCEDURES = frozenset({"procedure", "modifiers", "cpt modifiers", "modifier", "p^procedure", "side", "laterality"})
EXTENTS = frozenset({"extent", "type", "protocol"})
OF_THE_STUDY = EXTENTS | frozenset(
    "exam examination study scan us ultrasound duplex venous doppler of the for requested ordered desired".split()
)


def _answer_kind(question: str) -> str:
    """Tell whether the answer names the study (`PROCEDURE`, `Exam type`) or is text about the patient."""
    low = question.strip().lower()
    words = {t.norm for t in tokenize(low) if t.is_word}
    names_study = words <= OF_THE_STUDY and words & EXTENTS
    return "name" if low in PROCEDURES or names_study else "text"
