"""The quick no: can these bytes hold a word of calcification at all?

Law: may say yes in vain, never no wrongly. Bytes that need decoding first (hex escapes, multi-byte character sets)
always say yes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hl7calf.calf.tables import Tables
from hl7calf.calf.words import fold
from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import Header

STEM = 6
TELLING = 5
"""A word of so many letters is rare enough to look for alone; `calf ho` is looked for whole."""
GATED = ("film", "calciphylaxis")
HIDING = b"XHNCMZ"
"""Escape sequences that may stand inside a word: hexadecimal, highlighting, character set, local."""


@dataclass(frozen=True, slots=True)
class Needles:
    """What to look for in lower-case bytes: short strings, and one pattern for phrases of short words."""

    stems: tuple[bytes, ...]
    phrases: re.Pattern[bytes] | None


def needles_of(tables: Tables) -> Needles:
    """Return what every payload that names a calcification holds at least one of."""
    stems: set[str] = set()
    short: set[tuple[str, ...]] = set()
    telling: set[str] = set()
    for row in tables.rows["calcification.csv"]:
        if row["means"] == "not":
            continue
        words = tuple(fold(row["phrase"]).replace("-", " ").split())
        longest = max(words, key=len)
        if len(longest) >= TELLING or len(words) == 1:
            stems.add(longest[:STEM])
            telling.add(longest)
        else:
            short.add(words)
    stems |= {written[:STEM] for written, meant in tables.respelled.items() if meant in telling}
    stems |= {"calciph"}
    for code, diagnosis in tables.diagnoses.items():
        if any(m in (("calcification", ""), ("calcification", "calf")) or m[0] in GATED for m in diagnosis.meanings):
            stems.add(code[:3].lower())
    pattern = "|".join(r"\b" + r"\W+".join(re.escape(w) for w in words) + r"\b" for words in sorted(short))
    return Needles(
        tuple(sorted(s.encode() for s in _shortest(stems))), re.compile(pattern.encode()) if pattern else None
    )


def _shortest(stems: Iterable[str]) -> set[str]:
    """Drop a stem that contains another one: the shorter finds it too."""
    kept = set(stems)
    return {s for s in kept if not any(o != s and o in s for o in kept)}


def may_mention(payload: bytes, header: Header, needles: Needles) -> bool:
    """Tell whether the payload may name a calcification."""
    escape = header.delimiters.escape
    if escape and payload.count(escape) > 1 and any(escape + bytes([c]) in payload for c in HIDING):
        return True
    if header.field(18) and is_multibyte(codec_for(header.charsets)):
        return True
    low = payload.lower()
    if any(needle in low for needle in needles.stems):
        return True
    return needles.phrases is not None and needles.phrases.search(low) is not None
