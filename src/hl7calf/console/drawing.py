"""Where the lines of a picture run: bars, stacks, a line and its band, as numbers for an SVG drawn by a template.

Law: pure; numbers only, no text, so nothing of a message can get into a picture's shapes. Pictures stretch with the
page: x runs from 0 to 100, y from 0 (top) to the height given. What a picture says is said in words beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle; `kind` names its colour in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """One point; `unusual` ones stand out."""

    x: float
    y: float
    unusual: bool = False


def bars(values: Sequence[float], height: float, most: float | None = None, gap: float = 0.25) -> list[Bar]:
    """Return one bar per value, left to right; `gap` is the part of each place left free."""
    top = most if most is not None else max(values, default=0)
    place = WIDTH / max(1, len(values))
    found = []
    for number, value in enumerate(values):
        tall = height * value / top if top else 0.0
        tall = max(tall, height * 0.04) if value else 0.0  # one message in a busy day is still seen
        found.append(_bar(number * place + place * gap / 2, height - tall, place * (1 - gap), tall))
    return found


def stacks(
    days: Sequence[Mapping[str, int]], kinds: Sequence[str], height: float, most: int, gap: float = 0.25
) -> list[Bar]:
    """Return the parts of one stacked bar per day, the first kind at the bottom."""
    place = WIDTH / max(1, len(days))
    found = []
    for number, day in enumerate(days):
        y = height
        for kind in kinds:
            tall = height * day.get(kind, 0) / most if most else 0.0
            if tall:
                y -= tall
                found.append(_bar(number * place + place * gap / 2, y, place * (1 - gap), tall, kind))
    return found


def line(values: Sequence[float | None], height: float, most: float) -> str:
    """Return an SVG path through the values, interrupted where there is none."""
    parts, down = [], False
    for dot in _places(values, height, most):
        if dot is None:
            down = False
            continue
        parts.append(f"{'L' if down else 'M'}{_short(dot.x)} {_short(dot.y)}")
        down = True
    return " ".join(parts)


def dots(values: Sequence[float | None], unusual: Sequence[bool], height: float, most: float) -> list[Dot]:
    """Return one point per value that is there."""
    places = _places(values, height, most)
    return [Dot(dot.x, dot.y, odd) for dot, odd in zip(places, unusual, strict=True) if dot is not None]


def band(low: Sequence[float | None], high: Sequence[float | None], height: float, most: float) -> list[str]:
    """Return the SVG polygons between two lines, one for each stretch where both are there."""
    upper, lower = _places(high, height, most), _places(low, height, most)
    stretches: list[list[tuple[Dot, Dot]]] = [[]]
    for above, below in zip(upper, lower, strict=True):
        if above is None or below is None:
            stretches.append([])
        else:
            stretches[-1].append((above, below))
    return [
        " ".join(f"{_short(d.x)},{_short(d.y)}" for d in [*(a for a, _ in s), *(b for _, b in reversed(s))])
        for s in stretches if len(s) > 1
    ]  # fmt: skip


def round_top(value: float) -> float:
    """Return a round number at or above a value: 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 1e-6
    while True:
        for step in (1, 1.5, 2, 3, 4, 5, 6, 8):
            if step * power >= value * (1 - 1e-9):
                return float(f"{step * power:.6g}")
        power *= 10


def _places(values: Sequence[float | None], height: float, most: float) -> list[Dot | None]:
    place = WIDTH / max(1, len(values))
    return [
        None if value is None else Dot(round((number + 0.5) * place, 2), round(height - height * value / most, 2))
        for number, value in enumerate(values)
    ]


def _bar(x: float, y: float, width: float, height: float, kind: str = "") -> Bar:
    return Bar(round(x, 2), round(y, 2), round(width, 2), round(height, 2), kind)


def _short(number: float) -> str:
    return f"{number:g}"
