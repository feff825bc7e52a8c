"""What was ordered: is it ultrasound, of which kind, limited or complete, of which side.

Law: codes count only with their coding system; a name counts by its words; a code that covers both a complete
one-leg study and a limited one (93971) states no limit. What the names do not say stays unknown.

Source: protocol names and their meaning [ClinicalNotes 1.2]; CPT 93970 and 93971 [CPTpages]; LOINC names [SANER].
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hl7calf.calf.lexicon import Mention
from hl7calf.calf.passages import Passage
from hl7calf.calf.scope import Found
from hl7calf.calf.tables import StudyCode, Tables
from hl7calf.wire.message import Message
from hl7calf.wire.orders import OrderGroup
from hl7calf.wire.text import read_text

CITING = frozenset("on per from by after via seen w prior".split())
LEG_STUDIES = frozenset({"venous", "insufficiency", "mapping", "post ablation"})
FLOW = frozenset({"doppler", "duplex"})
KIND_RANK = (
    "guided", "mapping", "graft", "post ablation", "insufficiency", "mixed", "arterial", "venous", "nonvascular",
)  # fmt: skip
"""Where a name says several things, the first of these decides: a guided or purpose-built exam is never raised."""


@dataclass(frozen=True, slots=True)
class Triplet:
    """Code, name and coding system of one coded element; `first` is its component number (1 or 4)."""

    code: str
    name: str
    system: str
    first: int


@dataclass(frozen=True, slots=True)
class Study:
    """The service ordered.

    `kind`: one of KIND_RANK, `vessel` (duplex of unnamed vessels), `other region`, `unknown`. `extent`:
    limited | complete | both | unspecified. `region`: leg | arm | other | "". `marks` are kinds that are
    gates of their own (`point of care`, `follow up`). `evidence` pairs a concept with where it was read.
    """

    is_ultrasound: bool = False
    kind: str = "unknown"
    extent: str = "unspecified"
    side: str | None = None
    sides: frozenset[str] = frozenset()
    region: str = ""
    marks: frozenset[str] = frozenset()
    evidence: tuple[tuple[str, Passage | None, Mention | None, str], ...] = ()
    contradicts: bool = False


def triplets_of(message: Message, group: OrderGroup) -> list[Triplet]:
    """Return the coded elements of OBR-4, first the primary one, then the alternate where it is valued."""
    if group.obr is None:
        return []
    span = message.field(group.obr, 4)
    if span is None or span.start == span.end:
        return []
    texts = [read_text(message, c).value.strip() for c in message.components(message.repetitions(span)[0])]
    texts += [""] * (6 - len(texts))
    triplets = [Triplet(texts[0], texts[1], texts[2], 1), Triplet(texts[3], texts[4], texts[5], 4)]
    return [t for t in triplets if t.code or t.name]


def read_study(
    triplets: Sequence[Triplet],
    names: Sequence[Passage],
    tables: Tables,
    without: str | None = None,
    body_side: str | None = None,
) -> Study:
    """Read the study from its codes and the words of its names.

    Args:
        body_side: the side of OBR-15, which must agree with the names'.
    """
    codes = [c for t in triplets if (c := tables.study_codes.get((tables.system_of(t.system), t.code.upper())))]
    named = [(name, m) for name in names for m in _named(name, tables, without)]
    words = {m.concept for _, m in named if m.phrase.table == "studies"}
    if any(m.phrase.words[0] in ("us", "ultrasound") for _, m in named if m.phrase.table == "studies"):
        words.add("ultrasound")
    if "lower extremity" in words and any(m.phrase.words[0] in FLOW for _, m in named):
        words.add("vessel ultrasound")  # `US DOPPLER LEFT LEG` names no vessel; the question tells which
    extents = {m.concept for _, m in named if m.phrase.table == "extent"}
    sides = {m.concept for _, m in named if m.phrase.table == "sides"}
    sides = sides or {c.side for c in codes if c.side} or {s for s in [_mapped_side(triplets, tables)] if s}
    sides |= {body_side} if body_side else set()
    kinds = words | {c.kind for c in codes}
    is_ultrasound = _is_ultrasound(words, codes, bool(extents))
    return Study(
        is_ultrasound=is_ultrasound,
        kind=_kind(kinds, is_ultrasound),
        extent=_extent(extents | {c.extent for c in codes if c.extent != "unspecified"}, codes, extents),
        side=next(iter(sides)) if len(sides) == 1 else None,
        sides=frozenset(sides),
        region=_region(kinds),
        marks=frozenset(kinds & {"point of care", "follow up"}),
        evidence=(
            *(("study", None, None, c.row) for c in codes),
            *((EVIDENCE[m.phrase.table], name, m, m.phrase.row) for name, m in named),
        ),
        contradicts=bool(codes) and "not ultrasound" in words and any(c.kind != "not ultrasound" for c in codes),
    )


EVIDENCE = {"studies": "study", "extent": "extent", "sides": "side"}


def _named(name: Passage, tables: Tables, without: str | None) -> Iterator[Mention]:
    """Yield what the words of a name say of kind, extent and side."""
    for mention in tables.studies.find(name.tokens, "name", without):
        cites = mention.first > 0 and name.tokens[mention.first - 1].norm in CITING
        if mention.concept != "not ultrasound" or not cites:  # `CALF CALCIFICATION ON XRAY` orders no film
            yield mention
    for lexicon in (tables.extent, tables.sides):
        yield from (m for m in lexicon.find(name.tokens, "name", without) if m.concept != "none")


def _mapped_side(triplets: Sequence[Triplet], tables: Tables) -> str | None:
    """Return the side the study map knows a local code by, where it knows exactly one."""
    for triplet in triplets:
        code, system = triplet.code.upper(), tables.system_of(triplet.system)
        if (system, code) in tables.study_codes:
            continue  # a standard code says itself whether it has a side
        known = [side for side in "LRB" if (code, system, side) in tables.study_map]
        if len(known) == 1:
            return known[0]
    return None


def _is_ultrasound(words: set[str], codes: Sequence[StudyCode], limits: bool) -> bool:
    """A venous study of the leg, or one with an extent, is a duplex: feeds often leave the word out."""
    if any(c.kind == "not ultrasound" for c in codes) or "not ultrasound" in words:
        return False
    if words & {"ultrasound", "venous ultrasound", "point of care"} or codes:
        return True
    return bool(words & LEG_STUDIES) and (limits or "lower extremity" in words or "insufficiency" in words)


def _kind(kinds: set[str], is_ultrasound: bool) -> str:
    if not is_ultrasound:
        return "unknown"
    if "venous ultrasound" in kinds:
        kinds = kinds | {"venous"}
    if "venous" in kinds and "arterial" in kinds:
        kinds = kinds | {"mixed"}
    for kind in KIND_RANK:
        if kind in kinds and not (kind == "nonvascular" and "venous" in kinds):
            return kind
    if "vessel ultrasound" in kinds:
        return "vessel"
    return "other region" if "other region" in kinds and "lower extremity" not in kinds else "unknown"


def _extent(said: set[str], codes: Sequence[StudyCode], named: set[str]) -> str:
    if named == {"limited"} and any(c.extent == "complete" for c in codes):
        return "both"
    if {"limited", "complete"} <= said:
        return "both"
    return next(iter(said), "unspecified")


def _region(kinds: set[str]) -> str:
    if "upper extremity" in kinds:
        return "arm"
    if "lower extremity" in kinds or kinds & {"venous", "venous ultrasound", "vessel ultrasound"}:
        return "other" if "other region" in kinds and "lower extremity" not in kinds else "leg"
    return "other" if "other region" in kinds else ""


EARLIER_AFTER = frozenset(
    "was were showed shows nondiagnostic inconclusive negative neg done yesterday ago last outside osh performed "
    "unremarkable normal equivocal reported earlier".split()
)
EARLIER_BEFORE = frozenset(
    "prior previous prev had recent recently outside last earlier after post initial old first".split()
)
EARLIER_WORDS = EARLIER_BEFORE | (EARLIER_AFTER - {"were"}) | {"at"}


def is_earlier_study(found: Found) -> bool:
    """Tell whether words such as `limited study` speak of an examination already made."""
    tokens = found.passage.tokens
    first, last = found.mention.first, found.mention.last
    before = {t.norm for t in tokens[max(0, first - 3) : first]}
    after: set[str] = set()
    for token in tokens[last : last + 7]:
        if token.norm in (".", ";", ",", "\n", "-"):
            break
        after.add(token.norm)
    return bool(before & EARLIER_BEFORE or after & EARLIER_AFTER)
