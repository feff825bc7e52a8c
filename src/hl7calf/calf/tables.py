"""The mapping tables as the rule uses them: lexicons, codes, and the study map.

Law: a table is data, the same text gives the same tables, and `digest` names exactly this text. Codes are
always looked up together with their coding system: public feeds reuse 93971 for a laboratory panel.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from hl7calf.calf.inflections import with_forms
from hl7calf.calf.lexicon import Lexicon, Phrase
from hl7calf.calf.note import NoteTemplate, read_template
from hl7calf.calf.schema import SCHEMAS, Row, read_rows
from hl7calf.calf.words import fold, words_of
from hl7calf.errors import Defect, MappingError

FINDING_TABLES = (
    ("calcification.csv", "means"),
    ("symptoms.csv", "symptom"),
    ("risk_factors.csv", "risk_factor"),
    ("findings.csv", "finding"),
)


@dataclass(frozen=True, slots=True)
class StudyCode:
    """What a code of a known system says about the study: kind, extent and side ("" when it is silent)."""

    kind: str
    extent: str
    side: str
    row: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an ICD-10-CM code or category says.

    `meanings` are pairs such as (`calcification`, `calf`), (`symptom`, `pain`), (`risk`, `cancer`),
    (`gate`, `X13`), (`site`, `calf`). `side_at` is the 1-based character that tells the side, 1 right, 2 left,
    3 both (`6x`: 4 right, 5 left, as in M79.604 and M79.605).
    """

    meanings: tuple[tuple[str, str], ...]
    side_at: str
    row: str


@dataclass(frozen=True, slots=True)
class Target:
    """The complete study a limited one is raised to; an empty system keeps the sender's."""

    code: str
    text: str
    system: str
    row: str


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything the analyst edits, ready for use."""

    findings: Lexicon
    sites: Lexicon
    cues: Lexicon
    answers: Lexicon
    sections: Lexicon
    sides: Lexicon
    imaging: Lexicon
    characteristics: Lexicon
    extent: Lexicon
    studies: Lexicon
    gates: Lexicon
    questions: Lexicon
    respelled: Mapping[str, str]
    units: Mapping[str, str]
    systems: Mapping[str, str]
    study_codes: Mapping[tuple[str, str], StudyCode]
    diagnoses: Mapping[str, Diagnosis]
    study_map: Mapping[tuple[str, str, str], Target]
    note: NoteTemplate
    digest: str
    languages: tuple[str, ...] = ()
    cue_twins: Mapping[tuple[str, ...], Mapping[str, Phrase]] = field(repr=False, compare=False, default_factory=dict)
    words: frozenset[str] = field(repr=False, compare=False, default_factory=frozenset)
    rows: Mapping[str, tuple[Row, ...]] = field(repr=False, compare=False, default_factory=dict)

    def system_of(self, written: str) -> str:
        """Return the coding system's own name, or what was written when it is local."""
        return self.systems.get(written.strip().upper(), written.strip())

    def diagnosis(self, code: str) -> Diagnosis | None:
        """Return what the longest known category of an ICD-10-CM code says, with or without its dot."""
        bare = code.strip().upper().replace(".", "")
        for size in range(len(bare), 0, -1):
            found = self.diagnoses.get(bare[:size])
            if found is not None:
                return found if bare[:1].isalpha() and bare[1:2].isdigit() else None
        return None


def load_tables(files: Mapping[str, str], languages: Sequence[str] = ()) -> Tables:
    """Build the tables from the texts of the mapping files.

    Args:
        files: name (`calcification.csv`, `note.txt`, `languages/es/cues.csv`) to content.
        languages: those read beside English (`es`, `fr`, `de`, `pt`); their tables add rows, they replace none.

    Raises:
        MappingError: with every defect that keeps the tables from loading.
    """
    defects: list[Defect] = []
    rows: dict[str, tuple[Row, ...]] = {}
    for name in SCHEMAS:
        if name not in files:
            defects.append(
                Defect(name, 0, 0, "M_MISSING", "this table is missing", "copy it from the shipped mappings")
            )
            continue
        parts = [name, *(f"languages/{language}/{name}" for language in languages)]
        rows[name] = tuple(row for part in parts if part in files for row in read_rows(part, files[part], defects))
    for language in languages:
        if not any(name.startswith(f"languages/{language}/") for name in files):
            why, hint = "there are no tables of this language", "known: those under mappings/languages"
            defects.append(Defect(f"languages/{language}", 0, 0, "M_LANGUAGE", why, hint))
    if "note.txt" not in files:
        defects.append(
            Defect("note.txt", 0, 0, "M_MISSING", "this file is missing", "copy it from the shipped mappings")
        )
    note = read_template(files.get("note.txt", ""), defects)
    if defects:
        raise MappingError(defects)
    digest = "+".join([digest_of(files), *languages])
    return replace(_build(rows, note, digest), languages=tuple(languages))


def digest_of(files: Mapping[str, str]) -> str:
    """Return the first 16 hex digits of a sha256 over all names and texts, in name order."""
    whole = sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{len(files[name])}\0".encode() + files[name].encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:16]


def _build(rows: Mapping[str, tuple[Row, ...]], note: NoteTemplate, digest: str) -> Tables:
    def lexicon(name: str, meaning: str) -> Lexicon:
        return Lexicon(phrases_of(rows[name], meaning))

    all_cues = list(phrases_of(rows["cues.csv"], "cue"))
    return Tables(
        findings=Lexicon(p for name, meaning in FINDING_TABLES for p in phrases_of(rows[name], meaning)),
        sites=lexicon("sites.csv", "site"),
        cues=Lexicon(with_forms(p for p in all_cues if not p.concept.startswith("answered"))),
        answers=Lexicon(p for p in all_cues if p.concept.startswith("answered")),
        sections=lexicon("sections.csv", "section"),
        sides=lexicon("sides.csv", "side"),
        imaging=lexicon("imaging.csv", "modality"),
        characteristics=lexicon("characteristics.csv", "characteristic"),
        extent=lexicon("extent.csv", "extent"),
        studies=lexicon("studies.csv", "means"),
        gates=lexicon("gates.csv", "gate"),
        questions=lexicon("questions.csv", "means"),
        respelled={as_written(r["written"]): fold(r["meant"].strip()) for r in rows["misspellings.csv"]},
        units={fold(r["word"]): r["unit"] for r in rows["durations.csv"]},
        systems={r["written"].strip().upper(): r["system"].strip() for r in rows["systems.csv"]},
        study_codes={
            (r["system"], r["code"].strip().upper()): StudyCode(r["means"], r["extent"], r["side"], r.place)
            for r in rows["study_codes.csv"]
        },
        diagnoses={r["code"].strip().upper().replace(".", ""): _diagnosis(r) for r in rows["diagnoses.csv"]},
        study_map={
            (r["source_code"].strip().upper(), r["source_system"].strip(), r["side"]): Target(
                r["target_code"].strip(), r["target_text"].strip(), r["target_system"].strip(), r.place
            )
            for r in rows["study_map.csv"]
        },
        note=note,
        digest=digest,
        cue_twins=_twins(all_cues),
        words=frozenset(
            w
            for name, schema in SCHEMAS.items()
            if schema.phrases
            for r in rows[name]
            for w in words_of(r[schema.columns[0]])
        ),
        rows=rows,
    )


def phrases_of(rows: Iterable[Row], meaning: str) -> Iterable[Phrase]:
    """Yield the phrases of a table's rows; `meaning` is the column that holds the concept."""
    for row in rows:
        values = row.values
        yield Phrase(
            words=words_of(values["phrase"]),
            table=row.file.rpartition("/")[2].removesuffix(".csv"),
            concept=values[meaning],
            row=row.place,
            where=values.get("where", "both"),
            direction=values.get("direction", "before"),
            reach=values.get("reach", "list"),
            detail=values.get("location", ""),
        )


def as_written(word: str) -> str:
    """Return the form a misspelling is looked up by: folded, but capitals (`MO`) as they are written."""
    word = word.strip()
    return word if word.isupper() else fold(word)


def _twins(cues: Iterable[Phrase]) -> dict[tuple[str, ...], dict[str, Phrase]]:
    """Return the cues that are listed for both directions, such as `?`, by direction."""
    by_words: dict[tuple[str, ...], dict[str, Phrase]] = {}
    for cue in cues:
        by_words.setdefault(cue.words, {})[cue.direction] = cue
    return {words: both for words, both in by_words.items() if len(both) == 2}


def _diagnosis(row: Row) -> Diagnosis:
    meanings = []
    for part in row["means"].split(";"):
        kind, _, value = part.strip().partition(" ")
        meanings.append((kind, value))
    return Diagnosis(tuple(meanings), row["side_at"], row.place)
