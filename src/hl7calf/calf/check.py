"""`hl7calf check`: everything that is wrong with the mapping tables, in one go.

Law: pure, and never raises for what an analyst can write. Every defect has its file, line and column (of the
character, as editors count), a stable code, a plain sentence and what to do about it. First what can be seen in
the files and rows; then, when the tables can be loaded at all, what the codes and the note say together; last the
proof that each row is needed and that its example shows it. A row already found wrong is not proven as well.

Codes: F_ the file itself, M_ rows and phrases, C_ code tables, S_ the study map, N_ the note, P_ proofs.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hl7calf.calf.cells import Cells
from hl7calf.calf.check_codes import check_codes
from hl7calf.calf.check_map import check_map
from hl7calf.calf.check_note import check_note
from hl7calf.calf.check_phrases import check_phrases
from hl7calf.calf.languages import language_of, languages_of, table_of
from hl7calf.calf.proofs import Proofs
from hl7calf.calf.schema import SCHEMAS, Row, read_rows
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.errors import Defect, MappingError

SUSPECT = "\u00c2\u00c3\u00e2\ufffd"
"""Printable characters that may be the remains of another encoding; the one behind them decides."""


def check_mappings(files: Mapping[str, str]) -> list[Defect]:
    """Return every defect of the mapping files, by file, line and column; an empty list when all is well.

    Args:
        files: name (`calcification.csv`, `note.txt`, `languages/es/cues.csv`) to content, as `load_tables` takes them.
    """
    seen = list(_of_files(files))
    sound = {name: content.encode("utf-8", "replace").decode() for name, content in files.items()}
    for language in ("", *languages_of(files)):
        found = _of_language(sound, language, {f"{d.file}:{d.line}" for d in seen})
        seen += [_placed(d, sound) for d in found if language_of(d.file) == language]
        if not language and any(d.code[0] == "M" and d.code != "M_DUPLICATE" for d in found):
            break  # English first: a language only adds to it
    return sorted(_once(seen), key=lambda d: (d.file, d.line, d.column, d.code))


def _of_language(files: Mapping[str, str], language: str, faulty: set[str]) -> list[Defect]:
    """Return the defects of the English tables, or of a language's beside them; columns are cell numbers.

    Args:
        faulty: rows (`file.csv:line`) already known to be wrong.
    """
    parts = {n: c for n, c in files.items() if table_of(n) in SCHEMAS and language_of(n) in ("", language)}
    rows: dict[str, tuple[Row, ...]] = {}
    for name in sorted(parts, key=lambda n: (language_of(n), list(SCHEMAS).index(table_of(n)))):
        rows[table_of(name)] = rows.get(table_of(name), ()) + tuple(read_rows(name, parts[name], []))
    found = [*check_phrases(rows), *check_codes(rows)]
    try:
        tables = load_tables(_loadable(files, found), (language,) if language else ())
    except MappingError as error:
        return [*found, *(_with_separator_hint(d, files) for d in error.defects)]
    if not language:
        found += [*check_map(tables.rows, tables), *check_note(tables.note, tables.rows)]
    return [*found, *_unproven(tables, faulty | _in_question(found), language)]


def _loadable(files: Mapping[str, str], found: list[Defect]) -> dict[str, str]:
    """Blank the rows whose phrase is empty once cut, so that the others can still be loaded."""
    blank = {(d.file, d.line) for d in found if d.code == "M_NEVER" and "nothing is left" in d.why}
    less = dict(files)
    for file, _ in blank:
        lines = files[file].splitlines(keepends=True)
        less[file] = "".join("\n" if (file, n) in blank else line for n, line in enumerate(lines, 1))
    return less


def _in_question(defects: list[Defect]) -> set[str]:
    """Return the rows (`file.csv:line`) that a defect stands in or names: the other one of two alike is not proven."""
    named = {word.strip("(),.:;") for d in defects for word in d.why.split() if ".csv:" in word}
    return named | {f"{d.file}:{d.line}" for d in defects}


def _unproven(tables: Tables, faulty: set[str], language: str) -> Iterator[Defect]:
    proofs = Proofs(tables)
    for table in tables.rows.values():
        for row in table:
            if row.place not in faulty and language_of(row.file) == language:
                yield from proofs.of(row)


def _of_files(files: Mapping[str, str]) -> Iterator[Defect]:
    """Yield characters that do not belong into a text file, and files that no table is made of."""
    for name, content in files.items():
        if table_of(name) not in SCHEMAS and name != "note.txt":
            known = ", ".join(sorted({*SCHEMAS, "note.txt"}))
            yield Defect(name, 0, 0, "F_UNKNOWN", "no table has this name: the file is not read", "known: " + known)
        yield from _odd_characters(name, content.removeprefix("\ufeff"))


def _odd_characters(name: str, content: str) -> Iterator[Defect]:
    if all(char.isprintable() and char not in SUSPECT for char in set(content) - {"\n", "\r", "\t"}):
        return
    for number, line in enumerate(content.split("\n"), 1):
        for column, char in enumerate(line, 1):
            why = _odd(char, line[column : column + 1])
            if why and char != "\r":
                yield Defect(name, number, column, "F_CHARACTER", why, "type the text anew, save as UTF-8")
                break


def _odd(char: str, following: str) -> str:
    if char.isascii():
        return f"a control character (U+{ord(char):04X})" if char < " " and char not in "\t\r" else ""
    if "\ud800" <= char <= "\udfff" or char == "\ufffd":
        return "a character was lost in another encoding"
    if (char in "\u00c2\u00c3" and "\u0080" <= following <= "\u00bf") or (char == "\u00e2" and following == "\u20ac"):
        return "text saved in one encoding and opened in another"
    if char in "\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff\u0085":
        return f"an invisible character (U+{ord(char):04X})"
    return ""


def _with_separator_hint(defect: Defect, files: Mapping[str, str]) -> Defect:
    """Tell an analyst whose spreadsheet wrote semicolons or tabs what happened."""
    if defect.code != "M_COLUMNS":
        return defect
    header = files[defect.file].lstrip("\ufeff").split("\n", 1)[0].strip()
    for separator, named in ((";", "semicolons"), ("\t", "tabs")):
        if tuple(next(csv.reader([header], delimiter=separator), [])) == SCHEMAS[table_of(defect.file)].columns:
            return replace(defect, why=f"the columns are separated by {named}", hint="save as CSV with commas, UTF-8")
    return defect


def _placed(defect: Defect, files: Mapping[str, str]) -> Defect:
    """Turn the number of a cell into the line and column of its first character."""
    if not defect.line or table_of(defect.file) not in SCHEMAS or defect.code in ("M_CELLS", "M_CSV"):
        return defect
    line, column = Cells(files[defect.file]).place(defect.line, defect.column)
    return replace(defect, line=line, column=column)


def _once(defects: list[Defect]) -> list[Defect]:
    return list(dict.fromkeys(defects))
