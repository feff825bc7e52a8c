"""The shape of every mapping table: its columns and the words allowed in them.

Law: the analyst's files are plain CSV (comma, UTF-8, one header line); what a column may hold is written
here once, and both loading and `hl7calf check` read it from here.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from hl7calf.errors import Defect

SYMPTOMS = "pain swelling tenderness mass redness warmth cramping weakness ulcer claudication".split()
RISKS = (
    "prior_dvt prior_pe cancer recent_surgery immobilization pregnancy postpartum estrogen thrombophilia "
    "anticoagulated obesity smoking travel trauma heart_failure varicose_veins"
).split()
STUDY_KINDS = (
    "ultrasound|venous|venous ultrasound|vessel ultrasound|arterial|mixed|nonvascular|insufficiency|mapping|graft|"
    "post ablation|guided|point of care|follow up|not ultrasound|other region|upper extremity|lower extremity"
).split("|")
GATES = [f"X{n}" for n in range(1, 30)]


@dataclass(frozen=True, slots=True)
class Schema:
    """One table: its columns in order, the closed vocabularies, and the columns that make a row unique.

    `phrases` tells that the first column is a phrase looked for in order text, `proof` is the column whose
    text must not read the same without the row.
    """

    columns: tuple[str, ...]
    vocabulary: Mapping[str, tuple[str, ...]]
    key: tuple[str, ...]
    phrases: bool = True
    proof: str = "example"


def _schema(columns: str, key: str, phrases: bool = True, **vocabulary: list[str]) -> Schema:
    names = tuple(columns.split())
    proof = "example" if "example" in names else ""
    return Schema(names, {k: tuple(v) for k, v in vocabulary.items()}, tuple(key.split()), phrases, proof)


SCHEMAS: Mapping[str, Schema] = {
    "calcification.csv": _schema(
        "phrase means example counterexample why", "phrase", means=["calcification", "weak", "denied", "not"]
    ),
    "sites.csv": _schema("phrase site location example counterexample why", "phrase"),
    "symptoms.csv": _schema("phrase symptom example", "phrase", symptom=SYMPTOMS),
    "risk_factors.csv": _schema("phrase risk_factor example", "phrase", risk_factor=RISKS),
    "findings.csv": _schema("phrase finding example", "phrase"),
    "cues.csv": _schema(
        "phrase cue direction reach example why",
        "phrase direction",
        cue=[
            "negated", "answered no", "answered yes", "affirmed", "no cue", "question", "removed", "other person",
            "hypothetical", "past", "contrast",
        ],
        direction=["before", "after", "both"],
        reach=["adjacent", "next", "list", "wide", "sentence", "none"],
    ),
    "sections.csv": _schema(
        "phrase section example", "phrase", section=["allergies", "medications", "family", "past", "administrative"]
    ),
    "sides.csv": _schema("phrase side example", "phrase", side=["L", "R", "B", "none"]),
    "durations.csv": _schema("word unit example", "word", unit=["hour", "day", "week", "fortnight", "month", "year"]),
    "imaging.csv": _schema("phrase modality example", "phrase", modality=["XR", "CT", "MRI", "US"]),
    "characteristics.csv": _schema("phrase characteristic example", "phrase"),
    "extent.csv": _schema(
        "phrase extent where example", "phrase where",
        extent=["limited", "complete", "none"], where=["name", "text"],
    ),
    "studies.csv": _schema("phrase means example", "phrase", means=STUDY_KINDS),
    "gates.csv": _schema(
        "phrase gate where example", "phrase where", gate=[*GATES, "none"], where=["name", "text", "both"]
    ),
    "questions.csv": _schema("phrase means example", "phrase", means=["skip"]),
    "misspellings.csv": _schema("written meant", "written", phrases=False),
    "systems.csv": _schema("written system why", "written", phrases=False),
    "study_codes.csv": _schema(
        "system code means extent side why", "system code", phrases=False,
        means=STUDY_KINDS, extent=["limited", "complete", "unspecified"], side=["L", "R", "B", ""],
    ),
    "diagnoses.csv": _schema("code means side_at why", "code", phrases=False, side_at=["", "5", "6", "6x"]),
    "study_map.csv": _schema(
        "source_code source_system side target_code target_text target_system why",
        "source_code source_system side", phrases=False, side=["L", "R", "B"],
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: its values by column and where it stands."""

    file: str
    line: int
    values: Mapping[str, str]

    @property
    def place(self) -> str:
        """`file.csv:line`, the row's name in evidence and defects."""
        return f"{self.file}:{self.line}"

    def __getitem__(self, column: str) -> str:
        return self.values[column]


def read_rows(name: str, content: str, defects: list[Defect]) -> Iterator[Row]:
    """Yield the well-formed rows of one table (`cues.csv`, `languages/es/cues.csv`); the rest goes to `defects`."""
    schema = SCHEMAS[name.rpartition("/")[2]]
    reader = csv.reader(content.lstrip("\ufeff").splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != schema.columns:
            defects.append(_header_defect(name, tuple(header), schema.columns))
            return
        start = reader.line_num + 1
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not cells or (cells[0].startswith("#") and schema.columns[0] == "phrase" and len(cells) == 1):
                continue
            if len(cells) != len(schema.columns):
                why = f"{len(cells)} cells where the table has {len(schema.columns)}"
                defects.append(Defect(name, line, 1, "M_CELLS", why, "put text with a comma in double quotes"))
                continue
            row = Row(name, line, dict(zip(schema.columns, cells, strict=True)))
            wrong = list(_vocabulary_defects(row, schema))
            defects.extend(wrong)
            if not wrong:
                yield row
    except csv.Error as error:
        defects.append(Defect(name, reader.line_num, 1, "M_CSV", str(error), "check the double quotes of this line"))


def _header_defect(name: str, found: tuple[str, ...], wanted: tuple[str, ...]) -> Defect:
    column = next((i for i, (a, b) in enumerate(zip(found, wanted, strict=False), 1) if a != b), len(found) + 1)
    hint = "the first line must read " + ",".join(wanted)
    return Defect(name, 1, column, "M_COLUMNS", "unknown or missing columns", hint)


def _vocabulary_defects(row: Row, schema: Schema) -> Iterator[Defect]:
    if not row[schema.columns[0]].strip():
        yield Defect(row.file, row.line, 1, "M_EMPTY", f"`{schema.columns[0]}` is empty", "fill it or delete the row")
    for column, allowed in schema.vocabulary.items():
        value = row[column]
        if value not in allowed:
            near = get_close_matches(value, allowed, 1, 0.5)
            hint = f"did you mean `{near[0]}`?" if near else "one of: " + ", ".join(a for a in allowed if a)
            why = f"`{column}` does not know `{value[:40]}`"
            yield Defect(row.file, row.line, schema.columns.index(column) + 1, "M_WORD", why, hint)
