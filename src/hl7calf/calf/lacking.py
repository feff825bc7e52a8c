"""The tables as they would be without one row.

Law: nothing is built anew; a view leaves the row out wherever the rule would look it up, so that thousands of
rows can be proven in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hl7calf.calf.lexicon import Lexicon, Mention
from hl7calf.calf.schema import Row
from hl7calf.calf.tables import FINDING_TABLES, Tables
from hl7calf.calf.words import Token, fold, words_of

FINDINGS = frozenset(name for name, _ in FINDING_TABLES)


class LackingLexicon(Lexicon):
    """A lexicon that overlooks one row."""

    def __init__(self, whole: Lexicon, row: str) -> None:
        self._whole = whole
        self._row = row

    def find(self, tokens: Sequence[Token], where: str, without: str | None = None) -> list[Mention]:
        """Return what the whole lexicon finds when the row is not there."""
        return self._whole.find(tokens, where, self._row)


def lexicon_of(file: str) -> str:
    """Return the name of the lexicon in `Tables` that holds a phrase table's rows."""
    return "findings" if file in FINDINGS else file.removesuffix(".csv")


def without_row(tables: Tables, row: Row) -> Tables:
    """Return `tables` as if `row` had been deleted from its file.

    `Tables.words`, which only mends words cut at the seam of two OBX rows, is left as it is.
    """
    if row.file in _KEYED:
        field, key = _KEYED[row.file]
        return _replaced(tables, field, _less(getattr(tables, field), key(row)))
    field = lexicon_of(row.file)
    lacking = _replaced(tables, field, LackingLexicon(getattr(tables, field), row.place))
    if row.file == "cues.csv" and (words := words_of(row["phrase"])) in tables.cue_twins:
        lacking = replace(lacking, cue_twins=_less(tables.cue_twins, words))
    return lacking


_KEYED: Mapping[str, tuple[str, Any]] = {
    "misspellings.csv": ("respelled", lambda row: fold(row["written"].strip())),
    "durations.csv": ("units", lambda row: fold(row["word"])),
    "systems.csv": ("systems", lambda row: row["written"].strip().upper()),
    "study_codes.csv": ("study_codes", lambda row: (row["system"], row["code"].strip().upper())),
    "diagnoses.csv": ("diagnoses", lambda row: row["code"].strip().upper().replace(".", "")),
    "study_map.csv": (
        "study_map",
        lambda row: (row["source_code"].strip().upper(), row["source_system"].strip(), row["side"]),
    ),
}
"""Tables that are looked up by a key: their field in `Tables`, and the key of a row as `load_tables` makes it."""


def _less(whole: Mapping[Any, Any], key: object) -> dict[Any, Any]:
    return {k: v for k, v in whole.items() if k != key}


def _replaced(tables: Tables, field: str, value: object) -> Tables:
    changes: dict[str, Any] = {field: value}
    return replace(tables, **changes)
