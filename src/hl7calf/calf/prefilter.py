"""The quick no: can these bytes hold a word of calcification at all?

Law: may say yes in vain, never no wrongly. Looks at what stands from the first ORC, OBR or NTE on, cut at everything
but letters and digits. Bytes that need decoding first (hex escapes, multi-byte character sets) always say yes. Cost
is linear in the bytes.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from hl7calf.calf.needles import MARK, SPACED, Needles
from hl7calf.calf.words import fold
from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import Header

HIDING = (b"X", b"H", b"N", b"C", b"M", b"Z", b".f", b".n", b".i", b".t")
"""Beginnings of escape sequences that show no character or any one, so that a word may go on behind them."""
PLAIN_SETS = frozenset({"ascii", "latin-1", "iso8859-1", "iso-8859-1", "utf-8", "cp1252"})
CUT = {b"nte": 3, b"obx": 5}
"""Segments and fields whose text may be cut over several rows or repetitions."""
CODED = (b"DG1", b"OBX")
LONGEST = 40
"""A word put together from cut pieces is followed for so many letters; the tables' longest have 22."""


def may_mention(payload: bytes, header: Header, needles: Needles) -> bool:
    """Tell whether the payload may name a calcification."""
    codec = codec_for(header.charsets)
    if needles.always or is_multibyte(codec):
        return True
    told = _told(payload, header.end)
    if _hides(told, header.delimiters.escape):
        return True
    low = told
    if not told.isascii():
        if codec not in PLAIN_SETS:
            return True
        low = _folded(told, codec)
    text = low.translate(SPACED)
    if _names_code(text, told, needles):
        return True
    pieces = text.split()
    if MARK in told:
        pieces.append(MARK)
    if not needles.anchors.isdisjoint(pieces) and _names(pieces, needles):
        return True
    for capital in needles.capitals:
        if capital in told:
            return True
    if b"NTE" not in told and b"OBX" not in told:
        return False
    words = list(_words_over_cuts(low.lower(), header))
    return not needles.anchors.isdisjoint(words) and _names(pieces + words, needles)


def _told(payload: bytes, start: int) -> bytes:
    """Return the bytes from the first that could begin an order or a note."""
    first = len(payload)
    for name in (b"ORC", b"OBR", b"NTE"):
        place = payload.find(name, start, first)
        if place >= 0:
            first = place
    return payload[first:]


def _hides(told: bytes, escape: bytes) -> bool:
    """Tell whether an escape sequence could stand inside a word."""
    return bool(escape) and escape in told and any(escape + hiding in told for hiding in HIDING)


def _names_code(text: bytes, told: bytes, needles: Needles) -> bool:
    """Tell whether a segment that holds codes may hold a telling one."""
    first = len(told)
    for name in CODED:
        place = told.find(name, 0, first)
        if place >= 0:
            first = place
    if first == len(told):
        return False
    coded = text[first:] if len(text) == len(told) else text
    return any(code in coded for code in needles.codes)


def _folded(told: bytes, codec: str) -> bytes:
    """Return the text as each field may have to be read: as UTF-8, and as the declared set or Latin-1."""
    readings = [told.decode(name, "replace") for name in ("utf-8", "cp1252" if codec == "cp1252" else "latin-1")]
    return b"\r".join(_fold(reading).encode("utf-8", "replace") for reading in readings)


def _fold(text: str) -> str:
    """Fold as words are, but keep signs such as `\u2122` apart from the word they stand at."""
    text = text.replace("\u2019", "'")
    for sign in {c for c in set(text) if c > "\x7f" and not c.isalnum() and not unicodedata.combining(c)}:
        text = text.replace(sign, " ")
    return fold(text)


def _names(pieces: Iterable[bytes], needles: Needles) -> bool:
    """Tell whether all the pieces of one phrase are there, as written or misspelt."""
    meant = {needles.respelled.get(piece, piece) for piece in pieces} | set(pieces)
    return any(phrase <= meant for phrase in needles.phrases)


def _words_over_cuts(low: bytes, header: Header) -> Iterator[bytes]:
    """Yield each word that may stand over the end of a row: the last of a text with the first of the next."""
    field, repetition = header.delimiters.field, header.delimiters.repetition
    pieces: list[Sequence[bytes]] = []
    for line in low.splitlines():
        number = CUT.get(line[:3])
        if number:
            cells = line.split(field, number + 1)[number : number + 1]
            for part in cells[0].split(repetition) if cells and repetition else cells:
                pieces.append(part.translate(SPACED).split())
    yield from _mended([piece for piece in pieces if piece])


def _mended(pieces: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    for place in range(len(pieces) - 1):
        word = pieces[place][-1]
        for after in pieces[place + 1 :]:
            word += after[0]
            yield word
            if len(after) > 1 or len(word) > LONGEST:
                break
