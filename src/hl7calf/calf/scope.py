"""What a cue reaches: negation, question, history and their like, over the findings of one passage.

Law: linear in the number of findings; a negation ends where the sentence ends, at a contrast (`but`, `pt has`), and
at a comma that starts a new finding; every finding ends with one status, that of the last cue that reaches it.

Source: the trigger kinds (negation, pseudo-negation, conditional, history, experiencer) follow the published
ConText and NegEx work [ConText]; the extent of each is own design for order text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hl7calf.calf.lexicon import Mention
from hl7calf.calf.passages import Passage

MAX_GAP = 9
"""Tokens between a cue and the first finding it governs; longer gaps are other business."""
MAX_BACK = 18
"""The same for a cue that looks back: `calcification, which was raised on the film, has since been excluded`."""
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
ADJECTIVES = frozenset("palpable tender painful red warm swollen calcified ossified".split())
"""Findings that describe the next one: `no palpable mass` denies both, `no trauma swelling` only the trauma."""
PARTING = frozenset(", ; : - ( ) in of at and with w plus".split())
"""Words that keep a calcification apart from the finding behind it; without one it describes that finding."""
CONNECTORS = frozenset({"or", "nor", "and", "&", "/", "+", ",", "and/or", "plus"})
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
    is_boxed: bool = False


class Scope:
    """Applies each cue of a passage to the findings it reaches."""

    def __init__(self, passage: Passage, found: list[Found], cues: Sequence[Mention], sentences: Sequence[int]) -> None:
        self.tokens = passage.tokens
        self.found = found
        self.cues = cues
        self.sentences = sentences
        self.contrasts = [c for c in cues if c.concept == "contrast"]
        self.reaching: set[Mention] = set()

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
        if found.section in ("allergies", "administrative") or (
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
        self.reaching.add(cue)
        if status == "past":
            self.found[index] = replace(found, past=True)
            return
        keeps = found.status in ("other person", "hypothetical") and cue.phrase.direction == "before"
        if not keeps and (status, found.status) != ("historical", "negated"):
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
        if (reach == "adjacent" and gap) or len(gap) > MAX_GAP or ":" in gap or ")" in gap:
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
            return not gap and self.tokens[start - 1].norm in ADJECTIVES
        if any(g in VERBS for g in gap):
            return False
        if "or" in gap or "nor" in gap or "/" in gap:
            return True
        return (reach == "wide" and self._is_bare(found)) or self._list_goes_on(found) or self._is_bare(found)

    def _restarted(self, first: int, last: int) -> bool:
        """Tell whether another cue that looks forward stands in the gap."""
        return any(
            first <= c.first < last
            and c.phrase.direction == "before"
            and c.concept in ("question", "negated", "affirmed")
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
        if start < len(self.tokens) and self.tokens[start].norm in ("or", "nor"):
            return True
        for item in later[:4]:
            gap = [self.tokens[i].norm for i in range(start, item.mention.first)]
            if len(gap) > 4 or set(gap) & VERBS:
                return False
            if "or" in gap or "nor" in gap:
                return True
            start = item.mention.last
        return False

    def _describes(self, found: Found, later: Found, between: Sequence[str]) -> bool:
        """Tell whether a calcification only describes the thing behind it: `calcified calf lipoma resected`."""
        first, last = found.mention.last, later.mention.first
        has_cue = any(first <= c.first < last for c in self.cues)
        return found.mention.phrase.table == "calcification" and not has_cue and not set(between) & PARTING

    def _backward(self, cue: Mention) -> None:
        sentence = self.sentences[cue.first]
        inside = [i for i, f in enumerate(self.found) if cue.first <= f.mention.first < cue.last]
        if inside and cue.concept == "negated":
            self._mark(inside[0], cue)  # `it is not calcification`: the cue holds the finding that it denies
        candidates = [i for i, f in enumerate(self.found) if f.mention.last <= cue.first and f.sentence == sentence]
        if not candidates:
            return
        later = self.found[candidates[-1]]
        gap = [self.tokens[i].norm for i in range(later.mention.last, cue.first)]
        is_wide = cue.concept == "removed"
        if len(gap) > MAX_BACK or self._contrast_between(later.mention.last, cue.first - 1, is_wide):
            return
        self._mark(candidates[-1], cue)
        if not self.tokens[cue.first].is_word and cue.concept == "question":
            return  # `pain/sore/DVT?` asks about the last only
        for index in reversed(candidates[:-1]):
            found = self.found[index]
            between = [self.tokens[i].norm for i in range(found.mention.last, later.mention.first)]
            chained = set(between) & {"or", "and", "/", "&", "nor"} and "," not in between
            described = cue.concept == "removed" and self._describes(found, later, between)
            if ":" in between or not (chained or described or not between) or len(between) > 4 or set(between) & VERBS:
                break
            self._mark(index, cue)
            later = found
