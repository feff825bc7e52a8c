"""Cues found in a passage, each with the direction it looks in.

Law: a phrase that can look both ways (`removed`, `suspected`, `?`) looks at the nearer finding; a mark of doubt that
is tight to a word looks back at it (`calcification?`), a free one looks ahead (`? calcification`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hl7calf.calf.lexicon import Mention, Phrase
from hl7calf.calf.passages import Passage
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import Token

GOES_ON = frozenset("from in on at by under last and w with but now surgically after during via yrs years".split())
"""Words after `removed`, `suspected` and their like that show the finding stood before them."""
EARLIER = frozenset("pre preop preoperative prior previous old earlier first initial baseline".split())
MAX_BACK = 6
"""Tokens back to the finding a cue may speak of; farther findings are of another clause."""


def read_cues(
    passage: Passage, findings: Sequence[Mention], tables: Tables, without: str | None = None
) -> list[Mention]:
    """Return the cues of a passage in order, given the findings they may speak of."""
    tokens = passage.tokens
    answers = [m for m in tables.answers.find(tokens, "text", without) if _is_answer(m, passage)]
    taken = {t for m in answers for t in range(m.first, m.last)}
    free = [
        _directed(m, passage, findings, tables.cue_twins)
        for m in tables.cues.find(tokens, "text", without)
        if not taken.intersection(range(m.first, m.last))
        and not _is_mere_dash(m, passage)
        and not _is_of_an_earlier_look(m, passage)
    ]
    return sorted([*answers, *free], key=lambda m: m.first)


def _is_mere_dash(mention: Mention, passage: Passage) -> bool:
    """A minus denies only in text that writes findings with plus and minus: `-calcification, +swelling`."""
    tokens = passage.tokens
    if tokens[mention.first].norm != "-" or mention.last - mention.first > 1:
        return False
    if _ends_item(tokens, mention.first):
        return not any(t.norm == "+" and _ends_item(tokens, i) for i, t in enumerate(tokens))
    after = mention.last < len(tokens) and tokens[mention.last].is_word and tokens[mention.last].tight
    signed = any(t.norm == "+" and i + 1 < len(tokens) and tokens[i + 1].tight for i, t in enumerate(tokens))
    return not (after and signed and not tokens[mention.first].tight)


def _ends_item(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a sign is the last of its item: `swelling +, calcification -, varicosities +`."""
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    return index > 0 and tokens[index - 1].is_word and (after is None or after.norm in (",", ";", ".", "\n"))


def _is_of_an_earlier_look(mention: Mention, passage: Passage) -> bool:
    """`not present on pre-op XR` says that the finding is new, not that there is none."""
    denies = mention.phrase.words[0] == "not" or mention.phrase.words[0].endswith("n't")
    if mention.concept != "negated" or mention.phrase.direction != "after" or not denies:
        return False
    following = [t.norm for t in passage.tokens[mention.last : mention.last + 4]]
    return following[:1] in (["on"], ["in"], ["at"]) and bool(set(following[1:]) & EARLIER)


def _is_answer(mention: Mention, passage: Passage) -> bool:
    """Tell an answer (`calcification: no`) from a statement that starts with the same word (`XR: no fracture`)."""
    tokens = passage.tokens
    if mention.last >= len(tokens) or tokens[mention.last - 1].norm in ("n", "y", ")"):
        return True
    following = tokens[mention.last]
    return not following.is_word or _starts_label(tokens, mention.last)


def _starts_label(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a new label starts here: the `EDEMA` of `CALCIFICATION: NEG  EDEMA: POS`."""
    for token in tokens[index + 1 : index + 4]:
        if token.norm == ":":
            return True
        if not token.is_word:
            return False
    return False


def _directed(
    mention: Mention,
    passage: Passage,
    findings: Sequence[Mention],
    twins: Mapping[tuple[str, ...], Mapping[str, Phrase]],
) -> Mention:
    twin = twins.get(mention.phrase.words)
    if twin is None:
        return mention
    is_word = passage.tokens[mention.first].is_word
    backward = _word_looks_back(mention, passage, findings) if is_word else _mark_looks_back(mention, passage)
    return replace(mention, phrase=twin["after" if backward else "before"])


def _mark_looks_back(mention: Mention, passage: Passage) -> bool:
    tokens = passage.tokens
    before = tokens[mention.first - 1] if mention.first else None
    after = tokens[mention.last] if mention.last < len(tokens) else None
    tight = before is not None and before.is_word and tokens[mention.first].tight
    return tight or after is None or after.norm in ".;\n,)"


def _word_looks_back(mention: Mention, passage: Passage, findings: Sequence[Mention]) -> bool:
    tokens = passage.tokens
    after = tokens[mention.last] if mention.last < len(tokens) else None
    if mention.first == 0:
        return False
    if after is None or (not after.is_word and after.norm not in "-:(?"):
        return True
    if after.norm in GOES_ON or after.norm[:1].isdigit():
        return True
    back = [f for f in findings if f.last <= mention.first]
    ahead = [f for f in findings if f.first >= mention.last]
    between = range(back[-1].last, mention.first) if back else range(0)
    if not back or len(between) > MAX_BACK or any(tokens[i].norm in (",", ";", ".", "\n") for i in between):
        return False
    return not ahead or len(between) < ahead[0].first - mention.last
