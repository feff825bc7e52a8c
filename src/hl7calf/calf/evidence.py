"""What coded diagnoses say, and the list of everything that counted, for the log and `explain`.

Law: a code speaks only through its row in diagnoses.csv; every piece of evidence names the field, the bytes and
the table row it came from.

Source: ICD-10-CM, April 2026 release [ICD10CM].
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read
from hl7calf.calf.gates import Raised
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.passages import Passage
from hl7calf.calf.sides import side_of_code
from hl7calf.calf.sites import Attached
from hl7calf.calf.study import Study
from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import Evidence


@dataclass(frozen=True, slots=True)
class Coded:
    """The meaning of an order's diagnosis codes."""

    calcified_calf: bool = False
    calcified: bool = False
    elsewhere: bool = False
    calf: bool = False
    symptoms: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    calciphylaxis: bool = False
    abnormal_film: bool = False
    rows: tuple[tuple[str, str], ...] = ()


def read_codes(codes: Sequence[str], tables: Tables) -> Coded:
    """Return what the diagnosis codes say together; unknown codes say nothing."""
    meanings: list[tuple[str, str]] = []
    sides: list[str] = []
    rows: list[tuple[str, str]] = []
    for code in codes:
        diagnosis = tables.diagnosis(code)
        if diagnosis is None:
            continue
        meanings += diagnosis.meanings
        rows.append((code, diagnosis.row))
        side = side_of_code(diagnosis, code)
        if side and any(kind in ("calcification", "symptom", "site") for kind, _ in diagnosis.meanings):
            sides.append(side)
    values = {kind: tuple(v for k, v in meanings if k == kind) for kind in ("symptom", "risk", "gate", "site")}
    calcified = {v for k, v in meanings if k == "calcification"}
    return Coded(
        calcified_calf="calf" in calcified,
        calcified="" in calcified,
        elsewhere=bool(calcified - {"calf", ""}),
        calf="calf" in values["site"] or "calf" in calcified,
        symptoms=values["symptom"], risks=values["risk"], gates=values["gate"], sides=tuple(sides),
        calciphylaxis=any(k == "calciphylaxis" for k, _ in meanings),
        abnormal_film=any(k == "film" for k, _ in meanings),
        rows=tuple(rows),
    )  # fmt: skip


def show_evidence(
    reads: Sequence[Read], attached: Sequence[Attached], study: Study, raised: Sequence[Raised],
    passages: Sequence[Passage], tables: Tables,
) -> tuple[Evidence, ...]:  # fmt: skip
    """Return everything that counted, in the order study, extent, calcification, site, cue, findings, gates."""
    shown: list[Evidence] = []
    for concept, passage, mention, row in study.evidence:
        if passage is None or mention is None:
            shown.append(Evidence(concept, "coded", "OBR-4", "", row, 0, 0))
        else:
            shown.append(_evidence(concept, mention.concept, passage, mention))
    for passage in passages:
        if passage.kind == "text":
            shown += [_evidence("extent", m.concept, passage, m) for m in tables.extent.find(passage.tokens, "text")]
    shown += [_evidence("calcification", a.found.status, a.found.passage, a.found.mention) for a in attached]
    for read in reads:
        shown += [_evidence("site", m.concept, read.passage, m) for m in read.sites]
        telling = [m for m in read.cues if m.concept not in ("contrast", "no cue")]
        shown += [_evidence("cue", m.concept, read.passage, m) for m in telling]
        shown += [
            _evidence(f.mention.concept, f.status, read.passage, f.mention)
            for f in read.findings
            if f.mention.phrase.table != "calcification"
        ]
    shown += [_evidence(r.code, r.found.status, r.found.passage, r.found.mention) for r in raised]
    return tuple(_once(shown))


def _evidence(concept: str, status: str, passage: Passage, mention: Mention) -> Evidence:
    offset, length = passage.span(mention.first, mention.last)
    text = passage.words(mention.first, mention.last)
    return Evidence(concept, status, passage.path, text, mention.phrase.row, offset, length)


def _once(shown: Iterable[Evidence]) -> Iterable[Evidence]:
    seen: set[tuple[str, str, int, str]] = set()
    for evidence in shown:
        key = (evidence.concept, evidence.path, evidence.offset, evidence.row)
        if key not in seen:
            seen.add(key)
            yield evidence
