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
from hl7calf.calf.proofs import Proofs
from hl7calf.calf.schema import SCHEMAS, Row, read_rows
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.errors import Defect, MappingError

Rows = Mapping[str, tuple[Row, ...]]
SUSPECT = "\u00c2\u00c3\u00e2\ufffd"
"""Printable characters that may be the remains of another encoding; the one behind them decides."""


def check_mappings(files: Mapping[str, str]) -> list[Defect]:
    """Return every defect of the mapping files, by file, line and column; an empty list when all is well.

    Args:
        files: name (`calcification.csv`, `note.txt`) to content, as `load_tables` takes them.
    """
    seen: list[Defect] = []
    rows = {name: tuple(read_rows(name, files[name], seen)) for name in SCHEMAS if name in files}
    seen = list(_of_files(files))
    seen += [_placed(d, files) for d in (*check_phrases(rows), *check_codes(rows))]
    tables = _loaded(files, rows, seen)
    if tables is not None:
        seen += [_placed(d, files) for d in check_map(tables.rows, tables)]
        seen += check_note(tables.note, tables.rows)
        faulty = _in_question(seen)
        seen += [_placed(d, files) for d in _unproven(tables, faulty)]
    return sorted(_once(seen), key=lambda d: (d.file, d.line, d.column, d.code))


def _loaded(files: Mapping[str, str], rows: Rows, seen: list[Defect]) -> Tables | None:
    """Load the tables; where that cannot be, what stands in the way joins `seen`."""
    if any(d.code == "M_NEVER" and "nothing is left" in d.why for d in seen):
        less = {name: _less(content, name, seen) for name, content in files.items()}
        return _loaded(less, rows, seen) if less != dict(files) else None
    try:
        return load_tables(files)
    except MappingError as error:
        seen += [_placed(_with_separator_hint(d, files), files) for d in error.defects]
        return None


def _less(content: str, name: str, seen: list[Defect]) -> str:
    """Blank the lines of a table whose phrase is empty once cut, so that the others can still be loaded."""
    blank = {d.line for d in seen if d.file == name and d.code == "M_NEVER" and "nothing is left" in d.why}
    lines = content.splitlines(keepends=True)
    return "".join("\n" if number in blank else line for number, line in enumerate(lines, 1))


def _in_question(defects: list[Defect]) -> set[str]:
    """Return the rows (`file.csv:line`) that a defect stands in or names: the other one of two alike is not proven."""
    named = {word.strip("(),.:;") for d in defects for word in d.why.split() if ".csv:" in word}
    return named | {f"{d.file}:{d.line}" for d in defects}


def _unproven(tables: Tables, faulty: set[str]) -> Iterator[Defect]:
    proofs = Proofs(tables)
    for table in tables.rows.values():
        for row in table:
            if row.place not in faulty:
                yield from proofs.of(row)


def _of_files(files: Mapping[str, str]) -> Iterator[Defect]:
    """Yield characters that do not belong into a text file, and files that no table is made of."""
    for name, content in files.items():
        if name not in SCHEMAS and name != "note.txt":
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
        if tuple(next(csv.reader([header], delimiter=separator), [])) == SCHEMAS[defect.file].columns:
            return replace(defect, why=f"the columns are separated by {named}", hint="save as CSV with commas, UTF-8")
    return defect


def _placed(defect: Defect, files: Mapping[str, str]) -> Defect:
    """Turn the number of a cell into the line and column of its first character."""
    if not defect.line or defect.file not in SCHEMAS or defect.code in ("M_CELLS", "M_CSV"):
        return defect
    line, column = Cells(files[defect.file]).place(defect.line, defect.column)
    return replace(defect, line=line, column=column)


def _once(defects: list[Defect]) -> list[Defect]:
    return list(dict.fromkeys(defects))
