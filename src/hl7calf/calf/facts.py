"""What the order tells beside the calcification: symptoms, risk factors, earlier imaging, what is missing.

Law: only what the order affirms of this patient; vocabularies are closed; nothing is inferred from age or sex.

Source: clinical information asked for in the guideline text [Guideline]; risk factor codes ICD-10-CM [ICD10CM].
"""

from collections.abc import Iterable, Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.dates import is_long_ago
from hl7calf.calf.schema import RISKS, SYMPTOMS
from hl7calf.calf.scope import Found
from hl7calf.calf.tables import Tables

RECENT_ONLY = frozenset({"recent_surgery"})


def read_symptoms(reads: Sequence[Read], coded: Iterable[str]) -> tuple[str, ...]:
    """Return the current, affirmed symptoms in vocabulary order."""
    said = set(coded)
    for found in _affirmed(reads):
        if found.mention.phrase.table == "symptoms" and not (found.past and not _is_hx(found)):
            said.add(found.mention.concept)
    return tuple(s for s in SYMPTOMS if s in said)


def _is_hx(found: Found) -> bool:
    """`hx calf pain x 3d` tells a present complaint; `prior` and `previous` do not."""
    before = [t.norm for t in found.passage.tokens[max(0, found.mention.first - 5) : found.mention.first]]
    return not set(before) & {"prior", "previous", "previously", "past", "former", "old", "remote"}


def read_risks(reads: Sequence[Read], coded: Iterable[str], year: int) -> tuple[str, ...]:
    """Return the risk factors for DVT that the order affirms, in vocabulary order.

    Args:
        year: the message's own year (MSH-7); an operation of an earlier year is not recent.
    """
    said = set(coded)
    for found in _affirmed(reads):
        concept = found.mention.concept
        if found.mention.phrase.table == "risk_factors":
            if _is_department(found):
                continue
            if not (concept in RECENT_ONLY and (is_long_ago(found, year) or _is_no_event(found))):
                said.add(concept)
        elif concept in ("dvt", "pe") and (found.past or _is_dated(found)):
            said.add(f"prior_{concept}")
    for read in reads:
        said |= {"obesity"} if read.passage.kind == "text" and _has_high_bmi(read) else set()
        for found in read.findings:
            if found.status == "historical" and found.mention.concept in ("dvt", "pe"):
                said.add(f"prior_{found.mention.concept}")
    return tuple(r for r in RISKS if r in said)


def _affirmed(reads: Sequence[Read]) -> Iterable[Found]:
    for read in reads:
        if read.passage.kind == "name":
            continue
        for found in read.findings:
            if found.status == "affirmed":
                yield found


def _is_dated(found: Found) -> bool:
    """`DVT 2016`, `DVT in 2019`, `DVT 3 yrs ago`: an event of the past."""
    tokens = found.passage.tokens
    after = [t.norm for t in tokens[found.mention.last : found.mention.last + 4]]
    return any(a.isdigit() and len(a) == 4 and a[:2] in ("19", "20") for a in after[:3]) or "ago" in after


DEPARTMENTS = frozenset("clinic consult team service unit nurse specialist office dept department mdt".split())
OBESE_BMI = 30
"""kg/m2, the World Health Organization's limit."""


def _has_high_bmi(read: Read) -> bool:
    tokens = [t.norm for t in read.passage.tokens]
    for index, norm in enumerate(tokens):
        if norm == "bmi":
            number = next((t for t in tokens[index + 1 : index + 4] if t[:1].isdigit()), "")
            whole = number.split(".")[0]
            if whole.isdigit() and OBESE_BMI <= int(whole) < 100:
                return True
    return False


def _is_department(found: Found) -> bool:
    """`sarcoma clinic` names who writes, not what the patient has."""
    after = found.passage.tokens[found.mention.last : found.mention.last + 1]
    return bool(after) and after[0].norm in DEPARTMENTS


def _is_no_event(found: Found) -> bool:
    """`pre CABG`, `requested by vascular surgery`: an operation to come, or a department."""
    before = [t.norm for t in found.passage.tokens[max(0, found.mention.first - 2) : found.mention.first]]
    after = [t.norm for t in found.passage.tokens[found.mention.last : found.mention.last + 1]]
    return bool(
        set(before)
        & {"pre", "preop", "planned", "planning", "awaiting", "upcoming", "scheduled", "before", "by", "per", "for"}
        or set(after) & {"clinic", "consult", "team", "service", "planned", "scheduled"}
    )


def read_characteristics(reads: Sequence[Read], tables: Tables) -> tuple[str, ...]:
    """Return the calcification's characteristics as own words, in the order of the text; never a judgement."""
    said: list[str] = []
    for read in reads:
        marks = [
            f
            for f in read.findings
            if f.mention.phrase.table == "calcification" and f.status in ("affirmed", "uncertain")
        ]
        for mention in tables.characteristics.find(read.passage.tokens, "text"):
            near = any(
                f.sentence == read.sentence_of(mention.first) and abs(f.mention.first - mention.last) <= 6
                for f in marks
            )
            if near and mention.concept not in said:
                said.append(mention.concept)
    return tuple(said)
