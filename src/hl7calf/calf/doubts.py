"""Denials that no cue could place: a net under the cues, for forms of speech that no table knows.

Law: a calcification counts as affirmed only when nothing in its own sentence might deny it. A denying word belongs
elsewhere when a cue brought it to another finding, when another finding stands between, or when it is part of a
known phrase; else a person reads the order. A wrong upgrade is worse than a missed one.

Source: own judgement on negation in order text [ClinicalNotes 5.3]; the words are those of the published trigger
lists [ConText] and of the project's labelled orders.
"""

from collections.abc import Iterable, Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.scope import Found
from hl7calf.calf.sites import Attached
from hl7calf.calf.tables import Tables

BEFORE = frozenset(
    "no not never neither nor none nothing without absent absence negative neg lack lacks lacking fails failed nil "
    "zero isn't wasn't doesn't don't didn't hasn't haven't weren't aren't cannot can't couldn't".split()
)
AFTER = (BEFORE - {"no", "without", "lack", "lacks", "fails", "failed"}) | frozenset(
    "excluded refuted disproved disproven discounted removed excised resected resolved gone cleared disappeared "
    "vanished dissolved resorbed reabsorbed artifact artefact artifactual artefactual false erroneous retracted "
    "proved proven turned mistaken misread".split()
)
ENDING = frozenset({"no", "none", "nil", "zero", "neg", "negative", "absent", "nothing"})
"""Words that deny what stood before them only as the last word of a clause: `calf calcification: none`."""
BREAKS = frozenset({",", "-", "(", ")", ":"})
"""Marks that end what a denial reaches; a verb of removal (`, which ..., has been excluded`) reaches across."""
CLAIMING = frozenset({"symptoms", "findings", "risk_factors", "calcification"})


def is_doubtful(attached: Iterable[Attached], tables: Tables) -> bool:
    """Tell whether an unplaced denial stands in the sentence of a calcification that would count as the calf's."""
    return any(
        a.read is not None and a.found.passage is a.read.passage and _is_denied(a.read, a.found, tables)
        for a in attached
        if "calf" in a.names and a.found.status in ("affirmed", "uncertain")
    )


def _is_denied(read: Read, found: Found, tables: Tables) -> bool:
    tokens = read.passage.tokens
    spoken = _spoken_for(read, tables)
    claims = [f for f in read.findings if f is not found and f.mention.phrase.table in CLAIMING]
    for index, token in enumerate(tokens):
        if index in spoken or read.sentence_of(index) != found.sentence:
            continue
        if index < found.mention.first and token.norm in BEFORE:
            low, high = index + 1, found.mention.first
        elif index >= found.mention.last and _denies_back(read, index):
            low, high = found.mention.last, index
        else:
            continue
        between = {tokens[i].norm for i in range(low, high)}
        if any(low <= f.mention.first < high for f in claims):
            continue
        if _goes_on(read, found):
            return True
        if not between & BREAKS or (index > found.mention.first and token.norm not in BEFORE):
            return True
    return False


def _goes_on(read: Read, found: Found) -> bool:
    """Tell whether the mention goes on with what stood before a parenthesis: `no evidence on the film, of ...`."""
    first = found.mention.first
    return first > 1 and [t.norm for t in read.passage.tokens[first - 2 : first]] == [",", "of"]


def _denies_back(read: Read, index: int) -> bool:
    """Tell whether the word may deny what stood before it; `no` and its like look ahead unless the clause ends."""
    tokens = read.passage.tokens
    norm = tokens[index].norm
    if norm not in ENDING:
        return norm in AFTER
    return index + 1 == len(tokens) or not tokens[index + 1].is_word


def _spoken_for(read: Read, tables: Tables) -> set[int]:
    """Return the tokens that a reaching cue or a known phrase explains."""
    tokens = read.passage.tokens
    known: list[tuple[int, int]] = [(c.first, c.last) for c in read.cues if c not in read.idle or c.concept == "no cue"]
    known += [(f.mention.first, f.mention.last) for f in read.findings]
    for lexicon in (tables.gates, tables.extent):
        known += [(_with_denial(tokens, m.first), m.last) for m in lexicon.find(tokens, "text")]
    return {t for first, last in known for t in range(first, last)}


def _with_denial(tokens: Sequence[object], first: int) -> int:
    """A denial just before a gate's or an extent's phrase denies that: `no cast`, `not a limited study`."""
    return max(0, first - 2)
