"""Sites that only name what was imaged: `knee XR`, `CT abdomen`, `films of the ankle`, `XR of knee and leg`.

Law: one pass forward and one back over the sites of a passage; a film's region says where one looked, not where the
calcification is.
"""

from collections.abc import Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import Token

OF = frozenset({"of", "the", "l", "r", "left", "right", "lt", "rt"})
FORWARD_LINKS = frozenset({"/", "and", "&", "to"})
BACKWARD_LINKS = frozenset({"to", "/"})


def film_sites(read: Read, tables: Tables) -> frozenset[int]:
    """Return the indexes of those of `read.sites` that name a film's region."""
    tokens, sites = read.passage.tokens, read.sites
    films = tables.imaging.find(tokens, "text")
    starts = {m.first for m in films}
    ends = {m.last for m in films}
    found = set()
    for index, site in enumerate(sites):
        if site.concept == "calf" and "soft tissue" in site.phrase.detail:
            continue
        if site.last in starts or any(_leads(tokens, site.first - k, site.first, ends) for k in range(3)):
            found.add(index)
    for index in range(1, len(sites)):
        if index - 1 in found and _linked(read, index, FORWARD_LINKS):
            found.add(index)
    for index in range(len(sites) - 2, -1, -1):
        if index + 1 in found and _linked(read, index + 1, BACKWARD_LINKS):
            found.add(index)
    return frozenset(found)


def _leads(tokens: Sequence[Token], start: int, stop: int, ends: set[int]) -> bool:
    """Tell whether a film ends at `start` and only `of the left` or the like stands before `stop`."""
    return start in ends and all(t.norm in OF for t in tokens[start:stop])


def _linked(read: Read, index: int, links: frozenset[str]) -> bool:
    """Tell whether one linking word stands between a site and the one before it."""
    before, site = read.sites[index - 1], read.sites[index]
    return site.first - before.last == 1 and read.passage.tokens[before.last].norm in links
