"""The quick no: can these bytes hold a word of calcification at all?

Law: may say yes in vain, never no wrongly. Bytes that need decoding first (hex escapes, multi-byte character sets)
always say yes.
"""

from collections.abc import Iterable

from hl7calf.calf.tables import Tables
from hl7calf.calf.words import fold
from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import Header

STEM = 6
HIDING = b"XHNCMZ"
"""Escape sequences that may stand inside a word: hexadecimal, highlighting, character set, local."""


def needles_of(tables: Tables) -> tuple[bytes, ...]:
    """Return lower-case byte strings one of which is in every payload that names a calcification."""
    stems = {_stem(r["phrase"]) for r in tables.rows["calcification.csv"] if r["means"] != "not"}
    wanted = {w for r in tables.rows["calcification.csv"] for w in fold(r["phrase"]).replace("-", " ").split()}
    stems |= {w[:STEM] for w, meant in tables.respelled.items() if meant in wanted}
    stems |= {"calciphylaxis"[:STEM], HL7_MARK}
    for code, diagnosis in tables.diagnoses.items():
        if any(kind in ("calcification", "film", "calciphylaxis") for kind, _ in diagnosis.meanings):
            stems.add(code[:3].lower())
    return tuple(sorted(s.encode() for s in _shortest(stems)))


HL7_MARK = "hl7calf"


def _stem(phrase: str) -> str:
    words = fold(phrase).replace("-", " ").split()
    longest = max(words, key=len)
    if len(longest) >= STEM:
        return longest[:STEM]
    return longest


def _shortest(stems: Iterable[str]) -> set[str]:
    """Drop a stem that contains another one: the shorter finds it too."""
    kept = set(stems)
    return {s for s in kept if not any(o != s and o in s for o in kept)}


def may_mention(payload: bytes, header: Header, needles: Iterable[bytes]) -> bool:
    """Tell whether the payload may name a calcification."""
    escape = header.delimiters.escape
    if escape and escape in payload and any(escape + bytes([c]) in payload for c in HIDING):
        return True
    if is_multibyte(codec_for(header.charsets)) and header.field(18):
        return True
    low = payload.lower()
    return any(needle in low for needle in needles)
