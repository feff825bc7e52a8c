"""The quick no: can these bytes hold a word of calcification at all?

Law: may say yes in vain, never no wrongly. Bytes that need decoding first (hex escapes, multi-byte character sets)
always say yes.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7calf.calf.tables import Tables
from hl7calf.calf.words import fold, words_of
from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import Header

STEM = 6
TELLING = 5
"""A word of so many letters is rare enough to look for alone; of `calf ho` the rarer word is looked for whole."""
HIDING = b"XHNCMZ"
"""Escape sequences that may stand inside a word: hexadecimal, highlighting, character set, local."""
GATED = ("film", "calciphylaxis")
PLAIN_SETS = frozenset({"ascii", "latin-1", "iso8859-1", "iso-8859-1", "utf-8", "cp1252"})
COMMON = frozenset("of in the l r left right lt rt calf gastroc soleus muscle soft tissue".split())
CUT = {b"NTE": 3, b"OBX": 5}
"""Segments and fields whose text may be cut over several rows."""


@dataclass(frozen=True, slots=True)
class Needles:
    """What to look for: short strings and patterns in lower case, abbreviations in capitals as written."""

    stems: tuple[bytes, ...]
    patterns: re.Pattern[bytes] | None
    capitals: re.Pattern[bytes] | None


def needles_of(tables: Tables) -> Needles:
    """Return what every payload that names a calcification holds at least one of."""
    stems = {"calciph"}
    patterns: set[str] = set()
    telling: set[str] = set()
    for row in tables.rows["calcification.csv"]:
        if row["means"] == "not":
            continue
        words = words_of(row["phrase"])
        longest = max(words, key=len)
        if len(longest) >= TELLING:
            stems.add(longest[:STEM])
            telling.add(longest)
        else:
            patterns.add(_pattern(words))
    for written, meant in tables.respelled.items():
        if meant in telling and not written.isupper():
            stems.add(written[:STEM])
    for code, diagnosis in tables.diagnoses.items():
        if any(m in (("calcification", ""), ("calcification", "calf")) or m[0] in GATED for m in diagnosis.meanings):
            stems.add(code[:3].lower())
    capitals = [rf"\b{re.escape(w)}\b" for w, meant in tables.respelled.items() if w.isupper() and meant in telling]
    return Needles(
        tuple(sorted(s.encode() for s in _shortest(stems))), _compiled(sorted(patterns)), _compiled(sorted(capitals))
    )


def _pattern(words: Sequence[str]) -> str:
    """Return a pattern for a phrase of short words: its rarest word whole, or its marks one behind the other."""
    if not all(word.isalnum() for word in words):
        return r"[\W_]*".join(re.escape(word) for word in words)
    rare = [word for word in words if word not in COMMON]
    return rf"\b{re.escape(rare[0])}\b" if rare else r"\W+".join(words)


def _compiled(patterns: Sequence[str]) -> re.Pattern[bytes] | None:
    return re.compile("|".join(patterns).encode()) if patterns else None


def _shortest(stems: Iterable[str]) -> set[str]:
    """Drop a stem that contains another one: the shorter finds it too."""
    kept = set(stems)
    return {s for s in kept if not any(o != s and o in s for o in kept)}


def may_mention(payload: bytes, header: Header, needles: Needles) -> bool:
    """Tell whether the payload may name a calcification."""
    escape = header.delimiters.escape
    if escape and payload.count(escape) > 1 and any(escape + bytes([c]) in payload for c in HIDING):
        return True
    codec = codec_for(header.charsets)
    if header.field(18) and is_multibyte(codec):
        return True
    if payload.isascii():
        low = payload.lower()
    elif codec not in PLAIN_SETS:
        return True
    else:
        low = b"".join(fold(payload.decode(c, "replace")).encode() for c in ("utf-8", "latin-1"))
    if needles.capitals is not None and needles.capitals.search(payload):
        return True
    if any(needle in low for needle in needles.stems):
        return True
    if needles.patterns is not None and needles.patterns.search(low):
        return True
    rows = _joined_rows(low, header)
    return bool(rows) and any(needle in rows for needle in needles.stems)


def _joined_rows(low: bytes, header: Header) -> bytes:
    """Return the texts of notes and answers one behind the other, for words cut at the end of a row."""
    if low.count(b"nte") + low.count(b"obx") < 2:
        return b""
    texts = []
    for line in low.replace(b"\n", b"\r").split(b"\r"):
        number = CUT.get(line[:3].upper())
        if number:
            cells = line.split(header.delimiters.field.lower(), number + 1)
            texts.append(cells[number] if len(cells) > number else b"")
    return b"".join(texts)
