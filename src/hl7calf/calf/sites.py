"""Which body site a calcification belongs to.

Law: each calcification mention is attached to the nearest site of its own clause; a site that another finding
claims (`knee pain`) or that names the film (`knee XR`) counts only when nothing better stands there; the calf
in another sentence is taken only when the sentence itself names no site. `calf pain; aortic calcification` is
not a calcification of the calf.

Source: attachment as asked for in [ClinicalNotes 5.3]; site vocabulary sites.csv.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read
from hl7calf.calf.films import film_sites
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.scope import Found
from hl7calf.calf.tables import Tables

PREPOSITIONS = frozenset(
    "in of at within inside along near overlying over involving on around about to into throughout".split()
)
SHOWING = frozenset(
    "shows show showed has have had contains contained demonstrates demonstrated with w reveals is was".split()
)
LINKS = frozenset({"and", "&", "/", "or", "+", "to", "plus"})
PARTING = (
    LINKS
    | PREPOSITIONS
    | frozenset(
        ", - : ( with w has had no show shows showed showing reported reports demonstrate demonstrates demonstrated "
        "reveal reveals revealed confirmed identified found noted saw".split()
    )
)
"""Words after which a site no longer leads to the calcification: `right leg, calcification right calf`."""
PLACING = frozenset({"of", "in", "within", "at"})
DETERMINERS = frozenset(
    "the a an her his their my both l r lt rt left right bilateral medial lateral mid distal proximal upper lower deep "
    "superficial anterior posterior same that this area region part of".split()
)
NO_PLACE = frozenset(
    "keeping uncertain unclear unknown unspecified undetermined indeterminate doubtful questionable little small large "
    "size significance origin etiology aetiology nature recent new old question concern note interest addition context "
    "setting view association relation nonspecific clinical benign this least several multiple two three some varying "
    "variable mixed amorphous patient patients her him regard regards line".split()
)
"""Words after `of` and `in` that name no place: `of uncertain significance`, `in keeping with`."""
FILMED = frozenset("of in on by ct xr xray film films mri x ray".split())
"""Words that may stand between joined sites: `of aorta on CT and of R calf on XR`."""
CLAIMANTS = frozenset({"symptoms", "findings", "risk_factors"})
VAGUE = frozenset({"leg", "tibfib"})


@dataclass(frozen=True, slots=True)
class Attached:
    """A calcification with the sites it belongs to: (site, location) pairs; none when nobody names one.

    `by_nearness` tells that no word leads from the one to the other: the site is only the nearest.
    """

    found: Found
    sites: tuple[tuple[str, str], ...]
    mentions: tuple[Mention, ...] = ()
    read: Read | None = None
    by_nearness: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The sites' names."""
        return frozenset(site for site, _ in self.sites)


class Attachment:
    """Attaches the calcifications of one order; see `attach`."""

    def __init__(self, reads: Sequence[Read], tables: Tables) -> None:
        self.reads = reads
        self.tables = tables
        self.films = {id(read.sites[i]) for read in reads for i in film_sites(read, tables)}

    def attach(self, read: Read, found: Found) -> Attached:
        """Return the calcification with its sites."""
        sites = [m for m in read.sites if m.concept != "none"]
        here = [m for m in sites if read.sentence_of(m.first) == found.sentence]
        free = [m for m in here if not self._is_film(read, m)]
        chosen = (
            self._inside(found, sites)
            or self._before(read, found, free)
            or self._subject(read, found, [s for s in free if s.concept not in VAGUE])
            or self._after(read, found, free)
        )
        near = chosen is None
        chosen = chosen or self._filmed(read, found, here, free) or self._near(read, found, free)
        if chosen is None and self._names_unknown_place(read, found):
            return Attached(found, (("unknown", ""),), (), read)
        if chosen is None:
            distant = self._elsewhere(read, found, here)
            if distant is None:
                return Attached(found, ())
            read, mention = distant
            return Attached(found, ((mention.concept, mention.phrase.detail),), (mention,), read, by_nearness=True)
        linked = self._linked(read, chosen, here)
        return Attached(found, tuple((m.concept, m.phrase.detail) for m in linked), tuple(linked), read, near)

    @staticmethod
    def _inside(found: Found, sites: Sequence[Mention]) -> Mention | None:
        """The word names calcification and site at once: `nephrocalcinosis`."""
        return next((s for s in sites if s.first <= found.mention.first < s.last), None)

    def _is_film(self, read: Read, site: Mention) -> bool:
        return id(site) in self.films

    def _is_claimed(self, read: Read, site: Mention) -> bool:
        """Tell whether another finding follows the site at once: `knee pain`, `calf swelling`."""
        for found in read.findings:
            if found.mention.phrase.table in CLAIMANTS and found.sentence == read.sentence_of(site.first):
                gap = found.mention.first - site.last
                if gap == 0 and found.mention.concept not in ("mass", "trauma"):
                    return True
                if self._is_of(read, found, site):
                    return True
        return False

    @staticmethod
    def _is_of(read: Read, found: Found, site: Mention) -> bool:
        """`arthritis of the knee`: the finding in front claims the site by `of`."""
        between = [read.passage.tokens[i].norm for i in range(found.mention.last, site.first)]
        return 0 < len(between) <= 3 and between[0] == "of" and found.mention.concept not in ("mass", "trauma")

    def _is_taken(self, read: Read, site: Mention, found: Found) -> bool:
        """Tell whether another calcification follows the site at once: `aortic calcification, and ...`."""
        return any(
            f is not found and f.mention.phrase.table == "calcification"
            and (f.mention.first == site.last or site.first <= f.mention.first < site.last)
            for f in read.findings
        )  # fmt: skip

    def _before(self, read: Read, found: Found, sites: Sequence[Mention]) -> Mention | None:
        """`left calf soft tissue calcification`: the site leads straight to the calcification."""
        best: Mention | None = None
        for site in sites:
            if site.last > found.mention.first:
                break
            between = range(site.last, found.mention.first)
            words = {read.passage.tokens[i].norm for i in between}
            if len(between) > 4 or words & PARTING:
                continue
            if any(f.mention.first in between and f.mention.phrase.table in CLAIMANTS for f in read.findings):
                continue
            best = site
        return best

    def _subject(self, read: Read, found: Found, sites: Sequence[Mention]) -> Mention | None:
        """`the left calf shows a 15 mm calcific deposit`: the site is the subject of a showing verb."""
        tokens = read.passage.tokens
        for site in reversed([s for s in sites if s.last <= found.mention.first]):
            between = [tokens[i].norm for i in range(site.last, found.mention.first)]
            if between and len(between) <= 7 and between[0] in SHOWING and "," not in between:
                return site
        return None

    def _after(self, read: Read, found: Found, sites: Sequence[Mention]) -> Mention | None:
        """`calcification noted in the medial gastroc`: the first site that a preposition leads to."""
        for site in sites:
            if site.first < found.mention.last:
                continue
            tokens = read.passage.tokens
            between = [tokens[i].norm for i in range(found.mention.last, site.first)]
            if any(n in (";", ":") for n in between) or self._other_finding_between(
                read, found.mention.last, site.first
            ):
                return None
            if not between or (len(between) <= 6 and (set(between) & PREPOSITIONS or len(between) <= 2)):
                describes = not between and tokens[found.mention.last - 1].norm.endswith(("ied", "ic"))
                if self._is_claimed(read, site) and not describes and not (between and between[-1] in PREPOSITIONS):
                    return None
                return site
            return None
        return None

    def _other_finding_between(self, read: Read, first: int, last: int) -> bool:
        return any(
            first <= f.mention.first < last and f.mention.phrase.table in CLAIMANTS and f.mention.concept != "mass"
            for f in read.findings
        )

    def _names_unknown_place(self, read: Read, found: Found) -> bool:
        """`calcinosis of the earlobes`: a place is named that no table knows, so it is not the calf of elsewhere."""
        tokens = read.passage.tokens
        index = found.mention.last
        if index >= len(tokens) or tokens[index].norm not in PLACING:
            return False
        index += 1
        while index < len(tokens) and tokens[index].norm in DETERMINERS:
            index += 1
        if index >= len(tokens) or read.sentence_of(index) != found.sentence:
            return False
        word = tokens[index]
        known = word.norm in self.tables.words or word.norm in NO_PLACE
        return word.is_word and word.norm.isalpha() and len(word.norm) > 2 and not known

    def _filmed(self, read: Read, found: Found, here: Sequence[Mention], free: Sequence[Mention]) -> Mention | None:
        """`calf pain, calcification on x-ray of leg`: the film's region, where the calf belongs to the pain alone."""
        tokens = read.passage.tokens
        low, high = found.mention.first, found.mention.last
        while low > 0 and tokens[low - 1].norm not in (",", "-") and read.sentence_of(low - 1) == found.sentence:
            low -= 1
        while high < len(tokens) and tokens[high].norm not in (",", "-") and read.sentence_of(high) == found.sentence:
            high += 1
        if any(low <= s.first < high for s in free) or not all(self._is_claimed(read, s) for s in free):
            return None
        films = [s for s in here if s not in free and low <= s.first < high and s.concept != "tibfib"]
        return films[0] if films else None

    def _near(self, read: Read, found: Found, sites: Sequence[Mention]) -> Mention | None:
        """The nearest site of the sentence, an unclaimed one first; the one before wins a tie."""

        def distance(site: Mention) -> tuple[bool, int, bool]:
            ahead = site.first >= found.mention.last
            gap = site.first - found.mention.last if ahead else found.mention.first - site.last
            return (self._is_claimed(read, site) or self._is_taken(read, site, found), max(gap, 0), ahead)

        return min(sites, key=distance, default=None)

    def _elsewhere(self, read: Read, found: Found, films: Sequence[Mention]) -> tuple[Read, Mention] | None:
        """No site in the sentence but perhaps a film's: the film's region, else the nearest site before, then after."""
        if films:
            return read, min(films, key=lambda m: abs(m.first - found.mention.first))
        ordered = [(r, m) for r in self.reads for m in r.sites if m.concept != "none" and not self._is_film(r, m)]
        place = (self.reads.index(read), found.mention.first)
        before = [(r, m) for r, m in ordered if (self.reads.index(r), m.first) < place and r.passage.kind != "name"]
        after = [(r, m) for r, m in ordered if (self.reads.index(r), m.first) > place and r.passage.kind != "name"]
        names = [(r, m) for r, m in ordered if r.passage.kind == "name"]
        same = [(r, m) for r, m in before if r is read]
        if same:
            return same[-1]
        same = [(r, m) for r, m in after if r is read]
        if same:
            return same[0]
        rest = before[-1:] + after[:1]
        calf = [(r, m) for r, m in rest if m.concept == "calf"]
        return next(iter(calf or rest or names), None)

    def _linked(self, read: Read, chosen: Mention, sites: Sequence[Mention]) -> list[Mention]:
        """`thigh and calf calcifications`: the sites joined to the chosen one by a conjunction."""
        tokens = read.passage.tokens
        linked = [chosen]
        ordered = sorted(sites, key=lambda m: m.first)
        where = ordered.index(chosen)
        for step in (-1, 1):
            current, index = chosen, where + step
            while 0 <= index < len(ordered):
                other = ordered[index]
                low, high = (other, current) if step < 0 else (current, other)
                gap = [tokens[i].norm for i in range(low.last, high.first)]
                sides = {
                    "l",
                    "r",
                    "lt",
                    "rt",
                    "left",
                    "right",
                    "bilateral",
                    "the",
                    "medial",
                    "lateral",
                    "soft",
                    "tissue",
                }
                again = len(gap) <= 7 and bool(set(gap) & {"of", "in"}) and set(gap) <= LINKS | sides | FILMED
                near = len(gap) <= 3 and set(gap) <= LINKS | sides
                if (gap and not set(gap) & LINKS) or not (near or again):
                    break
                linked.append(other)
                current, index = other, index + step
        return linked
