"""Check boxes of templates: which words are ticked and which are not.

Law: a box belongs to the label behind it where the line starts with a box, else to the label before it; a line's
lead-in up to a colon belongs to no box. Words of an unticked label are as if they were not there.
"""

from collections.abc import Sequence

from hl7calf.calf.words import Token

PAIRS = {"(": ")", "[": "]"}
TICKS = frozenset({"x", "y", "yes", "✓", "v"})
BLANKS = frozenset({"n", "no"})
SINGLE = {"☐": False, "☒": True, "☑": True, "✓": True}
LINE_ENDS = frozenset({"\n", ";"})


def read_boxes(tokens: Sequence[Token]) -> tuple[dict[int, bool], frozenset[int]]:
    """Return for each token that a box governs whether it is ticked, and the tokens that are boxes."""
    boxes = _find(tokens)
    if not boxes:
        return {}, frozenset()
    own = frozenset(t for first, last, _ in boxes for t in range(first, last))
    answers = _answers(tokens, boxes)
    if answers:
        return answers, own | _answer_words(tokens, own)
    governed: dict[int, bool] = {}
    for number, (first, last, ticked) in enumerate(boxes):
        start = _line_start(tokens, first, own)
        if start in own:
            stop = boxes[number + 1][0] if number + 1 < len(boxes) else len(tokens)
            label = range(last, _line_end(tokens, last, stop))
        else:
            previous = boxes[number - 1][1] if number else 0
            label = range(max(start, previous), first)
        governed.update(dict.fromkeys(label, ticked))
    return governed, own


def _answers(tokens: Sequence[Token], boxes: Sequence[tuple[int, int, bool]]) -> dict[int, bool]:
    """Return what `Calcification: [ ] Yes [x] No` says of the words before its boxes; empty for other boxes."""
    governed: dict[int, bool] = {}
    start = 0
    number = 0
    while number < len(boxes):
        said: dict[str, bool] = {}
        begin = boxes[number][0]
        end = begin
        while number < len(boxes) and boxes[number][0] - end <= 1:
            _first, last, ticked = boxes[number]
            label = tokens[last].norm if last < len(tokens) else ""
            if label not in ("yes", "no", "y", "n"):
                return {}
            said[label[0]] = ticked
            end = last + 1
            number += 1
        if "y" not in said and "n" not in said:
            return {}
        governed.update(dict.fromkeys(range(start, begin), said.get("y", False) and not said.get("n", False)))
        start = end
    return governed


def _answer_words(tokens: Sequence[Token], own: frozenset[int]) -> frozenset[int]:
    """Return the `Yes` and `No` behind boxes, which deny nothing by themselves."""
    return frozenset(t for t, token in enumerate(tokens) if token.norm in ("yes", "no", "y", "n") and t - 1 in own)


def _find(tokens: Sequence[Token]) -> list[tuple[int, int, bool]]:
    found: list[tuple[int, int, bool]] = []
    index = 0
    while index < len(tokens):
        norm = tokens[index].norm
        closing = PAIRS.get(norm)
        if norm in SINGLE:
            found.append((index, index + 1, SINGLE[norm]))
        elif closing and index + 1 < len(tokens) and tokens[index + 1].norm == closing:
            found.append((index, index + 2, False))
            index += 1
        elif closing and index + 2 < len(tokens) and tokens[index + 2].norm == closing:
            inner = tokens[index + 1].norm
            if inner in TICKS or inner in BLANKS:
                found.append((index, index + 3, inner in TICKS))
                index += 2
        index += 1
    return found


def _line_start(tokens: Sequence[Token], index: int, own: frozenset[int]) -> int:
    start = index
    while start > 0 and (tokens[start - 1].norm not in LINE_ENDS | {":", ".", ","} or start - 1 in own):
        start -= 1
    return start


def _line_end(tokens: Sequence[Token], index: int, stop: int) -> int:
    end = index
    while end < stop and tokens[end].norm not in LINE_ENDS:
        if end > index and end + 1 < stop and tokens[end + 1].norm == ":":
            break  # the next label of the template starts
        end += 1
    return end
