"""How long the symptoms last, apart from how long ago the operation, the fall or the flight was.

Law: a duration belongs to the finding nearest to it in its sentence; it is the symptoms' only when that finding is
a symptom or the calcification itself. `3 days ago` is a date, not a duration, unless something began then.

Source: `3/7`, `2/52`, `4/12` (days, weeks, months) are British clinical shorthand; forms in [ClinicalNotes 5.1].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read
from hl7calf.calf.words import Token

NUMBERS = {
    "a": "1", "an": "1", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12", "past": "1", "last": "1",
}  # fmt: skip
SEXES = frozenset({"m", "f", "male", "female", "man", "woman", "lady", "gentleman"})
LEADS = frozenset({"x", "for", "over", "past", "last", "since", "about", "~", "approx", "times", "the", "these"})
BEGINNINGS = frozenset(
    "recurred returned developed started began begun onset noticed noted starting beginning appeared since".split()
)
NOT_DURATION = frozenset(
    "old yo y.o gestation pregnant ga iup pp postpartum postop post pod gestational premature".split()
)
DATED = frozenset("xr xray ct mri us film films on dated from since done seen dob x ray duplex date".split()) - {"x"}
FRACTIONS = {"7": "day", "52": "week", "12": "month"}


@dataclass(frozen=True, slots=True)
class _Span:
    """A time span in a passage: tokens `first` to `last` (exclusive)."""

    text: str
    first: int
    last: int
    ago: bool
    led: bool


def read_duration(reads: Sequence[Read], units: Mapping[str, str]) -> str | None:
    """Return the duration of the symptoms as `N unit`, or None."""
    best: tuple[int, str] | None = None
    for read in reads:
        if read.passage.kind != "text":
            continue
        for span in _spans(read.passage.tokens, units):
            distance = _to_symptom(read, span)
            if distance is not None and (best is None or distance < best[0]):
                best = (distance, span.text)
    return best[1] if best else None


def _spans(tokens: Sequence[Token], units: Mapping[str, str]) -> list[_Span]:
    found: list[_Span] = []
    index = 0
    while index < len(tokens):
        match = _number_and_unit(tokens, index, units)
        if match is None:
            index += 1
            continue
        number, unit, last = match
        led = (index > 0 and tokens[index - 1].norm in LEADS) or tokens[index].norm.startswith("x")
        after = [t.norm for t in tokens[last : last + 2]]
        before = [t.norm for t in tokens[max(0, index - 2) : index]]
        is_age = (
            after[:2] == ["/", "o"]
            or (unit == "year" and set(after[:1]) & SEXES)
            or bool(set(after[:1]) & NOT_DURATION)
            or set(after) & {"old"}
            or (bool(set(before) & {"day", "pod", "week", "at", "in", "age", "q"}) and not led)
        )
        if not is_age:
            found.append(_Span(_say(number, unit), index, last, "ago" in after[:1] or "prior" in after[:1], led))
        index = last
    return found


def _say(number: str, unit: str) -> str:
    if unit == "fortnight":
        number, unit = str(2 * int(number)) if number.isdigit() else number, "week"
    return f"{number} {unit}" + ("" if number == "1" else "s")


def _number_and_unit(tokens: Sequence[Token], index: int, units: Mapping[str, str]) -> tuple[str, str, int] | None:
    norm = tokens[index].norm
    if norm.startswith("x") and norm[1:2].isdigit():
        norm = norm[1:]
    digits = _leading_digits(norm)
    rest = norm[len(digits) :]
    if digits and rest:
        unit = units.get(rest)
        return (_plain(digits), unit, index + 1) if unit and len(digits) <= 3 else None
    following = tokens[index + 1].norm if index + 1 < len(tokens) else ""
    if digits and following == "/" and index + 2 < len(tokens) and tokens[index + 1].tight and tokens[index + 2].tight:
        return _fraction(tokens, index, digits)
    number = _plain(digits) if digits else NUMBERS.get(norm)
    if norm in ("past", "last") and (index == 0 or tokens[index - 1].norm not in LEADS):
        number = None  # `film of last month` is a date
    if number is None or len(digits) > 3:
        return None
    last = index + 1
    if digits and following in ("-", "to", "or") and index + 2 < len(tokens) and tokens[index + 2].norm.isdigit():
        number, last = f"{number}-{tokens[index + 2].norm}", index + 3
    elif digits and following.isdigit() and tokens[index + 1].start - tokens[index].end == 1 and last + 1 < len(tokens):
        # the hyphen of `3-4 days` joins, so the numbers stand next to each other
        number, last = (f"{number}-{following}", index + 2) if tokens[last + 1].norm in units else (number, last)
    if last < len(tokens) and tokens[last].norm in ("more", "full", "whole", "+"):
        last += 1
    unit = units.get(tokens[last].norm) if last < len(tokens) else None
    if unit is None or (tokens[last].norm in ("m", "h", "d", "w", "y") and not digits):
        return None
    if norm in ("a", "an") and unit in ("hour", "year") and tokens[index - 1].norm not in LEADS:
        return None
    return number, unit, last + 1


def _fraction(tokens: Sequence[Token], index: int, digits: str) -> tuple[str, str, int] | None:
    unit = FRACTIONS.get(tokens[index + 2].norm)
    later = tokens[index + 3].norm if index + 3 < len(tokens) else ""
    before = tokens[index - 1].norm if index else ""
    two_before = {t.norm for t in tokens[max(0, index - 2) : index]}
    if unit is None or later == "/" or before == "/" or later in DATED - {"on"} or two_before & DATED:
        return None
    return _plain(digits), unit, index + 3


def _leading_digits(norm: str) -> str:
    end = 0
    while end < len(norm) and norm[end].isdigit():
        end += 1
    return norm[:end]


def _plain(digits: str) -> str:
    return str(int(digits))


def _to_symptom(read: Read, span: _Span) -> int | None:
    """Return the distance to the symptom the span belongs to, None when it belongs to something else."""
    tokens = read.passage.tokens
    sentence = read.sentence_of(span.first)
    words = {tokens[i].norm for i in range(max(0, span.first - 8), min(len(tokens), span.last + 3))}
    if span.ago and not words & BEGINNINGS:
        return None
    nearest: tuple[int, bool] | None = None
    for found in read.findings:
        if found.sentence != sentence:
            continue
        ahead = found.mention.first >= span.last
        gap = found.mention.first - span.last if ahead else span.first - found.mention.last
        if any(tokens[i].norm in (",", ";") for i in _between(found.mention.first, found.mention.last, span)):
            gap += 3
        if ahead and not _follows_of(tokens, span):
            gap += 4
        table = found.mention.phrase.table
        if found.status == "negated" or (table == "findings" and found.status == "uncertain"):
            continue  # `pain, r/o DVT x 2 wks`: the question has no duration
        counts = found.status in ("affirmed", "uncertain") and table in ("symptoms", "calcification")
        counts = counts or (
            table == "findings"
            and found.mention.concept == "other"
            and found.status == "affirmed"
            and tokens[found.mention.first].norm
            in ("complaint", "symptoms", "sx", "sxs", "tightness", "stiffness", "asymmetry")
        )
        if nearest is None or gap < nearest[0]:
            nearest = (gap, counts)
    if nearest is None and words & {"duration", "long", "symptoms", "onset", "sx"}:
        return 5
    if nearest is None:
        return 50 if span.led and not span.ago and _symptom_before(read, span) else None
    return nearest[0] if nearest[1] else None


def _between(first: int, last: int, span: _Span) -> range:
    return range(span.last, first) if first >= span.last else range(last, span.first)


def _follows_of(tokens: Sequence[Token], span: _Span) -> bool:
    """`3 week history of calf pain`, `2 days of swelling`, `10 day h/o`."""
    return span.last < len(tokens) and tokens[span.last].norm in ("of", "hx", "history", "h", "worth")


def _symptom_before(read: Read, span: _Span) -> bool:
    """A sentence of its own (`Calf pain. x 3 days`) belongs to the finding before it, if that is a symptom."""
    before = [f for f in read.findings if f.mention.last <= span.first]
    return bool(before) and before[-1].mention.phrase.table == "symptoms" and before[-1].status == "affirmed"
