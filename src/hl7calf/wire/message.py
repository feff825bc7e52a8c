"""One message as spans of its bytes: segments, fields, repetitions, components.

Law: nothing here changes or copies what came; every answer is a span of the payload. Segments end at CR, LF
or CRLF, also mixed. A line that is not a segment (a field with a raw CR) stays opaque, its name is "", and no
field reaches across it. Work is linear in the payload and done when asked: a message nobody asks about costs
its header alone.

Where MSH-18 declares a multi-byte set whose second bytes look like delimiters (GB 18030, Big5, ISO-2022-JP),
delimiters are sought in a copy of equal length with those characters blanked (wire/charset.py).

Source: HL7 v2.5.1 §2.5 (segments, fields), §2.6.1 (separators). Paths as in elixir-hl7: `OBR[2]-31(1).2`.
"""

import builtins
import re
from functools import lru_cache
from typing import NamedTuple

from hl7calf.wire.charset import blank_multibyte
from hl7calf.wire.header import Delimiters, Header, read_header

PATH = re.compile(
    r"([A-Z][A-Z0-9]{2})(?:\[([0-9]{1,7})])?(?:-([0-9]{1,5})(?:\(([0-9]{1,7})\))?((?:\.[0-9]{1,7}){0,2}))?"
)
HEADERS = ("MSH", "FHS", "BHS")


class Span(NamedTuple):
    """Bytes `start` to `end` (excluded) of a payload."""

    start: int
    end: int


class Segment(NamedTuple):
    """One segment: `start` to `end` without its terminator.

    `index` is its place in `Message.segments` (from 0), `occurrence` counts those of its name from 1, as in
    `OBR[2]`. A stray line has the name "".
    """

    name: str
    start: int
    end: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which no one needs here
    occurrence: int


@lru_cache(maxsize=4096)
def _name_of(opening: bytes, separator: bytes) -> str:
    """Name the segment that begins with these (up to four) bytes; "" for a stray line."""
    name = opening[:3]
    if opening[3:] not in (separator, b"") or not name.isalnum() or not name.isupper():
        return ""
    return name.decode("ascii") if len(name) == 3 and not name[:1].isdigit() else ""


class Message:
    """One payload and where its parts stand. Read-only; made by `read_message`."""

    __slots__ = ("_named", "_scan", "_segments", "header", "payload")

    def __init__(self, payload: bytes, header: Header, scan: bytes) -> None:
        self.payload = payload
        self.header = header
        self._scan = scan
        self._segments: tuple[Segment, ...] | None = None
        self._named: dict[str, list[Segment]] = {}

    @property
    def delimiters(self) -> Delimiters:
        """The delimiters this message declares."""
        return self.header.delimiters

    @property
    def headers(self) -> int:
        """How many MSH segments there are; more than one is never matched (F10)."""
        return len(self.segments_named("MSH"))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments and stray lines in wire order, empty lines left out."""
        if self._segments is None:
            self._segments = self._find_segments()
        return self._segments

    def _find_segments(self) -> tuple[Segment, ...]:
        separator, position = self.header.delimiters.field, self.header.start
        body = self._scan[position:] if position else self._scan
        named = self._named
        found: list[Segment] = []
        for ended in body.splitlines(keepends=True):
            line = ended.rstrip(b"\r\n")
            if line:
                name = _name_of(line[:4], separator)
                alike = named.setdefault(name, [])
                segment = Segment(name, position, position + len(line), len(found), len(alike) + 1)
                alike.append(segment)
                found.append(segment)
            position += len(ended)
        return tuple(found)

    def segments_named(self, name: str) -> tuple[Segment, ...]:
        """Return the segments of one name in wire order; "" gives the stray lines."""
        return tuple(self.segments and self._named.get(name, ()))

    def bytes(self, span: Span | Segment) -> builtins.bytes:
        """Return the bytes of a span or segment, escapes as they stand."""
        return self.payload[span.start : span.end]

    def field(self, segment: Segment, number: int) -> Span | None:
        """Return field `number` (1-based), or None where the segment is shorter or a stray line.

        MSH-1 is the separator itself and MSH-2 the characters after it; FHS and BHS alike.
        """
        name, start, end = segment.name, segment.start, segment.end
        if number < 1 or not name:
            return None
        if name in HEADERS:
            if number == 1:
                return Span(start + 3, start + 4) if start + 4 <= end else None
            number -= 1
        parts = self._scan[start:end].split(self.header.delimiters.field, number + 1)
        if len(parts) <= number:
            return None
        start += sum(map(len, parts[:number])) + number
        return Span(start, start + len(parts[number]))

    def fields(self, segment: Segment) -> list[Span]:
        """Return all fields from number 1 on; for MSH the first is MSH-1, the separator."""
        if not segment.name:
            return []
        spans = self._cut(Span(segment.start, segment.end), self.header.delimiters.field, 0)[1:]
        if segment.name in HEADERS and segment.end >= segment.start + 4:
            spans.insert(0, Span(segment.start + 3, segment.start + 4))
        return spans

    def repetitions(self, span: Span, limit: int = 0) -> list[Span]:
        """Cut a field at its repetition separator; at least one span, at most `limit` (the last holds the rest)."""
        return self._cut(span, self.header.delimiters.repetition, limit)

    def components(self, span: Span, limit: int = 0) -> list[Span]:
        """Cut a field (one repetition) into components."""
        return self._cut(span, self.header.delimiters.component, limit)

    def subcomponents(self, span: Span, limit: int = 0) -> list[Span]:
        """Cut a component into subcomponents."""
        return self._cut(span, self.header.delimiters.subcomponent, limit)

    def repetition(self, span: Span, number: int) -> Span | None:
        """Return one repetition (1-based) of a field without cutting the others."""
        return self._part(span, self.header.delimiters.repetition, number)

    def component(self, span: Span, number: int) -> Span | None:
        """Return one component (1-based) of a field or repetition."""
        return self._part(span, self.header.delimiters.component, number)

    def subcomponent(self, span: Span, number: int) -> Span | None:
        """Return one subcomponent (1-based) of a component."""
        return self._part(span, self.header.delimiters.subcomponent, number)

    def _cut(self, span: Span, separator: builtins.bytes, limit: int) -> list[Span]:
        position, end = span
        spans: list[Span] = []
        if separator:
            find = self._scan.find
            while (hit := find(separator, position, end)) >= 0 and len(spans) + 1 != limit:
                spans.append(Span(position, hit))
                position = hit + 1
        spans.append(Span(position, end))
        return spans

    def _part(self, span: Span, separator: builtins.bytes, number: int) -> Span | None:
        position, end = span
        if not separator:
            return span if number == 1 else None
        find = self._scan.find
        for _ in range(number - 1):
            position = find(separator, position, end) + 1
            if not position:
                return None
        after = find(separator, position, end)
        return Span(position, end if after < 0 else after) if number > 0 else None

    def terminator_after(self, segment: Segment) -> builtins.bytes:
        """Return the segment end used after this segment; after an unended one, the message's usual end."""
        after = self.payload[segment.end : segment.end + 2]
        return after if after == b"\r\n" else after[:1] or self.usual_terminator()

    def usual_terminator(self) -> builtins.bytes:
        """Return the segment end used most in this message, CR when there is none (HL7 v2.5.1 §2.6.1)."""
        pairs = self.payload.count(b"\r\n")
        counts = {b"\r": self.payload.count(b"\r") - pairs, b"\n": self.payload.count(b"\n") - pairs, b"\r\n": pairs}
        return max(counts, key=counts.__getitem__)

    def at(self, path: str) -> Span | None:
        """Find `OBR`, `OBR[2]-4`, `OBR[2]-4.1`, `OBR-31(2).2` or `PID-3.4.1`; numbers are 1-based, default 1.

        Without a repetition the whole field is meant, with a component its first repetition. None where the
        message is shorter.

        Raises:
            ValueError: the path is not one.
        """
        match = PATH.fullmatch(path)
        if match is None:
            raise ValueError(f"not a path: {path!r}")
        name, occurrence, number, repetition, parts = match.groups()
        segments = (self.segments and self._named.get(name)) or ()
        if not 0 < int(occurrence or 1) <= len(segments):
            return None
        segment = segments[int(occurrence or 1) - 1]
        if number is None:
            return Span(segment.start, segment.end)
        span = self.field(segment, int(number))
        if (repetition or parts) and span is not None:
            span = self.repetition(span, int(repetition or 1))
        for cut, part in zip((self.component, self.subcomponent), parts.split(".")[1:], strict=False):
            span = None if span is None else cut(span, int(part))
        return span


def read_message(payload: bytes, header: Header | None = None) -> Message:
    """Make one payload's parts known, by its header (read when not given).

    Raises:
        WireError: as `read_header`; the body never raises.
    """
    header = header or read_header(payload)
    return Message(payload, header, blank_multibyte(payload, header.charsets) if header.field(18) else payload)
