"""The gates X1 to X29: conditions that stop or lower an upgrade, each with its reason in plain words.

Law: an upgrade needs every gate open. A gate's reason holds no text from the order. Gates named by a phrase are
read with the same cues as findings: `no cast`, `cast removed` and `r/o compartment syndrome` are three things.

Source: the table of exclusions and holds, [ClinicalNotes 4]; which are the author's judgement is marked there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read, read_statuses
from hl7calf.calf.dates import is_long_ago
from hl7calf.calf.passages import Passage
from hl7calf.calf.scope import Found
from hl7calf.calf.study import Study
from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import Gate

REASONS = {
    "X1": "the ordered service is not an ultrasound examination",
    "X2": "the order control code is not a request, or the order has already started",
    "X3": "no calcification is affirmed or suspected: negated, absent, removed, or another person's",
    "X4": "the calcification is at another site than the calf",
    "X5": "the site is not stated: only leg, limb, shin or no site at all",
    "X6": "the ordered study is already complete",
    "X7": "the order states no limit",
    "X8": "the ordered examination is not a venous study",
    "X9": "arterial or mixed vascular question",
    "X10": "venous insufficiency or reflux study",
    "X11": "vein mapping or dialysis access study",
    "X12": "graft, stent or post-ablation surveillance",
    "X13": "follow-up of a known DVT: a limited look may be intended",
    "X14": "a complete study was just done",
    "X15": "the order says that it must not be changed, or why it is limited",
    "X16": "the patient's condition limits the examination (cast, wound, amputation, bedside)",
    "X17": "the patient is a child",
    "X18": "pregnancy: not an exclusion, a risk factor",
    "X19": "guided or intra-operative procedure",
    "X20": "point-of-care examination by the clinician",
    "X21": "the side is missing, or the order contradicts itself about it",
    "X22": "the order contradicts itself",
    "X23": "no safe way to write the change",
    "X24": "an emergency that must not wait for a longer examination",
    "X25": "a foreign body or calciphylaxis is in question: a soft-tissue question first",
    "X26": "upper extremity",
    "X27": "the calcification is suspected, not certain: suspicion is a reason for the examination",
    "X28": "the order text is not English",
    "X29": "the patient is anticoagulated: not an exclusion, a risk factor",
}
INFORMATIVE = frozenset({"X6", "X7", "X18", "X27", "X29"})
"""Gates that are told but do not send the order to a person."""
RESCANS = frozenset("rescan rescanned resolution propagation propagated untreated surveillance residual".split())
FOLLOWING = frozenset("known followup residual interval recheck reassess resolving".split())
KNOWN = ("affirmed", "uncertain")
PASSED_OVER = frozenset(
    "l r lt rt left right bilateral acute distal proximal prox vein deep of the her his new dx diagnosed chronic "
    "subacute isolated occlusive nonocclusive partial up case popliteal femoral tibial peroneal soleal calf "
    "posterior anterior pop fem tib muscular gastroc gastrocnemius soleus small tiny mid upper lower".split()
)
NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen".split()
    )
}
OF_ANOTHER_TIME = frozenset({"at", "since", "from", "until", "before", "of", "with", "her", "his", "their"})
"""Words before an age that is not the patient's now: `first noted at age 12`, `mother of a 4 yo`."""
LOCAL = frozenset({"X12", "X16", "X24", "X25"})
LASTING = frozenset("bka aka amputation amputee amputated stump residual".split())
"""What is as true years later: an amputation; a cast of 2019 is not."""
OF_THE_LEG = frozenset({"calf", "leg", "tibfib", "shin", "knee", "thigh", "ankle", "popliteal", "foot", "heel"})
KIND_GATES = {
    "guided": "X19", "mapping": "X11", "graft": "X12", "post ablation": "X12", "insufficiency": "X10", "mixed": "X9",
    "arterial": "X9", "nonvascular": "X8", "other region": "X8", "unknown": "X8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raised:
    """A gate raised by a phrase: its code, the finding and the table row."""

    code: str
    found: Found


def gate(code: str, why: str = "") -> Gate:
    """Return the gate with its reason; `why` is added where there is more to say."""
    return Gate(code, REASONS[code] + (f": {why}" if why else ""))


def phrase_gates(passages: Sequence[Passage], tables: Tables, year: int, without: str | None = None) -> list[Raised]:
    """Return the gates that phrases raise: affirmed or in question, of this patient, and not of long ago."""
    raised: list[Raised] = []
    for passage in (p for p in passages if p.kind != "diagnosis"):
        where = "name" if passage.kind == "name" else "text"
        mentions = [m for m in tables.gates.find(passage.tokens, where, without) if m.concept != "none"]
        for found in read_statuses(passage, mentions, tables, without):
            counts = found.status in ("affirmed", "uncertain") and found.section not in ("allergies", "medications")
            lasts = bool(LASTING & set(found.mention.phrase.words))
            away = found.mention.concept in LOCAL and (
                _is_elsewhere(found, tables) or (is_long_ago(found, year) and not lasts)
            )
            if counts and not away:
                raised.append(Raised(found.mention.concept, found))
    return raised


def _is_elsewhere(found: Found, tables: Tables) -> bool:
    """Tell whether the next site within five tokens is not the leg's: `skin graft to arm`, `cast on wrist`."""
    tokens = found.passage.tokens
    low, high = max(0, found.mention.first - 3), min(len(tokens), found.mention.last + 5)
    sites = [m for m in tables.sites.find(tokens, "text") if m.concept != "none" and low <= m.first < high]
    return bool(sites) and all(m.concept not in OF_THE_LEG for m in sites)


def follows_known_dvt(reads: Iterable[Read]) -> bool:
    """Tell whether the text follows up a DVT that is known: `f/u R peroneal DVT`, `known clot`."""
    for read in reads:
        tokens = read.passage.tokens
        for found in (f for f in read.findings if f.mention.concept == "dvt" and f.status in KNOWN):
            if found.status == "uncertain":
                if _has_residue(read, found):
                    return True
                continue
            if not is_long_ago(found, 9999) and _is_rescanned(read, found):
                return True
            low = max(0, found.mention.first - 6)
            inside = {t for s in read.sites for t in range(s.first, s.last)}
            for index in range(found.mention.first - 1, low - 1, -1):
                norm = tokens[index].norm
                if norm in FOLLOWING or (norm == "u" and tokens[max(0, index - 2)].norm == "f"):
                    return True
                if index not in inside and norm not in PASSED_OVER:
                    break
    return False


def _has_residue(read: Read, found: Found) -> bool:
    """Tell whether what is asked is what is left of a DVT: `DVT treated 3 months, residual?`."""
    tokens = read.passage.tokens
    return any(t.norm in ("residual", "residue", "recanalized", "recanalised") and read.sentence_of(i) == found.sentence
               for i, t in enumerate(tokens))  # fmt: skip


def _is_rescanned(read: Read, found: Found) -> bool:
    """Tell whether the DVT's own sentence speaks of looking again: `untreated soleal DVT, 1 wk rescan`."""
    words = {t.norm for i, t in enumerate(read.passage.tokens) if read.sentence_of(i) == found.sentence}
    return bool(words & RESCANS)


def study_gates(study: Study, has_venous_question: bool) -> list[Gate]:
    """Return the gates that the kind of the study raises."""
    gates: list[Gate] = []
    if study.kind == "vessel":
        if not has_venous_question:
            gates.append(gate("X8", "vessels without a venous question"))
    elif study.kind in KIND_GATES:
        gates.append(gate(KIND_GATES[study.kind]))
    if "point of care" in study.marks:
        gates.append(gate("X20"))
    if "follow up" in study.marks and study.kind in ("venous", "vessel"):
        gates.append(gate("X13"))
    if study.contradicts:
        gates.append(gate("X22", "code and name of the service disagree"))
    return gates


def age_gate(age: int | None, passages: Iterable[Passage], adult: int) -> Gate | None:
    """Return X17 when the birth date or an age in the text says child."""
    if age is None:
        age = next((a for p in passages if p.kind == "text" and (a := _age_in(p)) is not None), None)
    return gate("X17") if age is not None and age < adult else None


def _age_in(passage: Passage) -> int | None:
    """Return the patient's age in years from `12 yo`, `12-year-old`, or a leading `12M`; months count as 0."""
    tokens = _with_digits([t.norm for t in passage.tokens])
    for index, norm in enumerate(tokens):
        if set(tokens[max(0, index - 2) : index]) & OF_ANOTHER_TIME:
            continue
        if norm in ("age", "aged"):
            told = next((t for t in tokens[index + 1 : index + 3] if t not in (":", "=", "is", "of")), "")
            if told.isdigit() and len(told) < 4:
                return int(told)
        digits = norm.rstrip("abcdefghijklmnopqrstuvwxyz")
        rest = norm[len(digits) :]
        if not digits.isdigit() or len(digits) > 3:
            continue
        follow = [rest, *tokens[index + 1 : index + 4]] if rest else tokens[index + 1 : index + 5]
        if _says_years_old(follow):
            return 0 if follow[0] in ("mo", "month", "months", "wk", "week", "day") else int(digits)
        if index == 0 and follow and follow[0] in ("m", "f", "male", "female", "boy", "girl"):
            return int(digits)
    return None


def _with_digits(tokens: Sequence[str]) -> list[str]:
    """Return the words with numbers below nineteen as digits, but not the units of larger ones (`seventy two`)."""
    return [
        NUMBER_WORDS.get(word, word) if not index or not tokens[index - 1].endswith("ty") else word
        for index, word in enumerate(tokens)
    ]


def _says_years_old(follow: Sequence[str]) -> bool:
    if not follow:
        return False
    if follow[0] in ("yo", "yof", "yom", "y.o", "yrold"):
        return True
    if (follow[0] == "y" and follow[1:3] == ["/", "o"]) or (follow[0] == "y" and follow[1:3] == [".", "o"]):
        return True
    return follow[0] in ("y", "yr", "yrs", "year", "years", "mo", "month", "months", "wk", "week", "day") and follow[
        1:2
    ] in (["old"], ["o"])
