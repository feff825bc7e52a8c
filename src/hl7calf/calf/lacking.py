"""The tables as they would be without one row.

Law: nothing is built anew; a view leaves the row out wherever the rule would look it up, so that thousands of
rows can be proven in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from hl7calf.calf.languages import table_of
from hl7calf.calf.lexicon import Lexicon, Mention
from hl7calf.calf.schema import Row
from hl7calf.calf.tables import FINDING_TABLES, Tables, as_written
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


def lexicons_of(tables: Tables) -> dict[str, Lexicon]:
    """Return every lexicon of the tables by its field; one file may feed several."""
    return {name: value for name in _FIELDS if isinstance(value := getattr(tables, name), Lexicon)}


def without_row(tables: Tables, row: Row) -> Tables:
    """Return `tables` as if `row` had been deleted from its file.

    `Tables.words`, which only mends words cut at the seam of two OBX rows, is left as it is.
    """
    if table_of(row.file) in _KEYED:
        field, key = _KEYED[table_of(row.file)]
        return _replaced(tables, {field: _less(getattr(tables, field), key(row))})
    changes: dict[str, Any] = {
        name: LackingLexicon(lexicon, row.place) for name, lexicon in lexicons_of(tables).items()
    }
    if table_of(row.file) == "cues.csv" and (words := words_of(row["phrase"])) in tables.cue_twins:
        changes["cue_twins"] = _less(tables.cue_twins, words)
    return _replaced(tables, changes)


_FIELDS = tuple(field.name for field in fields(Tables))
_KEYED: Mapping[str, tuple[str, Any]] = {
    "misspellings.csv": ("respelled", lambda row: as_written(row["written"])),
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


def _replaced(tables: Tables, changes: dict[str, Any]) -> Tables:
    return replace(tables, **changes)
