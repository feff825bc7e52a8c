"""Lexicons of other languages: which a mappings folder holds, and which table a file's rows join.

Law: a language's tables (`languages/es/cues.csv`) have the columns of the English table of the same name and only add
rows to it, so that an English order reads the same whether a language is switched on or not; nothing is read of a
language unless it is asked for.
"""

from collections.abc import Iterable

FOLDER = "languages"


def table_of(file: str) -> str:
    """Return the table a file's rows join: `cues.csv` for `languages/es/cues.csv`, and for itself."""
    return file.rpartition("/")[2]


def language_of(file: str) -> str:
    """Return the language a file belongs to, the empty string for English."""
    parts = file.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == FOLDER else ""


def languages_of(files: Iterable[str]) -> tuple[str, ...]:
    """Return the languages of which there are tables, by name."""
    return tuple(sorted({language_of(file) for file in files} - {""}))
