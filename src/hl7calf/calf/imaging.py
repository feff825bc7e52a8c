"""Which imaging was done before, as the order tells it.

Law: only examinations already made: what is pending, planned, conditional or denied does not count; an ultrasound
counts only with a word of the past, for it is what the order asks for.

Source: "Previous imaging findings" [Guideline].
"""

from collections.abc import Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.tables import Tables

MODALITIES = ("XR", "CT", "MRI", "US")
FUTURE = frozenset(
    "consider will pending ordered order get obtain recommend recommended recommends advise schedule scheduled "
    "planned plan if need needs next await awaiting requested request requesting please pls to should may might "
    "then tomorrow later want wants perform do followup declined declines refused refuses contraindicated "
    "incompatible".split()
)
PAST_US = frozenset(
    "prior previous prev last earlier recent outside old initial showed shows showing show seen on noted neg negative "
    "found today yesterday ago revealed reveals demonstrates demonstrated report per from s/p limited inconclusive "
    "findings normal done repeat osh ed er".split()
)
TOLD = frozenset("was neg negative normal nondiagnostic inconclusive showed".split())
"""Words within six behind an ultrasound that tell its result."""
PENDING = frozenset(
    "pending ordered scheduled planned requested tomorrow next if to needed recommended advised later".split()
)
RESULTS = frozenset({"shows", "showed", "with"})
CONDITIONS = frozenset({"if", "get", "may", "need", "to"})
WEAK = frozenset({"to", "if", "then", "do", "may", "order", "need"})
"""Words of the future that count only right before the modality."""
DENIALS = frozenset({"no", "without", "never"})
CITING = frozenset({"on", "per", "from"})


def read_imaging(reads: Sequence[Read], tables: Tables, has_earlier_study: bool) -> str | None:
    """Return the earlier imaging the order mentions as modality tokens joined by `+`, or None.

    Args:
        has_earlier_study: the text speaks of a limited or complete venous study already made.
    """
    said: set[str] = {"US"} if has_earlier_study else set()
    for read in reads:
        if read.passage.kind == "diagnosis":
            continue
        for mention in tables.imaging.find(read.passage.tokens, "text"):
            if _is_cited(read, mention) if read.passage.kind == "name" else _was_done(read, mention):
                said.add(mention.concept)
    return "+".join(m for m in MODALITIES if m in said) or None


def _is_cited(read: Read, mention: Mention) -> bool:
    """`CALF CALCIFICATION ON XRAY` in the name of the service cites a film."""
    return mention.concept != "US" and mention.first > 0 and read.passage.tokens[mention.first - 1].norm in CITING


def _was_done(read: Read, mention: Mention) -> bool:
    before = _words(read, mention, -4)
    after = _words(read, mention, 4)
    if mention.concept == "US":
        return _was_sonographed(before, after, _words(read, mention, 6))
    no_earlier = before[-2:-1] == ["no"] and before[-1] in ("prior", "recent", "previous")
    if no_earlier or set(before[-1:]) & DENIALS:
        return False
    is_of_fact = after[:2] in (["to", "have"], ["to", "show"], ["to", "be"])
    if set(after[:3]) & PENDING and not is_of_fact and not set(after) & RESULTS:
        return False
    return not set(before[-3:]) & (FUTURE - WEAK) and not set(before[-1:]) & CONDITIONS


def _was_sonographed(before: Sequence[str], after: Sequence[str], later: Sequence[str]) -> bool:
    if set(before[-2:]) & (FUTURE | DENIALS | {"not"}):
        return False
    dated = len(after) > 1 and after[0].isdigit() and after[1] in ("/", "-")
    past = set(before[-2:]) & PAST_US or set(after[:2]) & (PAST_US - {"on", "from", "per", "ed", "er"})
    return bool(past or set(later) & TOLD) or dated


def _words(read: Read, mention: Mention, reach: int) -> list[str]:
    """Return the words of the same sentence, up to `reach` behind the mention, or before it when negative."""
    tokens, sentence = read.passage.tokens, read.sentence_of(mention.first)
    if reach < 0:
        span = range(max(0, mention.first + reach), mention.first)
    else:
        span = range(mention.last, min(len(tokens), mention.last + reach))
    return [tokens[i].norm for i in span if read.sentence_of(i) == sentence]
