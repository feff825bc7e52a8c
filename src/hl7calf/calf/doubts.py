"""Denials that no cue could place: a net under the cues, for forms of speech that no table knows.

Law: a calcification counts as affirmed only when nothing in its own sentence might deny it. A denying word belongs
elsewhere when a cue brought it to another finding, when another finding stands between, or when it is part of a
known phrase; else a person reads the order. A wrong upgrade is worse than a missed one.

Source: own judgement on negation in order text [ClinicalNotes 5.3]; the words are those of the published trigger
lists [ConText] and of the project's labelled orders.
"""

from collections.abc import Iterable, Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.films import film_sites
from hl7calf.calf.scope import Found
from hl7calf.calf.sites import VAGUE, Attached
from hl7calf.calf.tables import Tables

BEFORE = frozenset(
    "no not never neither nor none nothing without absent absence negative neg lack lacks lacking fails failed nil "
    "zero nowhere isn't wasn't doesn't don't didn't hasn't haven't weren't aren't cannot can't couldn't".split()
)
AFTER = (BEFORE - {"no", "without", "lack", "lacks", "fails", "failed"}) | frozenset(
    "excluded refuted disproved disproven discounted removed excised resected resolved gone cleared disappeared "
    "vanished dissolved resorbed reabsorbed artifact artefact artifactual artefactual false erroneous retracted "
    "mistaken misread".split()
)
ENDING = frozenset({"no", "none", "nil", "zero", "neg", "negative", "absent", "nothing"})
"""Words that deny what stood before them only as the last word of a clause: `calf calcification: none`."""
BECOMING = frozenset("proved proven turned shown revealed".split())
BECOMES = frozenset("to out a an".split())
"""`calcification proved to be a suture`: the finding became another thing; `bx proven 2020` did not."""
BREAKS = frozenset({",", "-", "(", ")", ":"})
"""Marks that end what a denial reaches; a verb of removal (`, which ..., has been excluded`) reaches across."""
CLAIMING = frozenset({"symptoms", "findings", "risk_factors", "calcification"})


DENIED = "a denial stands beside the calcification and its object is not clear"
PLACED = "it is not clear that the calcification is the calf's"


def find_doubt(attached: Iterable[Attached], tables: Tables) -> str:
    """Return what is doubtful about a calcification that would count as the calf's, "" where nothing is."""
    everything = list(attached)
    bearing = [a for a in everything if "calf" in a.names and a.found.status in ("affirmed", "uncertain")]
    denials = {id(a.read): _denials(a.read, tables) for a in bearing if a.read is not None}
    for one in bearing:
        read = one.read
        if read is not None and one.found.passage is read.passage and _is_denied(read, one.found, denials[id(read)]):
            return DENIED
    if not bearing or not all(a.by_nearness for a in bearing):
        return ""
    placed = {s for a in everything for s in a.names if _is_beside(a)} - VAGUE - {"calf"}
    return PLACED if all(_is_misplaced(a, placed, tables) for a in bearing) else ""


def _is_misplaced(attached: Attached, placed: frozenset[str] | set[str], tables: Tables) -> bool:
    """Tell whether the calf is only what stands nearest: a history's, another statement's, or another finding's."""
    if attached.found.mention.concept == "weak" or _describes_the_unknown(attached, tables):
        return True
    if not _is_beside(attached):
        is_history = attached.found.section == "past" and _is_claimed(attached, frozenset({"symptoms"}))
        return bool(placed) or is_history
    return _has_rival(attached, tables)


def _describes_the_unknown(attached: Attached, tables: Tables) -> bool:
    """Tell whether the word describes a thing that no table knows: `calcified ACL graft tunnel, calf pain`."""
    tokens, last = attached.found.passage.tokens, attached.found.mention.last
    if not tokens[last - 1].norm.endswith(("ied", "ic")) or last >= len(tokens):
        return False
    following = tokens[last]
    return (
        following.is_word
        and following.norm.isalpha()
        and len(following.norm) > 2
        and following.norm not in tables.words
    )


def _is_beside(attached: Attached) -> bool:
    """Tell whether the site stands in the calcification's own sentence."""
    read, found = attached.read, attached.found
    if read is None or found.passage is not read.passage:
        return False
    return any(read.sentence_of(m.first) == found.sentence for m in attached.mentions)


def _has_rival(attached: Attached, tables: Tables) -> bool:
    """Tell whether the calf that only nearness gave is another finding's, and another site stands in the sentence.

    `In the thigh, above the tender calf, there is a calcified scar`.
    """
    read, found = attached.read, attached.found
    if read is None or not _is_beside(attached):
        return False
    edges = _edges(read, found, CLAIMING)
    films = {id(read.sites[i]) for i in film_sites(read, tables)}
    return _is_claimed(attached, CLAIMING) and any(
        m.concept not in VAGUE | {"calf", "none"} and m.first not in edges and m.last not in edges
        for m in read.sites
        if read.sentence_of(m.first) == found.sentence and id(m) not in films
    )


def _edges(read: Read, found: Found, tables: frozenset[str]) -> set[int]:
    """Return the tokens at which another finding begins or ends, one word between them allowed."""
    others = [f.mention for f in read.findings if f is not found and f.mention.phrase.table in tables]
    return {edge for m in others for edge in (m.first - 1, m.first, m.last, m.last + 1)}


def _is_claimed(attached: Attached, tables: frozenset[str]) -> bool:
    """Tell whether another finding stands beside the site: `tender left calf`, `calf pain`."""
    if attached.read is None:
        return False
    edges = _edges(attached.read, attached.found, tables)
    return any(m.first in edges or m.last in edges for m in attached.mentions)


def _denials(read: Read, tables: Tables) -> list[int]:
    """Return the tokens that deny something which no cue and no known phrase explains."""
    tokens = read.passage.tokens
    words = [i for i, t in enumerate(tokens) if t.norm in BEFORE or _denies_back(read, i)]
    spoken = _spoken_for(read, tables) if words else set()
    return [i for i in words if i not in spoken]


def _is_denied(read: Read, found: Found, denials: Sequence[int]) -> bool:
    """Tell whether one of the denials reaches the mention: same sentence, no other finding and no break between."""
    here = [i for i in denials if read.sentence_of(i) == found.sentence]
    if not here:
        return False
    tokens, first, last = read.passage.tokens, found.mention.first, found.mention.last
    others = [f.mention.first for f in read.findings if f is not found and f.mention.phrase.table in CLAIMING]
    low = max((o for o in others if o < first), default=0)
    high = min((o for o in others if o >= last), default=len(tokens))
    opens = max((i for i in range(low, first) if tokens[i].norm in BREAKS), default=low - 1)
    closes = min((i for i in range(last, high) if tokens[i].norm in BREAKS), default=high + 1)
    for index in here:
        norm = tokens[index].norm
        if low <= index < first and norm in BEFORE and (index > opens or _goes_on(read, found)):
            return True
        reaches = index < closes or norm in BECOMING or norm not in BEFORE
        if last <= index <= high and reaches and _denies_back(read, index):
            return True
    return False


def _goes_on(read: Read, found: Found) -> bool:
    """Tell whether the mention goes on with what stood before a parenthesis: `no evidence on the film, of ...`."""
    first = found.mention.first
    before = [t.norm for t in read.passage.tokens[max(0, first - 2) : first]]
    return before[:1] == [","] and before[1:] in (["of"], ["in"], ["for"])


def _denies_back(read: Read, index: int) -> bool:
    """Tell whether the word may deny what stood before it; `no` and its like look ahead unless the clause ends."""
    tokens = read.passage.tokens
    norm = tokens[index].norm
    if norm in BECOMING:
        return index + 1 < len(tokens) and tokens[index + 1].norm in BECOMES
    if norm not in ENDING:
        return norm in AFTER
    return index + 1 == len(tokens) or not tokens[index + 1].is_word


def _spoken_for(read: Read, tables: Tables) -> set[int]:
    """Return the tokens that a reaching cue or a known phrase explains."""
    tokens = read.passage.tokens
    known: list[tuple[int, int]] = [(c.first, c.last) for c in read.cues if c not in read.idle or c.concept == "no cue"]
    known += [(f.mention.first, f.mention.last) for f in read.findings]
    for lexicon in (tables.gates, tables.extent):
        # a denial just before such a phrase denies that: `no cast`, `not a limited study`
        known += [(max(0, m.first - 2), m.last) for m in lexicon.find(tokens, "text")]
    return {t for first, last in known for t in range(first, last)}
