"""What can be wrong with the study map, the one table by which codes are changed.

Law: an entry leads from a limited study to the complete one of the same side, in words that fit every receiver; it
never makes one leg two, never ends in a code that is raised again, never keeps the word that it is there to remove.

Source: writing rules [ClinicalNotes 3.4]; a code of 16 and a text of 64 characters are what receivers keep [pydicom],
[IntelePACS]; unilateral and bilateral are different orders [ClinicalNotes 1.3].
"""

from collections.abc import Iterator, Mapping, Sequence

from hl7calf.calf.check_codes import check_system
from hl7calf.calf.check_phrases import column_defect
from hl7calf.calf.examples import passage
from hl7calf.calf.schema import Row
from hl7calf.calf.study import Study, Triplet, read_study
from hl7calf.calf.tables import StudyCode, Tables
from hl7calf.errors import Defect

CODE_WIDTH, TEXT_WIDTH = 16, 64
SIDE_WORDS = {"L": "left", "R": "right", "B": "both legs"}
ONE_LEG, BOTH_LEGS = "93971", "93970"
VENOUS = frozenset({"venous", "vessel"})


def check_map(rows: Mapping[str, Sequence[Row]], tables: Tables) -> Iterator[Defect]:
    """Yield the defects of study_map.csv."""
    systems = rows["systems.csv"]
    names = {row["system"].strip() for row in systems}
    sources: dict[tuple[str, str, str], Row] = {}
    for row in rows["study_map.csv"]:
        first = sources.setdefault(_source(row), row)
        if first is not row:
            why = f"this code, system and side already stand in {first.place}"
            yield column_defect(row, "source_code", "M_DUPLICATE", why, "keep one of the two")
    for row in rows["study_map.csv"]:
        yield from _empty(row)
        for column in ("source_system", "target_system"):
            if row[column].strip():
                yield from check_system(row, column, systems, names)
        yield from _widths(row)
        yield from _codes(row, tables)
        yield from _target_words(row, tables)
        yield from _ring(row, sources)


def _source(row: Row) -> tuple[str, str, str]:
    return row["source_code"].strip().upper(), row["source_system"].strip(), row["side"]


def _target_system(row: Row) -> str:
    return row["target_system"].strip() or row["source_system"].strip()


def _known(code: str, system: str, tables: Tables) -> StudyCode | None:
    return tables.study_codes.get((tables.system_of(system), code.strip().upper()))


def _empty(row: Row) -> Iterator[Defect]:
    for column in ("source_system", "target_code", "target_text"):
        if not row[column].strip():
            yield column_defect(row, column, "M_EMPTY", f"`{column}` is empty", "fill it or delete the row")


def _widths(row: Row) -> Iterator[Defect]:
    for column, width in (("target_code", CODE_WIDTH), ("target_text", TEXT_WIDTH), ("target_system", 20)):
        value = row[column].strip()
        if len(value) > width:
            why = f"`{column}` has {len(value)} characters; receivers keep {width}"
            yield column_defect(row, column, "S_TOO_LONG", why, "shorten it")
        if not (value.isascii() and value.isprintable()):
            why = f"`{column}` holds characters that are not printable ASCII"
            yield column_defect(row, column, "S_ASCII", why, "spell it in ASCII")


def _codes(row: Row, tables: Tables) -> Iterator[Defect]:
    """Yield what study_codes.csv says against the source and the target."""
    source, target = row["source_code"].strip().upper(), row["target_code"].strip().upper()
    known = _known(source, row["source_system"], tables)
    if known is not None and known.extent == "complete":
        why = f"the source is a complete study already ({known.row})"
        yield column_defect(row, "source_code", "S_SOURCE", why, "map limited studies only")
    if known is not None and known.kind not in ("venous", "venous ultrasound", "vessel ultrasound"):
        why = f"the source is no venous study but `{known.kind}` ({known.row})"
        yield column_defect(row, "source_code", "S_SOURCE", why, "map venous studies only")
    yield from _side_of(row, "source_code", known)
    raised = _known(target, _target_system(row), tables)
    if raised is not None and raised.extent == "limited":
        yield column_defect(row, "target_code", "S_TARGET", f"the target is a limited study ({raised.row})",
                            "name the complete one")  # fmt: skip
    is_cpt = tables.system_of(row["source_system"]) == "CPT" and tables.system_of(_target_system(row)) == "CPT"
    if is_cpt and source == ONE_LEG and target == BOTH_LEGS:
        why = f"{ONE_LEG} must not become {BOTH_LEGS}: a complete study of one leg stays {ONE_LEG}"
        yield column_defect(row, "target_code", "S_93970", why, f"keep {ONE_LEG} and change the text")
    else:
        yield from _side_of(row, "target_code", raised)


def _side_of(row: Row, column: str, known: StudyCode | None) -> Iterator[Defect]:
    if known is not None and known.side and known.side != row["side"]:
        why = (
            f"`{row[column]}` is a study of {SIDE_WORDS[known.side]} ({known.row}), the entry is for "
            f"{SIDE_WORDS[row['side']]}"
        )
        yield column_defect(row, column, "S_SIDE", why, "side and number of legs never change")


def _target_words(row: Row, tables: Tables) -> Iterator[Defect]:
    text = row["target_text"].strip()
    if not text:
        return
    study = _read_target(row, tables)
    sides = {m.concept for m in tables.sides.find(passage(text, "name", tables).tokens, "name") if m.concept != "none"}
    extents = {m.concept for m in tables.extent.find(passage(text, "name", tables).tokens, "name")} - {"none"}
    if sides and sides != {row["side"]}:
        told = ", ".join(SIDE_WORDS[s] for s in sorted(sides))
        why = f"the target text says {told}, the entry is for {SIDE_WORDS[row['side']]}"
        yield column_defect(row, "target_text", "S_SIDE", why, "side and number of legs never change")
    if "limited" in extents:
        yield column_defect(row, "target_text", "S_LIMITED", "the target text still says that the study is limited",
                            "take the word out")  # fmt: skip
    elif study.extent not in ("complete", "both"):
        why = "nothing says that the target is the complete study"
        yield column_defect(row, "target_text", "S_TARGET", why, "write `COMPLETE`, or add the code to study_codes.csv")
    if not study.is_ultrasound or study.kind not in VENOUS:
        why = "the target does not read as a venous ultrasound study"
        yield column_defect(row, "target_text", "S_TARGET", why, "name it, such as `US VENOUS DUPLEX COMPLETE LEFT`")


def _read_target(row: Row, tables: Tables) -> Study:
    triplet = Triplet(row["target_code"].strip(), row["target_text"].strip(), _target_system(row), 1)
    return read_study([triplet], [passage(triplet.name, "name", tables)], tables)


def _ring(row: Row, sources: Mapping[tuple[str, str, str], Row]) -> Iterator[Defect]:
    """Yield a defect where the target is raised again; 93971 keeps its code and changes its text only."""
    target = (row["target_code"].strip().upper(), _target_system(row), row["side"])
    if target == _source(row):
        if target[0] != ONE_LEG:
            why = "source and target are the same code"
            yield column_defect(row, "target_code", "S_SAME", why, "name the code of the complete study")
    elif target in sources:
        why = f"the target is itself a source, in {sources[target].place}: it would be raised again"
        yield column_defect(row, "target_code", "S_CHAIN", why, "map straight to the last one")
