"""Which leg: the side of the study and of the finding, and whether they agree.

Law: a side counts for the site it stands beside; the side of another site (`left breast`) never becomes the
leg's. Where the service, the text, and the coded diagnosis name different sides, the side is unknown and a person
decides; hl7calf never chooses one.

Source: contradictory sides occur even in a published specification [VistAHL7]; ICD-10-CM side characters [ICD10CM].
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read
from hl7calf.calf.films import film_sites
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.sites import VAGUE, Attached
from hl7calf.calf.study import Study
from hl7calf.calf.tables import Diagnosis, Tables

NEAR = 4
"""Tokens between a side and the site it belongs to."""
LETTERS = ("l", "r")
LEG = frozenset({"calf", *VAGUE})


@dataclass(frozen=True, slots=True)
class Laterality:
    """`side` L, R, B or None; `conflict` tells that the order contradicts itself about it."""

    side: str | None
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class _Sided:
    side: str
    site: str
    read: Read
    mention: Mention
    site_mention: Mention | None


def side_of_code(diagnosis: Diagnosis, code: str) -> str | None:
    """Return the side an ICD-10-CM code's side character tells: 1 right, 2 left, 3 both (M79.60-: 4 right, 5 left)."""
    bare = code.strip().upper().replace(".", "")
    place = diagnosis.side_at
    if not place:
        return None
    if place == "6x":
        return {"4": "R", "5": "L"}.get(bare[5:6])
    return {"1": "R", "2": "L", "3": "B"}.get(bare[int(place) - 1 : int(place)])


def read_laterality(
    study: Study, reads: Sequence[Read], calcifications: Sequence[Attached], coded: Iterable[str], tables: Tables
) -> Laterality:
    """Decide the side from the service, the text beside calf and calcification, and coded diagnoses."""
    if len(study.sides) > 1:
        return Laterality(None, conflict=True)
    sided = [s for read in reads if read.passage.kind != "name" for s in _sided(read, tables)]
    text = _text_side(sided, calcifications)
    stated = {s.side for s in sided if s.site == "" and _is_stated(s)} & {"L", "R"}
    codes = {c for c in coded if c}
    code = next(iter(codes)) if len(codes) == 1 else ("B" if codes else None)
    said = [s for s in (study.side, text, code, *stated) if s in ("L", "R")]
    if len(set(said)) > 1:
        return Laterality(None, conflict=True)
    if study.side in ("L", "R") and text == "B":
        return Laterality(None, conflict=True)
    if said:
        return Laterality(said[0])
    return Laterality(study.side or text or code)


def _sided(read: Read, tables: Tables) -> list[_Sided]:
    tokens = read.passage.tokens
    cues = {t for c in read.cues for t in range(c.first, c.last)}
    found: list[_Sided] = []
    films = film_sites(read, tables)
    for mention in tables.sides.find(tokens, "text"):
        if cues & set(range(mention.first + 1, mention.last)):
            continue  # `L / R/O DVT` is no left and right
        if (
            not read.ticked.get(mention.first, True)
            or mention.concept == "none"
            or (mention.first in cues and tokens[mention.first].norm in LETTERS)
        ):
            continue
        if any(f.mention.first == mention.last and f.mention.concept == "recent_surgery" for f in read.findings):
            continue  # `left THR`: the operation's side
        site = _site_beside(read, mention)
        is_letter = mention.last - mention.first == 1 and tokens[mention.first].norm in LETTERS
        if is_letter and not _letter_counts(read, mention, site):
            continue
        if mention.concept == "B" and site is not None and any(site is read.sites[i] for i in films):
            continue  # `on bilateral tib/fib films`: both were filmed
        own = tokens[mention.first].norm[-2:] == "le" and site is None
        name = "leg" if own else (site.concept if site else "")
        found.append(_Sided(mention.concept, name, read, mention, site))
    return found


def _letter_counts(read: Read, mention: Mention, site: Mention | None) -> bool:
    """A lone L or R is a side only beside a site, before a finding, or ticked: `R calf`, `calf L`, `(x) L`."""
    if read.ticked.get(mention.first):
        return True
    if site is not None and min(abs(site.first - mention.last), abs(mention.first - site.last)) <= 2:
        return True
    return any(0 <= f.mention.first - mention.last <= 1 or mention.first == f.mention.last for f in read.findings)


def _site_beside(read: Read, mention: Mention) -> Mention | None:
    """Return the site a side belongs to: the first one behind it within reach, else the one just before it."""
    sentence = read.sentence_of(mention.first)
    here = [s for s in read.sites if s.concept != "none" and read.sentence_of(s.first) == sentence]
    inside = [s for s in here if s.first <= mention.first < s.last or mention.first <= s.first < mention.last]
    if inside:
        behind_it = [s for s in here if 0 <= s.first - mention.last <= 1 and s.concept == "calf"]
        return (behind_it or inside)[0]
    tokens = read.passage.tokens
    behind = [s for s in here if s.first >= mention.last]
    if behind:
        gap = [tokens[i].norm for i in range(mention.last, behind[0].first)]
        if len(gap) <= NEAR and not set(gap) & {",", ";", "with", "w", "and", ":", "in", "of", "on"}:
            return behind[0]
    ahead = [s for s in here if s.last <= mention.first]
    if ahead and mention.first - ahead[-1].last <= 2:
        return ahead[-1]
    return None


def _text_side(sided: Sequence[_Sided], calcifications: Sequence[Attached]) -> str | None:
    calcified = {id(m) for c in calcifications if c.found.status in ("affirmed", "uncertain") for m in c.mentions}
    bearing = [c for c in calcifications if c.names & LEG and c.found.status in ("affirmed", "uncertain")]
    first = _joined(
        s.side
        for s in sided
        if (s.site_mention is not None and id(s.site_mention) in calcified and s.site in LEG)
        or (s.site in ("", *LEG) and any(_beside(s, c) for c in bearing))
    )
    told = _joined(s.side for s in sided if s.site in ("", *LEG) and any(_same_sentence(s, c) for c in bearing))
    calf = _joined(s.side for s in sided if s.site == "calf")
    other = _joined(s.side for s in sided if s.site in ("", *LEG))
    if first == "B":
        symptomatic = {s.side for s in sided if s.site in LEG and s.side in ("L", "R") and _has_symptom(s)}
        return next(iter(symptomatic)) if len(symptomatic) == 1 else "B"
    return first or told or calf or other


def _is_stated(sided: _Sided) -> bool:
    """`Right side please`: a side said on its own is meant for the whole order."""
    tokens, last = sided.read.passage.tokens, sided.mention.last
    return last < len(tokens) and tokens[last].norm in ("side", "please", "pls")


def _same_sentence(sided: _Sided, attached: Attached) -> bool:
    sentence = sided.read.sentence_of(sided.mention.first)
    return attached.found.passage is sided.read.passage and attached.found.sentence == sentence


def _beside(sided: _Sided, attached: Attached) -> bool:
    if attached.found.passage is not sided.read.passage or attached.found.sentence != sided.read.sentence_of(
        sided.mention.first
    ):
        return False
    if sided.site_mention is not None and all(sided.site_mention is not m for m in attached.mentions):
        return False
    mention = attached.found.mention
    return 0 <= mention.first - sided.mention.last <= 3 or 0 <= sided.mention.first - mention.last <= 1


def _has_symptom(sided: _Sided) -> bool:
    start = sided.site_mention.last if sided.site_mention else sided.mention.last
    return any(
        f.mention.phrase.table == "symptoms" and f.status == "affirmed" and -6 <= f.mention.first - start <= 2
        for f in sided.read.findings
    )


def _joined(sides: Iterable[str]) -> str | None:
    said = set(sides)
    if not said:
        return None
    return "B" if "B" in said or {"L", "R"} <= said else next(iter(said))
