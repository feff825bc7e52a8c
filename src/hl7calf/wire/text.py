r"""The words of a field, and which bytes each character came from.

Law: reading never raises and never writes back; every character knows its byte offset in the payload, so that
what was found in the text can be shown and replaced in the bytes. Writing is printable ASCII, escaped with the
message's own delimiters, and refuses control characters: no text can start a segment of its own (S19).

Source: HL7 v2.5.1 §2.7 (escape sequences), §2.7.6 (formatting commands); `\P\` HL7 v2.7 §2.7.1.
"""

import re
import unicodedata
from array import array
from codecs import getincrementaldecoder
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hl7calf.wire.charset import DEFAULT, codec_for, decode_as, is_multibyte
from hl7calf.wire.header import Delimiters
from hl7calf.wire.message import Message, Span

# Formatting commands end a line or skip; the rest (indent, fill, highlight, set switches) shows no character.
_ESCAPES = re.compile(
    r"(?P<line>\.br|\.ce|\.sp[+-]?[0-9]{0,4})|(?P<space>\.sk[+-]?[0-9]{0,4})"
    r"|(?P<none>H|N|\.fi|\.nf|\.(?:in|ti)[+-]?[0-9]{0,4}|C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4,6}|Z[0-9A-Za-z]{0,32})"
    r"|X(?P<hex>(?:[0-9A-Fa-f]{2})+)|(?P<role>[FSTREP])"
)
_ROLES = {"F": 0, "S": 1, "R": 2, "E": 3, "T": 4, "P": 5}  # letter -> place in Delimiters
_USUAL = "|^~\\&#"
_PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2022": "*",
    "\u00d7": "x", "\u00b5": "u", "\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE", "\u00f8": "o", "\u00d8": "O",
    "\u0153": "oe", "\u0152": "OE", "\u2264": "<=", "\u2265": ">=", "\u00b1": "+/-", "\u0142": "l", "\u0141": "L",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded text and, for each character, the byte offset in the payload it came from.

    `offsets[i]` belongs to `value[i]`, `offsets[len(value)]` is the end of the field. Characters made by one
    escape sequence share its start.
    """

    value: str
    offsets: Sequence[int]

    def span(self, first: int, last: int) -> Span:
        """Return the bytes that characters `first` to `last` (excluded) came from, escape sequences whole."""
        start, end = self.offsets[first], self.offsets[last]
        while end == start < self.offsets[-1] and last > first:  # within one escape sequence
            last += 1
            end = self.offsets[last]
        return Span(start, end)


def read_text(message: Message, span: Span) -> Text:
    r"""Read a field, component or any other span of a message as text, escapes undone.

    `\F\ \S\ \T\ \R\ \E\` give the message's delimiters, `\.br\` and `\.sp\` a line feed, `\X..\` the bytes
    in the message's character set; highlighting, character set switches and `\Z..\` vanish. What is no known
    escape sequence (`C:\temp\new`, an unfinished one) stands as it is.
    """
    data = message.bytes(span)
    codec = codec_for(message.header.charsets) if message.header.field(18) else DEFAULT
    escape = message.header.delimiters.escape
    if data.isascii() and (not escape or escape not in data) and not (is_multibyte(codec) and b"\x1b" in data):
        return Text(data.decode("ascii"), range(span.start, span.end + 1))
    value, offsets = decode_with_offsets(data, codec, span.start)
    if escape and escape in data:
        value, offsets = _undo_escapes(value, offsets, message.header.delimiters, codec)
    return Text(value, offsets)


def decode_with_offsets(data: bytes, codec: str, base: int) -> tuple[str, Sequence[int]]:
    """Decode for reading, with the offset (from `base`) of each character and of the end."""
    value, used = decode_as(data, codec)
    if len(value) == len(data):
        return value, range(base, base + len(data) + 1)
    if used == "utf-8":
        offsets = array("I", (place for place, byte in enumerate(data, base) if byte & 0xC0 != 0x80))
    else:
        offsets = _offsets_byte_by_byte(data, used, base)
    offsets.append(base + len(data))
    if len(offsets) == len(value) + 1:
        return value, offsets
    return data.decode("latin-1"), range(base, base + len(data) + 1)


def _offsets_byte_by_byte(data: bytes, codec: str, base: int) -> "array[int]":
    """Find where each character of a multi-byte set begins; a switching sequence belongs to what follows it."""
    decoder = getincrementaldecoder(codec)()
    offsets, start = array("I"), 0
    for place in range(len(data)):
        made = decoder.decode(data[place : place + 1])
        if made:
            offsets.extend([base + start] * len(made))
            start = place + 1
    offsets.extend([base + start] * len(decoder.decode(b"", True)))
    return offsets


def _undo_escapes(value: str, offsets: Sequence[int], delimiters: Delimiters, codec: str) -> tuple[str, Sequence[int]]:
    """Undo escape sequences in decoded text; linear, as each stretch between two escapes is looked at twice."""
    mark = delimiters.escape.decode("ascii")
    pieces: list[str] = []
    places = array("I")
    position = 0
    while (opening := value.find(mark, position)) >= 0:
        closing = value.find(mark, opening + 1)
        meaning = None if closing < 0 else undo_escape(value[opening + 1 : closing], delimiters, codec)
        literal_end = opening + (meaning is None)
        pieces.append(value[position:literal_end])
        places.extend(offsets[position:literal_end])
        position = literal_end
        if closing < 0:
            break
        if meaning is not None:
            pieces.append(meaning)
            places.extend([offsets[opening]] * len(meaning))
            position = closing + 1
    pieces.append(value[position:])
    places.extend(offsets[position:])
    return "".join(pieces), places


def undo_escape(body: str, delimiters: Delimiters, codec: str) -> str | None:
    """Return what one escape sequence (without its escape characters) stands for; None when it is none."""
    match = _ESCAPES.fullmatch(body)
    if match is None:
        return None
    if match["role"]:
        place = _ROLES[body]
        return delimiters[place].decode("ascii") or _USUAL[place]
    if match["hex"]:
        return decode_as(bytes.fromhex(match["hex"]), codec)[0]
    return "\n" if match["line"] else " " if match["space"] else ""


def escape_text(value: str, delimiters: Delimiters) -> bytes:
    """Write text as a field's bytes: printable ASCII, the message's delimiters escaped.

    Letters lose their accents, a few signs become their ASCII likeness, anything else a question mark. A
    delimiter becomes a space where the message declares no escape character.

    Raises:
        ValueError: the text holds a control character (a line end would begin a segment of its own).
    """
    return to_ascii(value).translate(_written(delimiters)).encode("ascii")


@lru_cache(maxsize=64)
def _written(delimiters: Delimiters) -> dict[int, str]:
    """Return what each delimiter is written as."""
    escape = delimiters.escape.decode("ascii")
    return {
        ord(delimiters[place]): f"{escape}{letter}{escape}" if escape else " "
        for letter, place in _ROLES.items()
        if delimiters[place]
    }


def to_ascii(value: str) -> str:
    """Return the text in printable ASCII; see `escape_text`.

    Raises:
        ValueError: the text holds a control character.
    """
    if value.isascii() and value.isprintable():
        return value
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise ValueError("text for a field holds a control character or a line end")
    if value.isascii():
        return value
    return "".join(_plain(character) for character in value)


def _plain(character: str) -> str:
    if character < "\x7f":
        return character
    if character in _PLAIN:
        return _PLAIN[character]
    parts = unicodedata.normalize("NFKD", character)
    kept = "".join(part for part in parts if " " <= part < "\x7f")
    return kept or ("" if unicodedata.category(character) in ("Mn", "Cf") else "?")
