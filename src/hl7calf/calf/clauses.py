"""What a cue reaches: the mentions of one passage with their status.

Law: linear in the number of mentions; a negation ends where the sentence ends, at a contrast (`but`, `pt has`),
and at a comma that starts a new finding; every finding has exactly one status, the one of the cue nearest to it
that reaches it.

Source: the trigger kinds (negation, pseudo-negation, conditional, history, experiencer) follow the published
ConText and NegEx work [Chapman2007]; the extent of each is own design for order text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hl7calf.calf.boxes import read_boxes
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.passages import Passage
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import ends_sentence

MAX_GAP = 9
"""Tokens between a cue and the first finding it governs; longer gaps are other business."""
STATUS_OF = {
    "negated": "negated",
    "answered no": "negated",
    "answered yes": "affirmed",
    "affirmed": "affirmed",
    "question": "uncertain",
    "removed": "historical",
    "other person": "other person",
    "hypothetical": "hypothetical",
    "past": "past",
}
CONNECTORS = frozenset({"or", "nor", "and", "&", "/", "+", ",", "and/or", "plus"})
GOES_ON = frozenset("from in on at by last and w with but now surgically after during via yrs years".split())
"""Words after `removed`, `suspected` and their like that show the finding stood before them."""
VERBS = frozenset(
    "seen noted present on with has had in showing shows showed visible visualized identified found evident "
    "appreciated incidental w per by from".split()
)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its status and its place in the passage.

    `status`: affirmed | negated | uncertain | historical | other person | hypothetical. `past` tells that a
    history cue (`hx of`, `prior`) governs it, which is weak: calcification persists, a DVT does not.
    `sentence` numbers the sentences of the passage from 0.
    """

    mention: Mention
    passage: Passage
    status: str = "affirmed"
    past: bool = False
    sentence: int = 0
    section: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """One passage read: findings with status, and the other mentions in order."""

    passage: Passage
    findings: tuple[Found, ...]
    cues: tuple[Mention, ...]
    sites: tuple[Mention, ...]
    sentences: tuple[int, ...]
    ticked: Mapping[int, bool] = field(default_factory=dict)

    def sentence_of(self, token: int) -> int:
        """Return the number of the sentence a token stands in."""
        return self.sentences[token]


def read_passage(passage: Passage, tables: Tables, without: str | None = None) -> Read:
    """Find the mentions of a passage and give each finding its status."""
    where = "name" if passage.kind == "name" else "text"
    mentions = tables.findings.find(passage.tokens, where, without)
    cues = tuple(_freed(_cues(passage, tables, without), [m for m in mentions if m.phrase.table == "risk_factors"]))
    inside = {t for cue in cues for t in range(cue.first, cue.last)} | read_boxes(passage.tokens)[1]
    sentences = _sentences(passage, inside)
    sections = _sections(passage, tables, sentences, without)
    found = [
        Found(m, passage, sentence=sentences[m.first], section=sections.get(m.first, ""))
        for m in mentions
        if m.concept != "not" and not any(m.first >= c.first and m.last <= c.last for c in cues if c.concept == "no cue")
    ]
    ticked, _ = read_boxes(passage.tokens)
    sites = tuple(m for m in tables.sites.find(passage.tokens, where, without) if ticked.get(m.first, True))
    statuses = [_ticked(f, ticked) for f in _Scope(passage, found, cues, sentences).apply()]
    return Read(passage, tuple(statuses), cues, sites, tuple(sentences), ticked)


def _ticked(found: Found, ticked: Mapping[int, bool]) -> Found:
    """A finding that is a box's label has the box's status."""
    tick = ticked.get(found.mention.first)
    return found if tick is None else replace(found, status="affirmed" if tick else "negated")


def _freed(cues: Sequence[Mention], mentions: Sequence[Mention]) -> list[Mention]:
    """Drop the cues inside a mention (`hx vte`) and cut those that reach into one (`no hx` before `hx vte`)."""
    starts = {t: m.first for m in mentions for t in range(m.first, m.last)}
    return [
        replace(c, last=starts[c.last - 1]) if c.last - 1 in starts and c.first < starts[c.last - 1] else c
        for c in cues
        if c.first not in starts
    ]


def read_statuses(
    passage: Passage, mentions: Sequence[Mention], tables: Tables, without: str | None = None
) -> list[Found]:
    """Give mentions of another lexicon (the gates') their status, as `read_passage` does for findings.

    A cue that is part of the mention itself (`known dvt`, `no pulses`) does not govern it; one that reaches into
    it (`no known` before `known dvt`) does.
    """
    if not mentions:
        return []
    cues = tuple(_freed(_cues(passage, tables, without), mentions))
    sentences = _sentences(passage, {t for c in cues for t in range(c.first, c.last)})
    sections = _sections(passage, tables, sentences, without)
    found = [Found(m, passage, sentence=sentences[m.first], section=sections.get(m.first, "")) for m in mentions]
    ticked, _ = read_boxes(passage.tokens)
    return [_ticked(f, ticked) for f in _Scope(passage, found, cues, sentences).apply()]


def _cues(passage: Passage, tables: Tables, without: str | None) -> list[Mention]:
    """Return the cues; a phrase listed for both directions is taken by what stands around it."""
    tokens = passage.tokens
    answers = [m for m in tables.answers.find(tokens, "text", without) if _is_answer(m, passage)]
    taken = {t for m in answers for t in range(m.first, m.last)}
    free = [
        _by_direction(m, passage, tables)
        for m in tables.cues.find(tokens, "text", without)
        if not taken.intersection(range(m.first, m.last))
    ]
    return sorted([*answers, *free], key=lambda m: m.first)


def _is_answer(mention: Mention, passage: Passage) -> bool:
    """Tell an answer (`calcification: no`) from a statement that starts with the same word (`XR: no fracture`)."""
    tokens = passage.tokens
    if mention.last >= len(tokens) or tokens[mention.last - 1].norm in ("n", "y", ")"):
        return True
    following = tokens[mention.last]
    return not following.is_word


def _by_direction(mention: Mention, passage: Passage, tables: Tables) -> Mention:
    twin = tables.cue_twins.get(mention.phrase.words)
    if twin is None:
        return mention
    tokens = passage.tokens
    before = tokens[mention.first - 1] if mention.first else None
    after = tokens[mention.last] if mention.last < len(tokens) else None
    is_mark = not tokens[mention.first].is_word
    if is_mark:
        backward = before is not None and before.is_word and tokens[mention.first].tight
        backward = backward or after is None or after.norm in ".;\n,)"
    else:
        backward = before is not None and (
            after is None or (not after.is_word and after.norm not in "-:(?") or after.norm in GOES_ON or after.norm[:1].isdigit()
        )
    wanted = "after" if backward else "before"
    phrase = mention.phrase if mention.phrase.direction == wanted else twin[wanted]
    return replace(mention, phrase=phrase)


def _sentences(passage: Passage, inside: set[int]) -> list[int]:
    numbers: list[int] = []
    number = 0
    tokens = list(passage.tokens)
    for index in range(len(tokens)):
        numbers.append(number)
        if index not in inside and ends_sentence(tokens, index):
            number += 1
        elif index in inside and tokens[index].norm == "?" and ends_sentence(tokens, index):
            number += 1
    return numbers


def _sections(passage: Passage, tables: Tables, sentences: Sequence[int], without: str | None) -> dict[int, str]:
    """Return, for each token inside a section such as `ALLERGIES:`, the section's name."""
    headers = tables.sections.find(passage.tokens, "text", without)
    marked: dict[int, str] = {}
    for number, header in enumerate(headers):
        stop = headers[number + 1].first if number + 1 < len(headers) else len(passage.tokens)
        for token in range(header.last, stop):
            if sentences[token] != sentences[header.last - 1]:
                break
            marked[token] = header.concept
    return marked


class _Scope:
    """Applies each cue of a passage to the findings it reaches."""

    def __init__(self, passage: Passage, found: list[Found], cues: Sequence[Mention], sentences: Sequence[int]) -> None:
        self.tokens = passage.tokens
        self.found = found
        self.cues = cues
        self.sentences = sentences
        self.contrasts = [c for c in cues if c.concept == "contrast"]

    def apply(self) -> list[Found]:
        """Return the findings with their status set."""
        for cue in self.cues:
            if cue.concept in STATUS_OF and cue.phrase.direction in ("before", "both"):
                self._forward(cue)
        for cue in self.cues:
            if cue.concept in STATUS_OF and cue.phrase.direction in ("after", "both"):
                self._backward(cue)
        return [self._in_section(f) for f in self.found]

    @staticmethod
    def _in_section(found: Found) -> Found:
        if found.section == "allergies" or (
            found.section == "medications" and found.mention.phrase.table == "calcification"
        ):
            return replace(found, status="hypothetical")
        if found.section == "family":
            return replace(found, status="other person")
        if found.section == "past":
            return replace(found, past=True)
        return found

    def _mark(self, index: int, cue: Mention) -> None:
        status = STATUS_OF[cue.concept]
        found = self.found[index]
        if status == "past":
            self.found[index] = replace(found, past=True)
        elif found.status in ("other person", "hypothetical") and cue.phrase.direction == "before":
            return
        elif status == "historical" and found.status == "negated":
            return
        else:
            self.found[index] = replace(found, status=status)

    def _forward(self, cue: Mention) -> None:
        sentence = self.sentences[cue.last - 1]
        reach = cue.phrase.reach
        previous: Found | None = None
        for index, found in enumerate(self.found):
            first = found.mention.first
            if first < cue.last or found.sentence != sentence:
                if first >= cue.last and found.sentence > sentence:
                    break
                continue
            start = previous.mention.last if previous else cue.last
            if self._contrast_between(cue.last, first, reach == "sentence"):
                break
            if reach != "sentence":
                if previous is not None and reach in ("next", "adjacent"):
                    break
                if not self._reaches(start, found, previous is not None, reach, cue.concept == "question"):
                    break
            self._mark(index, cue)
            previous = found

    def _contrast_between(self, first: int, last: int, is_wide: bool = False) -> bool:
        return any(first <= c.first < last and (c.phrase.reach == "sentence" or not is_wide) for c in self.contrasts)

    def _reaches(self, start: int, found: Found, is_later: bool, reach: str, is_question: bool) -> bool:
        gap = [self.tokens[i].norm for i in range(start, found.mention.first)]
        if reach == "adjacent" and gap or len(gap) > MAX_GAP or ":" in gap or ")" in gap:
            return False
        if self._restarted(start, found.mention.first):
            return False
        has_comma = "," in gap or "-" in gap
        if not is_later:
            return not has_comma
        joined = [g for g in gap if g in CONNECTORS]
        if is_question and has_comma and not set(gap) & {"or", "and", "nor"}:
            return False
        if not joined:
            return len(gap) <= 1 and not has_comma and found.mention.phrase.table != "calcification" and not (set(gap) & VERBS)
        if any(g in VERBS for g in gap):
            return False
        if "or" in gap or "nor" in gap or "/" in gap:
            return True
        return reach == "wide" and self._is_bare(found) or self._list_goes_on(found) or self._is_bare(found)

    def _restarted(self, first: int, last: int) -> bool:
        """Tell whether another cue that looks forward stands in the gap."""
        return any(
            first <= c.first < last and c.phrase.direction == "before" and c.concept in ("question", "negated", "affirmed")
            for c in self.cues
        )

    def _is_bare(self, found: Found) -> bool:
        """Tell whether a list item has nothing but its own words before the next comma or end."""
        index = found.mention.last
        while index < len(self.tokens) and self.sentences[index] == found.sentence:
            norm = self.tokens[index].norm
            if norm in (",", ";", ".", ")", "\n"):
                return True
            if norm not in ("or", "and", "/", "&", "nor") and not any(
                f.mention.first <= index < f.mention.last for f in self.found
            ):
                return False
            index += 1
        return True

    def _list_goes_on(self, found: Found) -> bool:
        """Tell whether an `or` follows in the same list: `no A, B or C` negates all three."""
        later = [f for f in self.found if f.mention.first >= found.mention.last and f.sentence == found.sentence]
        start = found.mention.last
        for item in later[:4]:
            gap = [self.tokens[i].norm for i in range(start, item.mention.first)]
            if len(gap) > 4 or set(gap) & VERBS:
                return False
            if "or" in gap or "nor" in gap:
                return True
            start = item.mention.last
        return False

    def _backward(self, cue: Mention) -> None:
        sentence = self.sentences[cue.first]
        candidates = [i for i, f in enumerate(self.found) if f.mention.last <= cue.first and f.sentence == sentence]
        if not candidates:
            return
        later = self.found[candidates[-1]]
        gap = [self.tokens[i].norm for i in range(later.mention.last, cue.first)]
        if len(gap) > 12 or self._contrast_between(later.mention.last, cue.first - 1):
            return
        self._mark(candidates[-1], cue)
        for index in reversed(candidates[:-1]):
            found = self.found[index]
            between = [self.tokens[i].norm for i in range(found.mention.last, later.mention.first)]
            chained = set(between) & {"or", "and", "/", "&", "nor"} and "," not in between
            if not (chained or not between) or len(between) > 4 or set(between) & VERBS:
                break
            self._mark(index, cue)
            later = found
