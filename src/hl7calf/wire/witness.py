r"""The independent witness: python-hl7 reads what is to go out, and must find exactly what was declared.

Law: it says "ok" only when every declared change reads as declared, every other field of every segment reads as
it did before, and nothing is missing, added or moved. Anything else, and anything python-hl7 cannot read, is a
reason not to change the message. A reason names paths and segments, never text of the message.

What python-hl7 0.4.5 does wrong is kept out of the way here: it deletes text when unescaping (`C:\temp\new`), so
fields are compared as they are written; it reads LF ends as one segment, so ends become CR first; it trims both
ends of a message, so a guard segment stands at the end.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import hl7

from hl7calf.errors import WireError
from hl7calf.wire.charset import codec_for, decode_as, is_multibyte
from hl7calf.wire.header import LEADING, read_header

OK = "ok"
UNTOUCHABLE = ("MSH", "PID", "PV1", "ORC")  # no change is ever allowed there
_PATH = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[([0-9]+)])?-([0-9]+)(?:\.([0-9]+))?")
_GUARD = "ZZZ"
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")

Fields = list[str]  # of one segment: the name first, then the fields as they are written


@dataclass(frozen=True, slots=True)
class DeclaredChange:
    """What is said to have changed: a field (`OBR[2]-4`), a component (`OBR-4.2`), or inserted notes (`NTE`).

    `after` are the new bytes of that place; for `NTE` the inserted bytes, segment ends and all. Several
    insertions are given in the order in which they stand in the message.
    """

    path: str
    after: bytes


@dataclass(frozen=True, slots=True)
class _Reading:
    """What python-hl7 read: every segment, and the separators it took (segment, field, repetition, ...)."""

    segments: list[Fields]
    separators: str


def prove(payload: bytes, outbound: bytes, changes: Sequence[DeclaredChange]) -> str:
    """Return "ok", or why the outbound bytes do not read as the inbound ones with these changes."""
    try:
        codec = _codec(payload)
        lines, outbound_lines = _lines(payload, codec), _lines(outbound, codec)
        after = _read(outbound_lines)
        before = _read_rest(lines, dict(zip(outbound_lines, after.segments, strict=True)))
        notes = [_inserted(change, before.separators, codec) for change in changes if change.path == "NTE"]
        expected = _apply(before, [change for change in changes if change.path != "NTE"], codec)
    except _Doubt as doubt:
        return str(doubt)
    except WireError as wrong:
        return f"the header cannot be read ({wrong.code})"
    except Exception as error:  # python-hl7 raises IndexError, AssertionError and others on odd messages
        return f"python-hl7 cannot read it ({type(error).__name__})"
    if before.separators != after.separators:
        return "the separators differ"
    return _compare(expected, after.segments, notes)


class _Doubt(Exception):
    """A declared change that cannot be checked; the text is the reason."""


def _codec(payload: bytes) -> str:
    """Read one character a byte, unless the set is a multi-byte one that hides delimiters in its characters."""
    codec = codec_for(read_header(payload).charsets)
    return codec if is_multibyte(codec) else "latin-1"


def _lines(data: bytes, codec: str) -> list[str]:
    """Cut at any segment end; blank lines, and what leads a message, are no segments."""
    return [decode_as(line, codec)[0] for line in data.lstrip(LEADING).splitlines() if line]


def _read(lines: list[str]) -> _Reading:
    """Have python-hl7 read these segments as one message."""
    message = hl7.parse("\r".join([*lines, _GUARD]))
    segments = [[str(field) for field in segment] for segment in message]
    if len(segments) != len(lines) + 1 or segments.pop() != [_GUARD]:
        raise _Doubt("python-hl7 reads another number of segments")
    return _Reading(segments, message.separators)


def _read_rest(lines: list[str], known: dict[str, Fields]) -> _Reading:
    """Read a message of which some lines were read before, in another message with this header.

    Halves the cost: all but the changed lines of the inbound message stand in the outbound one too. Should the
    separators differ, the caller says so.
    """
    rest = [line for line in lines[1:] if line not in known]
    reading = _read([*lines[:1], *rest])
    read = known | dict(zip([*lines[:1], *rest], reading.segments, strict=True))
    return _Reading([read[line] for line in lines], reading.separators)


def _inserted(change: DeclaredChange, separators: str, codec: str) -> list[Fields]:
    """Return the fields of each note segment declared."""
    segments = [line.split(separators[1]) for line in _lines(change.after, codec)]
    if not segments or any(segment[0] != "NTE" for segment in segments):
        raise _Doubt("an insertion holds something else than NTE segments")
    return segments


def _apply(before: _Reading, changes: Sequence[DeclaredChange], codec: str) -> list[Fields]:
    """Return the inbound segments with the declared fields as they should read."""
    segments = [list(fields) for fields in before.segments]
    for change in changes:
        match = _PATH.fullmatch(change.path)
        if match is None or match[1] in UNTOUCHABLE:
            raise _Doubt("a declared path is none that may change")
        alike = [fields for fields in segments if fields[0] == match[1]]
        occurrence, number = int(match[2] or 1), int(match[3])
        if not 0 < occurrence <= len(alike) or not 0 < number < len(alike[occurrence - 1]):
            raise _Doubt(f"there is no {change.path} in the message")
        fields = alike[occurrence - 1]
        after = decode_as(change.after, codec)[0]
        fields[number] = _replaced(fields[number], match[4], after, before.separators)
    return segments


def _replaced(field: str, component: str | None, after: str, separators: str) -> str:
    if any(end in after for end in ("\r", "\n", separators[1])):
        raise _Doubt("a declared field holds a segment end or a field separator")
    if component is None:
        return after
    first, repeats, rest = field.partition(separators[2])
    parts = first.split(separators[3])
    if not 0 < int(component) <= len(parts):
        raise _Doubt("a declared component is not in the message")
    parts[int(component) - 1] = after
    return separators[3].join(parts) + repeats + rest


def _compare(expected: list[Fields], found: list[Fields], notes: list[list[Fields]]) -> str:
    """Walk both messages; where they differ, the next declared notes must stand, behind an OBR's own."""
    place, waiting = 0, list(notes)
    for number, segment in enumerate([*expected, None], 1):
        if waiting and found[place : place + len(waiting[0])] == waiting[0] and _after_obr(found[:place], segment):
            place += len(waiting.pop(0))
        if segment is None:
            break
        if place >= len(found) or found[place] != segment:
            return f"segment {number} ({_shown(segment[0])}) does not read as declared"
        place += 1
    if waiting:
        return "the inserted notes do not stand behind an OBR as declared"
    return OK if place == len(found) else "there are segments that were not declared"


def _after_obr(above: list[Fields], following: Fields | None) -> bool:
    """Tell whether notes between these belong to an OBR, behind all notes and stray lines it had."""
    if following is not None and (following[0] == "NTE" or not _NAME.fullmatch(following[0])):
        return False
    for segment in reversed(above):
        if segment[0] == "OBR":
            return True
        if segment[0] != "NTE" and _NAME.fullmatch(segment[0]):
            return False
    return False


def _shown(name: str) -> str:
    return name if _NAME.fullmatch(name) else "a stray line"
