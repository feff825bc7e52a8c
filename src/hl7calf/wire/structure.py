"""The order of segments that HL7 gives a message, and which segments do not stand where it wants them.

Law: from hl7apy's tables alone; its own group finder and validator are not asked, as its validator takes the
choice in ORM_O01 for a sequence and asks for RQD, RQ1 and RXO beside every OBR (hl7apy issue 142, in 1.3.5).
Z segments and stray lines have no place and are passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hl7calf.wire.tables import reference

_TRIES = 20  # segments out of place that are named; more is one finding


@dataclass(frozen=True, slots=True)
class Part:
    """A segment or group: how often it may stand, what may begin it, and a group's own parts."""

    name: str
    least: int
    most: int
    first: frozenset[str]
    parts: tuple["Part", ...] = ()
    choice: bool = False


@lru_cache(maxsize=64)
def structure_of(name: str, version: str) -> Part | None:
    """Return the structure of a message such as `ORM_O01`; None where hl7apy has none."""
    known = reference(name, "Message", version)
    return _part(name, known, 1, 1) if known else None


def _part(name: str, known: Any, least: int, most: int) -> Part:
    parts = []
    for child, shape, (fewest, highest), kind in known[1]:
        if kind == "GRP":
            parts.append(_part(child, shape, fewest, highest))
        else:
            parts.append(Part(child, fewest, highest, frozenset({child})))
    choice = known[0] == "choice"
    first: set[str] = set()
    for part in parts:
        first |= part.first
        if part.least and not choice:
            break
    return Part(name, least, most, frozenset(first), tuple(parts), choice)


def segments_in(structure: Part) -> frozenset[str]:
    """Return the names of all segments a structure knows."""
    if not structure.parts:
        return frozenset({structure.name})
    return frozenset().union(*(segments_in(part) for part in structure.parts))


def misplaced(structure: Part, names: Sequence[str]) -> list[int]:
    """Return the places in `names` of segments that the structure does not expect there, at most 20."""
    places = list(range(len(names)))
    found: list[int] = []
    while len(found) < _TRIES:
        reached = _walk(structure, [names[place] for place in places], 0)
        if reached == len(places):
            break
        found.append(places.pop(reached))
    return found


def missing(structure: Part, names: Sequence[str]) -> list[str]:
    """Return required segments at the top level that do not stand in the message, such as `ORM_O01_ORDER`."""
    return [part.name for part in structure.parts if part.least and not part.first & set(names)]


def _walk(part: Part, names: Sequence[str], place: int) -> int:
    """Return how far the segments from `place` on fit a part that may begin there."""
    if not part.parts:
        return place + 1
    if part.choice:
        fits = next(child for child in part.parts if names[place] in child.first)
        return _walk(fits, names, place)
    for child in part.parts:
        count = 0
        while place < len(names) and names[place] in child.first and count != child.most:
            place = _walk(child, names, place)
            count += 1
    return place
