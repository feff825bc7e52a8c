"""The clinical rule: what one order asks, and what is indicated.

Law: pure reading, no change; an upgrade is indicated only when an ultrasound request names an affirmed or
suspected calcification of the calf under a limited venous protocol and every gate is open. A wrong upgrade is
worse than a missed one.

Source: guideline text [Guideline]; SRU consensus [Needleman2018]; gates [ClinicalNotes 4].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hl7calf.calf.boxes import read_boxes
from hl7calf.calf.clauses import Read, read_passage, read_statuses
from hl7calf.calf.doubts import DENIED, find_doubt
from hl7calf.calf.durations import read_duration
from hl7calf.calf.evidence import Coded, read_codes, show_evidence
from hl7calf.calf.facts import read_characteristics, read_risks, read_symptoms
from hl7calf.calf.gates import INFORMATIVE, Raised, age_gate, follows_known_dvt, gate, phrase_gates, study_gates
from hl7calf.calf.imaging import read_imaging
from hl7calf.calf.instructions import is_instructed
from hl7calf.calf.language import is_foreign
from hl7calf.calf.passages import Passage
from hl7calf.calf.pitfalls import name_pitfalls
from hl7calf.calf.rule import Options
from hl7calf.calf.sides import Laterality, read_laterality
from hl7calf.calf.sites import Attachment
from hl7calf.calf.status import Calcification, decide_calcification
from hl7calf.calf.study import EARLIER_WORDS, Study, Triplet, is_earlier_study, read_study
from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import Action, Evidence, Facts, Gate


@dataclass(frozen=True, slots=True)
class OrderText:
    """What the rule reads of one order; the wire is already behind it.

    `codes` are (code, text) of DG1-3 with an ICD-10-CM or unnamed system. `age` is in years at MSH-7, None when
    not known. `is_request` tells by ORC-1 and ORC-5, `asks` also
    for SN, which carries an order's content before it is one; `year` is the message's.
    """

    triplets: tuple[Triplet, ...]
    passages: tuple[Passage, ...]
    codes: tuple[str, ...] = ()
    is_request: bool = True
    asks: bool = True
    age: int | None = None
    year: int = 9999
    is_pregnant: bool = False
    body_side: str | None = None


@dataclass(frozen=True, slots=True)
class Indication:
    """What the rule says of one order, mode, policy and study map left aside."""

    action: Action
    gates: tuple[Gate, ...]
    facts: Facts
    study: Study
    evidence: tuple[Evidence, ...]
    pitfalls: tuple[str, ...]


def read_indication(
    order: OrderText, tables: Tables, without: str | None = None, options: Options | None = None
) -> Indication:
    """Read one order and say what is indicated.

    Args:
        without: a table row (`file.csv:line`) to leave out; `check` proves with it that the row is needed.
    """
    names = [p for p in order.passages if p.kind == "name"]
    study = read_study(order.triplets, names, tables, without, order.body_side)
    if any(p.unread for p in order.passages):
        return _unread(order, study)
    reads = [read_passage(p, tables, without) for p in order.passages]
    if any(read.unread for read in reads):
        return _unread(order, study)
    coded = read_codes(order.codes, tables)
    attachment = Attachment(reads, tables)
    attached = [
        attachment.attach(read, found)
        for read in reads
        for found in read.findings
        if found.mention.phrase.table == "calcification"
    ]
    calf = coded.calf or any(m.concept == "calf" for r in reads for m in r.sites)
    raised = phrase_gates(order.passages, tables, order.year, without)
    calcification = decide_calcification(attached, coded, calf, study, reads)
    counts = calcification.in_calf and calcification.status in ("affirmed", "uncertain")
    if counts and (doubt := find_doubt(attached, tables)):
        status = "negated" if doubt == DENIED else calcification.status
        calcification = replace(calcification, status=status, doubt=doubt)
    if any(r.found.mention.phrase.words == ("calciphylaxis",) for r in raised):
        calcification = replace(calcification, is_calciphylaxis=True)
    laterality = read_laterality(study, reads, attached, coded.sides, tables)
    extents, earlier = _extents(study, order.passages, tables, without)
    facts = _facts(order, study, reads, coded, calcification, calf, laterality, extents, earlier, tables)
    gates = _gates(order, study, reads, raised, coded, laterality, calcification, extents, options or Options())
    if facts.target:
        gates += _second_look(reads, earlier, calcification, tables)
    foreign = is_foreign(order.passages, tables.languages)
    arterial = any(r.code == "X9" for r in raised)
    action, kept = _decide(order, study, facts, calcification, gates, extents, arterial, foreign)
    return Indication(
        action, kept, facts, study, show_evidence(reads, attached, study, raised, order.passages, tables),
        name_pitfalls(study, facts, reads, extents),
    )  # fmt: skip


def _second_look(
    reads: Sequence[Read], earlier: frozenset[str], calcification: Calcification, tables: Tables
) -> list[Gate]:
    """Return the gates that only a target is asked about: doubts that the tables' phrases did not name."""
    gates: list[Gate] = []
    if calcification.doubt:
        gates.append(gate("X22", calcification.doubt))
    if is_instructed(reads, tables):
        gates.append(gate("X15"))
    if "complete" in earlier:
        gates.append(gate("X14"))
    return gates


def _unread(order: OrderText, study: Study) -> Indication:
    """An order whose text is too long or too crowded to be read in bounded time: a person looks, if it is ours."""
    facts = Facts(is_ultrasound=study.is_ultrasound)
    if not study.is_ultrasound or not order.is_request:
        return Indication(Action.PASS, (gate("X2" if study.is_ultrasound else "X1"),), facts, study, (), ())
    return Indication(Action.REVIEW, (gate("X23", "the order text is too long to be read"),), facts, study, (), ())


def _extents(
    study: Study, passages: Sequence[Passage], tables: Tables, without: str | None
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the extents that codes, names and text ask for, and those of examinations already made."""
    said = {"limited", "complete"} if study.extent == "both" else {study.extent}
    earlier: set[str] = set()
    for passage in passages:
        if passage.kind == "text":
            everything = tables.extent.find(passage.tokens, "text", without)
            mentions = [m for m in everything if m.concept != "none"]
            earlier |= {"mentioned" for m in everything if m.concept == "none" and EARLIER_WORDS & set(m.phrase.words)}
            ticked = read_boxes(passage.tokens)[0]
            if ticked:
                said |= {m.concept for m in tables.extent.find(passage.tokens, "name", without) if ticked.get(m.first)}
            for found in read_statuses(passage, mentions, tables, without):
                if is_earlier_study(found):
                    earlier.add(found.mention.concept)
                elif found.status in ("affirmed", "uncertain"):
                    said.add(found.mention.concept)
    return frozenset(said & {"limited", "complete"}), frozenset(earlier)


def _facts(
    order: OrderText, study: Study, reads: Sequence[Read], coded: Coded, calcification: Calcification, calf: bool,
    laterality: Laterality, extents: frozenset[str], earlier: frozenset[str], tables: Tables,
) -> Facts:  # fmt: skip
    is_target = (
        study.is_ultrasound and order.asks and calcification.in_calf
        and calcification.status in ("affirmed", "uncertain")
    )  # fmt: skip
    symptoms = read_symptoms(reads, coded.symptoms)
    duration = read_duration(reads, tables.units)
    imaging = read_imaging(reads, tables, bool(earlier))
    characteristics = read_characteristics(reads, tables)
    provided = {
        "location": calcification.in_calf, "characteristics": characteristics, "symptoms": symptoms,
        "duration": duration, "prior_imaging": imaging, "laterality": laterality.side,
    }  # fmt: skip
    told = [*(["pregnancy"] if order.is_pregnant else []), *(["prior_dvt"] if _is_dvt_known(study, reads) else [])]
    risks = read_risks(reads, [*coded.risks, *told], order.year)
    return Facts(
        is_ultrasound=study.is_ultrasound, calf=calf, calcification=calcification.status, target=is_target,
        limited="limited" in extents, laterality=laterality.side, symptoms=symptoms, duration=duration,
        risk_factors=risks, prior_imaging=imaging, missing=tuple(k for k, v in provided.items() if not v),
        location=calcification.location, characteristics=characteristics,
    )  # fmt: skip


def _is_dvt_known(study: Study, reads: Sequence[Read]) -> bool:
    """Tell whether a thrombosis is followed up, by the text or by a follow-up study that names one."""
    named = any(f.mention.concept == "dvt" and f.status == "affirmed" for r in reads for f in r.findings)
    return follows_known_dvt(reads) or ("follow up" in study.marks and named)


def _gates(
    order: OrderText, study: Study, reads: Sequence[Read], raised: Sequence[Raised], coded: Coded,
    laterality: Laterality, calcification: Calcification, extents: frozenset[str], options: Options,
) -> list[Gate]:  # fmt: skip
    """Return every gate that a target would meet, in order, each once."""
    venous = any(f.mention.concept in ("dvt", "superficial thrombosis") for r in reads for f in r.findings)
    found = study_gates(study, venous)
    found += [gate(code) for code in coded.gates]
    found += [gate(r.code) for r in raised if not (r.code == "X9" and study.kind not in ("arterial", "mixed"))]
    found += [gate("X13")] if follows_known_dvt(reads) else []
    child = age_gate(order.age, order.passages, options.adult_age_years)
    found += [child] if child else []
    if laterality.conflict:
        found.append(gate("X21", "sides disagree"))
    elif laterality.side is None:
        found.append(gate("X21", "no side is named"))
    if calcification.contradicts:
        found.append(gate("X22", "calcification is both affirmed and denied"))
    if extents == {"limited", "complete"}:
        found.append(gate("X22", "both a limited and a complete study are asked for"))
    if calcification.status == "uncertain" and calcification.in_calf:
        found.append(
            gate("X27")
            if not options.uncertain_to_review
            else gate("X22", "suspected only, and this site reviews those")
        )
    return list({g.code: g for g in reversed(found)}.values())[::-1]


def _decide(
    order: OrderText, study: Study, facts: Facts, calcification: Calcification, gates: Sequence[Gate],
    extents: frozenset[str], order_is_arterial: bool, foreign: bool,
) -> tuple[Action, tuple[Gate, ...]]:  # fmt: skip
    if not study.is_ultrasound:
        return Action.PASS, (gate("X1"),)
    if not order.is_request:
        return Action.PASS, (gate("X2"),)
    if foreign and not facts.target:
        return Action.PASS, (gate("X28"),)
    if study.kind == "arterial" and (calcification.is_arterial or order_is_arterial):
        return Action.PASS, (gate("X9", "arterial disease"),)
    if not facts.target:
        return _not_a_target(study, facts, calcification, gates)
    if study.region == "arm":
        return Action.PASS, (gate("X26"),)
    if study.region == "other":
        return Action.PASS, (gate("X4", "the examination is of another region"),)
    if foreign:
        return Action.PASS, (gate("X28"),)
    codes = {g.code for g in gates}
    stopping = {g.code: g for g in reversed(gates) if g.code not in INFORMATIVE}
    if stopping:
        return Action.REVIEW, tuple(reversed(stopping.values()))
    told = tuple(g for g in gates if g.code in codes & INFORMATIVE)
    if "limited" in extents:
        return Action.UPGRADE, told
    return Action.ANNOTATE, (gate("X6" if "complete" in extents else "X7"), *told)


def _not_a_target(
    study: Study, facts: Facts, calcification: Calcification, gates: Sequence[Gate]
) -> tuple[Action, tuple[Gate, ...]]:
    if calcification.contradicts or calcification.doubt:
        return Action.REVIEW, (gate("X22", calcification.doubt or "calcification is both affirmed and denied"),)
    if calcification.status in ("affirmed", "uncertain"):
        if calcification.is_arterial:
            return Action.PASS, (gate("X9"),)
        if calcification.is_vague and study.region in ("leg", "") and study.kind != "other region":
            return Action.REVIEW, (gate("X5"),)
        return Action.PASS, (gate("X26" if study.region == "arm" else "X4"),)
    calciphylaxis = [g for g in gates if g.code == "X25"]
    if calciphylaxis and facts.calf and calcification.status == "absent" and calcification.is_calciphylaxis:
        return Action.REVIEW, tuple(calciphylaxis)
    if calcification.status == "absent" and calcification.is_abnormal_film and facts.calf and study.region == "leg":
        return Action.REVIEW, (gate("X5", "abnormal imaging of the limb, finding not named"),)
    return Action.PASS, (gate("X3"),)
