"""Instructions about the protocol itself: who bound the order to a limited study, and answers that forbid a change.

Law: a limit that a payer, a radiologist or a trial set is not the referrer's habit, so it is never raised without a
person (gate X15). The phrases of gates.csv name the plain ones; here is what words near each other say.

Source: gate X15 and when a limited study is appropriate, [ClinicalNotes 1.3, 4].
"""

from collections.abc import Sequence

from hl7calf.calf.clauses import Read, read_statuses
from hl7calf.calf.study import is_earlier_study
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import Token

AUTHORITIES = frozenset(
    "authorized authorised authorization authorisation auth preauth precert precertification approved approval "
    "approves covers covered coverage insurance insurer payer payor medicaid medicare radiologist radiologists "
    "protocolled protocoled irb trial research "
    "insists wants instructed agreed "
    "prefers contract capitated".split()
)
ROLES = frozenset(
    "radiology radiologist rads rad surgeon surgery vascular onc oncology attending consultant dr trial protocol "
    "hematology haematology".split()
)
CHANGING = frozenset(
    "modify modified modification change changed changes alter altered convert converted substitute substituted "
    "substitution upgrade upgraded expand expanded extend extended replace replaced".split()
)
REFUSALS = frozenset({"no", "n", "never", "none", "not"})
NEAR = 6
"""Tokens between a limit and the authority that set it; more is other business of the sentence."""


def is_instructed(reads: Sequence[Read], tables: Tables) -> bool:
    """Tell whether the order's text binds the examination to its limit."""
    texts = [r for r in reads if r.passage.kind == "text"]
    return any(_is_bound(read, tables) or _forbids_change(read.passage.tokens) for read in texts)


def _is_bound(read: Read, tables: Tables) -> bool:
    tokens = read.passage.tokens
    limits = [m for m in tables.extent.find(tokens, "text") if m.concept == "limited"]
    for found in read_statuses(read.passage, limits, tables):
        span = range(max(0, found.mention.first - NEAR), min(len(tokens), found.mention.last + NEAR))
        near = [tokens[i].norm for i in span if read.sentence_of(i) == found.sentence]
        if (set(near) & AUTHORITIES or _is_per_somebody(near)) and not is_earlier_study(found):
            return True
    return False


def _is_per_somebody(near: Sequence[str]) -> bool:
    """Tell whether the limit is another's word: `limited only, per onc radiology`."""
    return any(word == "per" and set(near[i + 1 : i + 4]) & ROLES for i, word in enumerate(near))


def _forbids_change(tokens: Sequence[Token]) -> bool:
    """Tell whether a question about changing the examination was answered with no: `May radiology modify exam: No`."""
    colon = next((i for i, t in enumerate(tokens) if t.norm in (":", "?")), None)
    if colon is None:
        return False
    asked = {t.norm for t in tokens[:colon]}
    answer = next((t.norm for t in tokens[colon + 1 :] if t.is_word), "")
    about = asked & {"exam", "examination", "protocol", "order", "study", "scan", "test"}
    return bool(asked & CHANGING and about) and answer in REFUSALS
