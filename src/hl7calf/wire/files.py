"""Messages out of the bytes of a file: bare, several, framed as MLLP, or in a batch.

Law: the bytes of each payload are exactly those in the file; without a batch the pieces of a bare file put
together are the file. What cannot be read is given out too, so that it is refused by name and never lost.

Source: HL7 v2.5.1 §2.10.3 (batch and file: FHS, BHS, BTS, FTS).
"""

import re
from dataclasses import dataclass

from hl7calf.wire.frames import USUAL_BLOCKS, Frame, FrameLimits
from hl7calf.wire.mllp import FILLER, Deframer

_MARK = re.compile(
    rb"(?:\A[ \t\r\n\x00]*+(?:\xef\xbb\xbf[ \t\r\n\x00]*+)?|(?<=[\r\n])(?:\xef\xbb\xbf)?)"
    rb"(?:(?P<opens>MSH|FHS|BHS)[^\w\s]|(?P<closes>BTS|FTS)(?!\w))"
)
_CLOSING = {"FHS": "FTS", "BHS": "BTS"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One payload of a file: `number` counts from 1; `kind` is `message`, `frame`, `batch` or `unreadable`."""

    payload: bytes
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    start: int


def split_messages(data: bytes, keep_batches: bool = False) -> list[Piece]:
    """Cut the bytes of a file into payloads, in file order; none when it holds only white space.

    A frame is one payload whatever it holds. White space after a message stays with it; a BOM and white space
    before the first message stay with that.

    Args:
        keep_batches: a batch (FHS..FTS, or BHS..BTS alone) is one payload, as on the wire (H10); else its
            messages come one by one and the envelope segments are left out.
    """
    if not data.strip(FILLER):
        return []
    if data.lstrip(b"\xef\xbb\xbf" + FILLER)[:1] == bytes([USUAL_BLOCKS.start]):
        found = _from_frames(data)
    else:
        found = _from_lines(data, keep_batches)
    return [Piece(payload, number, kind) for number, (payload, kind) in enumerate(found, 1)]


def _from_frames(data: bytes) -> list[tuple[bytes, str]]:
    size = len(data) + 1
    deframer = Deframer(FrameLimits(size, size, size), lenient_start=True)
    items = [*deframer.feed(data), *deframer.idle(), *deframer.eof()]
    return [(item.payload, "frame") if isinstance(item, Frame) else (item.kept, "unreadable") for item in items]


def _from_lines(data: bytes, keep_batches: bool) -> list[tuple[bytes, str]]:
    marks = [_Mark((m["opens"] or m["closes"]).decode("ascii"), m.start()) for m in _MARK.finditer(data)]
    if not marks or not any(mark.name in ("MSH", "FHS", "BHS") for mark in marks):
        return [(data, "unreadable")]
    found: list[tuple[bytes, str]] = []
    if data[: marks[0].start].strip(FILLER):
        found.append((data[: marks[0].start], "unreadable"))
    place = 0
    while place < len(marks):
        kind, following = _extent(marks, place, keep_batches)
        start = 0 if place == 0 and not found else marks[place].start
        end = marks[following].start if following < len(marks) else len(data)
        if kind:
            found.append((data[start:end], kind))
        place = following
    return found


def _extent(marks: list[_Mark], place: int, keep_batches: bool) -> tuple[str, int]:
    """Return what begins at this mark and the mark it ends before; "" for an envelope segment to leave out."""
    name, following = marks[place].name, place + 1
    if name in _CLOSING:
        following = _after_batch(marks, place, _CLOSING[name])
        if keep_batches or not any(mark.name == "MSH" for mark in marks[place:following]):
            return "batch", following
        return "", place + 1
    while keep_batches and following < len(marks) and marks[following].name in _CLOSING.values():
        following += 1  # the end of a batch that never began
    return "message" if name == "MSH" or keep_batches else "", following


def _after_batch(marks: list[_Mark], place: int, closing: str) -> int:
    """Return the index of the mark after a batch: behind its closing segment, or at the next one like it."""
    for index in range(place + 1, len(marks)):
        if marks[index].name == closing:
            return index + 1
        if marks[index].name == marks[place].name:
            return index
    return len(marks)
