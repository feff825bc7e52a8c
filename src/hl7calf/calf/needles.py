"""What every payload that names a calcification holds at least one of, worked out from the tables once.

Law: a superset of the tables. A phrase counts as there when each of its words is, anywhere and in any order; a word
is there as written in the table or as one of its misspellings. So nothing the whole rule finds is missing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from hl7calf.calf.schema import SCHEMAS
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import fold, words_of

MARK = b"+"
"""The one mark that is looked for (`Ca++`). Others are everywhere, so a phrase is known by its words."""
GATED = ("film", "calciphylaxis")
"""What diagnoses can say, beside a calcification, that brings an order before a person."""
SPACED = bytes(b if chr(b).isalnum() else 0x20 for b in range(128)).lower() + b" " * 128
"""For `bytes.translate`: letters in lower case and digits; everything else a space."""


@dataclass(frozen=True, slots=True)
class Needles:
    """What to look for in the pieces of spaced text.

    Attributes:
        always: a phrase has neither letters nor digits, so nothing can be ruled out.
        anchors: of every phrase the piece that tells most, in every way to write it; without one there is nothing.
        phrases: pieces that count when all of them are there.
        respelled: misspelt pieces and what they mean.
        codes: how a telling diagnosis code begins, with the space before it.
        capitals: abbreviations as they are written, in capitals; each counts alone.
    """

    always: bool
    anchors: frozenset[bytes]
    phrases: tuple[frozenset[bytes], ...]
    respelled: dict[bytes, bytes]
    codes: tuple[bytes, ...]
    capitals: frozenset[bytes]


def needles_of(tables: Tables) -> Needles:
    """Return what every payload that names a calcification holds at least one of."""
    written = [row["phrase"] for row in tables.rows["calcification.csv"] if row["means"] != "not"]
    whole = {pieces_of(phrase) for phrase in (*written, "calciphylaxis")}
    phrases = whole - {frozenset()}
    named = frozenset().union(*phrases)
    forms = [(form, pieces_of(form), pieces_of(meant)) for form, meant in tables.respelled.items()]
    forms = [(form, before, after) for form, before, after in forms if after & named]
    respelled: dict[bytes, bytes] = {}
    for form, before, after in forms:
        if form.isupper():  # counts in capitals only: `6 mo` are months
            continue
        if len(before) == len(after) == 1:
            respelled[min(before)] = min(after)
        else:
            phrases |= {(phrase - after) | before for phrase in phrases if after <= phrase}
    elsewhere = _pieces_of_other_tables(tables)

    def tells(piece: bytes) -> tuple[bool, bool, int, bytes]:
        return piece == MARK, piece not in elsewhere, len(piece), piece

    telling = {max(phrase, key=tells) for phrase in phrases}
    return Needles(
        frozenset() in whole,
        frozenset(telling | {form for form, meant in respelled.items() if meant in telling}),
        tuple(phrases),
        respelled,
        tuple(sorted(set(_codes(tables)))),
        frozenset(form.encode() for form, _, _ in forms if form.isupper()),
    )


def pieces_of(phrase: str) -> frozenset[bytes]:
    """Return what spaced text holds of a phrase: its words, cut at everything but letters and digits; and the mark."""
    words = words_of(phrase)
    return frozenset([*" ".join(words).encode().translate(SPACED).split(), *[MARK] * (MARK.decode() in words)])


def _codes(tables: Tables) -> Iterator[bytes]:
    """Yield the category of each diagnosis code that names a calcification or brings an order before a person."""
    for code, diagnosis in tables.diagnoses.items():
        if any(m in (("calcification", ""), ("calcification", "calf")) or m[0] in GATED for m in diagnosis.meanings):
            yield b" " + code[:3].lower().encode()


def _pieces_of_other_tables(tables: Tables) -> frozenset[bytes]:
    """Return the words that other tables know too, such as `right`: they tell little."""
    columns = {name: schema.columns[0] for name, schema in SCHEMAS.items() if schema.phrases}
    others = [(name, column) for name, column in columns.items() if name != "calcification.csv"]
    written = " ".join(row[column] for name, column in others for row in tables.rows[name])
    return frozenset(fold(written).encode().translate(SPACED).split())
