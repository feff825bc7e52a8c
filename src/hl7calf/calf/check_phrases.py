"""What can be wrong with the rows of phrase tables and the misspelling list, seen without reading an order.

Law: a phrase is compared as the rule compares it, cut into tokens; two phrases that are cut alike are the same
phrase, however they are written. The misspelling list never reaches a real word.

Source: words that a misspelling must not reach, [ClinicalNotes 5.2].
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from hl7calf.calf.lacking import FINDINGS
from hl7calf.calf.languages import table_of
from hl7calf.calf.note import FORBIDDEN
from hl7calf.calf.schema import SCHEMAS, Row
from hl7calf.calf.words import fold, words_of
from hl7calf.errors import Defect

STOP_WORDS = frozenset(
    "calcaneal calcaneus calcanei calculation calculations calculate calculated calculus calculi classification "
    "classifications classified ossicle ossicles claudication claudicating calcium calcitonin calcitriol calyx calyces "
    "calvarium calvarial calciphylaxis clarification clarified qualification qualified half calm call cliff cuff "
    "localization location vacation".split()
)
"""Words of their own near to `calf` and `calcification`: a misspelling row must not turn them into these."""
OPEN_WORDS = {
    "sites.csv": ("site", frozenset("calf leg tibfib shin artery none".split())),
    "findings.csv": ("finding", frozenset({"dvt", "pe", "superficial thrombosis", "benign", "other"})),
    "characteristics.csv": ("characteristic", frozenset()),
}
"""Columns whose words may grow, with those the rule knows by name: a near miss of a word in use is told."""
OWN_WORDS = {"sites.csv": "location", "characteristics.csv": "characteristic"}
"""Columns whose words go into the note: printable ASCII, short, and no judgement."""
OWN_WORDS_WIDTH = 40


def column_defect(row: Row, column: str, code: str, why: str, hint: str = "") -> Defect:
    """Return a defect at one cell of a row; its column is the cell's number."""
    return Defect(row.file, row.line, SCHEMAS[table_of(row.file)].columns.index(column) + 1, code, why, hint)


def check_phrases(rows: Mapping[str, Sequence[Row]]) -> Iterator[Defect]:
    """Yield the defects of all phrase tables and of the misspelling list, in file order."""
    for name, table in rows.items():
        for row in table:
            yield from _spaces(row)
            if SCHEMAS[name].phrases:
                yield from _can_match(row)
        yield from _open_words(name, table)
    yield from _duplicates(row for name, table in rows.items() if SCHEMAS[name].phrases for row in table)
    yield from _check_misspellings(rows)


def _spaces(row: Row) -> Iterator[Defect]:
    for column, value in row.values.items():
        if value != value.strip():
            yield column_defect(row, column, "M_SPACES", f"`{column}` starts or ends with a space", "take it away")


def _can_match(row: Row) -> Iterator[Defect]:
    column = SCHEMAS[table_of(row.file)].columns[0]
    words = words_of(row[column])
    if not words:
        yield column_defect(row, column, "M_NEVER", "nothing is left of the phrase once it is cut into words",
                            "write letters or digits")  # fmt: skip
    elif column == "word" and len(words) > 1:
        yield column_defect(row, column, "M_NEVER", "a unit is one word: this can never be found", "one word a row")


def _group(row: Row) -> str:
    return "findings" if table_of(row.file) in FINDINGS else table_of(row.file)


def _duplicates(rows: Iterable[Row]) -> Iterator[Defect]:
    """Yield rows whose phrase another row before them already has, also in another of the findings tables."""
    first: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        column = SCHEMAS[table_of(row.file)].columns[0]
        before = first.setdefault((_group(row), words_of(row[column])), [])
        for other in before:
            if not _apart(row, other):
                same = row[column] == other[column]
                why = f"the same phrase stands in {other.place}" + ("" if same else f" as `{other[column]}`")
                code = "M_DUPLICATE" if _sense(row) == _sense(other) else "M_SHADOW"
                if code == "M_SHADOW":
                    why += ", with another meaning: only one of the two is ever found"
                yield column_defect(row, column, code, why, "delete one of the two rows")
                break
        before.append(row)


def _apart(row: Row, other: Row) -> bool:
    """Tell whether two rows with the same phrase can both count: one for names and one for text, before and after."""
    if table_of(row.file) != table_of(other.file):
        return False
    for column, both in (("where", "both"), ("direction", "both")):
        if column in row.values and row[column] != other[column]:
            return both not in (row[column], other[column])
    return False


def _sense(row: Row) -> tuple[str, str]:
    return (table_of(row.file), row[SCHEMAS[table_of(row.file)].columns[1]])


def _open_words(name: str, table: Sequence[Row]) -> Iterator[Defect]:
    if name in OPEN_WORDS:
        column, known = OPEN_WORDS[name]
        used = Counter(row[column] for row in table)
        common = known | {word for word, count in used.items() if count > 1}
        for row in table:
            value = row[column]
            if not value.strip():
                yield column_defect(row, column, "M_EMPTY", f"`{column}` is empty", "fill it or delete the row")
            elif value not in common and (near := get_close_matches(value, sorted(common), 1, 0.75)):
                hint = f"did you mean `{near[0]}`?"
                yield column_defect(row, column, "M_WORD", f"`{column}` does not know `{value[:40]}`", hint)
    if name in OWN_WORDS:
        yield from _own_words(table, OWN_WORDS[name])


def _own_words(table: Sequence[Row], column: str) -> Iterator[Defect]:
    for row in table:
        value = row[column]
        if not (value.isascii() and value.isprintable()) or len(value) > OWN_WORDS_WIDTH:
            why = f"`{column}` goes into the note: at most {OWN_WORDS_WIDTH} printable ASCII characters"
            yield column_defect(row, column, "M_OWN_WORDS", why, "shorten it, or spell it in ASCII")
        for word in FORBIDDEN:
            if word in value.lower():
                why = f"`{word}` judges the finding, and `{column}` goes into the note"
                yield column_defect(row, column, "M_JUDGES", why, "describe, do not judge")


def _check_misspellings(rows: Mapping[str, Sequence[Row]]) -> Iterator[Defect]:
    known: dict[str, Row] = {}
    for name, table in rows.items():
        if SCHEMAS[name].phrases:
            for row in table:
                for word in words_of(row[SCHEMAS[name].columns[0]]):
                    known.setdefault(word, row)
    seen: dict[str, Row] = {}
    for row in rows.get("misspellings.csv", ()):
        yield from _misspelling(row, known, seen)
        seen.setdefault(fold(row["written"].strip()), row)


def _misspelling(row: Row, known: Mapping[str, Row], seen: Mapping[str, Row]) -> Iterator[Defect]:
    written, meant = fold(row["written"].strip()), fold(row["meant"].strip())
    for column in ("written", "meant"):
        if words_of(row[column]) != (fold(row[column].strip()),):
            why = f"`{column}` is not one word: it can never be found"
            yield column_defect(row, column, "M_NEVER", why, "one word without spaces or hyphens")
            return
    if written == meant:
        yield column_defect(row, "written", "M_SAME", "a word is not its own misspelling", "delete the row")
    elif written in seen:
        yield column_defect(row, "written", "M_DUPLICATE", f"`{written}` stands in {seen[written].place}", "keep one")
    elif written in STOP_WORDS:
        why = f"`{written}` is a word of its own and must not be read as `{meant}`"
        yield column_defect(row, "written", "M_STOP_WORD", why, "delete the row")
    elif written in known and not row["written"].strip().isupper():  # capitals count only as written: `MO`, not `mo`
        why = f"`{written}` is a word of {known[written].place}, which could never be found"
        yield column_defect(row, "written", "M_KNOWN_WORD", why, "delete one of the two rows")
    if meant not in known:
        near = get_close_matches(meant, sorted(known), 1, 0.8)
        hint = f"did you mean `{near[0]}`?" if near else "add the phrase first, then its misspellings"
        yield column_defect(row, "meant", "M_WORD", f"no table knows `{meant[:40]}`: the row changes nothing", hint)
