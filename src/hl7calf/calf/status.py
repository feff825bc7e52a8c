"""The status of the calcification that counts: affirmed, uncertain, historical, negated or absent, and where.

Law: what bears on the calf decides; only when nothing does, whatever calcification the order mentions. An order
that both affirms and denies a calcification of the calf contradicts itself and is never upgraded.

Source: meaning of the statuses, [Labels]; contradiction, gate X22 [ClinicalNotes 4].
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hl7calf.calf.clauses import Read
from hl7calf.calf.evidence import Coded
from hl7calf.calf.scope import Found
from hl7calf.calf.sites import VAGUE, Attached
from hl7calf.calf.study import Study

ORDER = ("affirmed", "uncertain", "historical", "negated")
EARLIER = frozenset("old prior previous previously earlier last initial initially ago before first former".split())
UNPLACED = frozenset({"shin", "unknown"})


@dataclass(frozen=True, slots=True)
class Calcification:
    """The calcification of one order.

    `in_calf`: it bears on the calf. `is_vague`: only the limb is named, or no site. `location`: own words.
    `doubt`: why it is not clear that it counts, in plain words.
    """

    status: str
    in_calf: bool
    is_vague: bool = False
    contradicts: bool = False
    location: str | None = None
    is_arterial: bool = False
    is_calciphylaxis: bool = False
    is_abnormal_film: bool = False
    doubt: str = ""


def decide_calcification(
    attached: Sequence[Attached], coded: Coded, calf: bool, study: Study, reads: Sequence[Read]
) -> Calcification:
    """Decide which calcification counts and what its status is."""
    bearing = [a for a in attached if "calf" in a.names]
    vague = [a for a in attached if "calf" not in a.names and (not a.sites or a.names <= VAGUE)]
    in_text = any(m.concept == "calf" for r in reads if r.passage.kind != "diagnosis" for m in r.sites)
    unsaid = [a for a in vague if a.names <= {"tibfib"}]
    if in_text and not bearing and unsaid and not _elsewhere(attached, vague):
        bearing = unsaid
    statuses = _standing(bearing)
    if coded.calcified_calf or (coded.calcified and calf):
        statuses.append("affirmed")
    status = _strongest(statuses)
    if status != "absent":
        contradicts = "negated" in statuses and bool({"affirmed", "uncertain"} & set(statuses))
        return Calcification(
            "uncertain" if contradicts else status, True, contradicts=contradicts, location=_location(bearing, coded)
        )
    held = {id(a) for a in bearing}
    rest = [_status(a) for a in attached if id(a) not in held] + (
        ["affirmed"] if coded.calcified or coded.elsewhere else []
    )
    named = {s for a in attached for s in a.names}
    is_vague = (not named or bool(named & (VAGUE | UNPLACED))) and not (coded.elsewhere and not named)
    if not named and study.region == "other":
        is_vague = False
    return Calcification(
        _strongest(rest), False, is_vague=is_vague, is_arterial=bool(named) and named <= {"artery"},
        is_calciphylaxis=coded.calciphylaxis, is_abnormal_film=coded.abnormal_film,
    )  # fmt: skip


def _standing(bearing: Sequence[Attached]) -> list[str]:
    """Return the statuses that stand against each other.

    A denial by an earlier film gives way to a finding now, an unticked box to anything said, and a mere question
    to a later answer (`calcification vs artefact; repeat film excluded calcification`).
    """
    statuses = [_status(a) for a in bearing]
    if "affirmed" in statuses:
        return [
            s
            for a, s in zip(bearing, statuses, strict=True)
            if s != "negated" or not (is_of_the_past(a.found) or a.found.is_boxed)
        ]
    if statuses and statuses[-1] == "negated":
        return [s for s in statuses if s != "uncertain"]
    return statuses


def is_of_the_past(found: Found) -> bool:
    """Tell whether a finding is told of an earlier examination: `old films 2019 showed no calcification`."""
    tokens = found.passage.tokens
    for token in reversed(tokens[max(0, found.mention.first - 9) : found.mention.first]):
        if token.norm in (".", ";", "but", "now"):
            return False
        if token.norm in EARLIER or (token.norm.isdigit() and len(token.norm) == 4 and token.norm[:2] in ("19", "20")):
            return True
    return False


def _elsewhere(attached: Sequence[Attached], vague: Sequence[Attached]) -> bool:
    """Tell whether every vague calcification might be one that another sentence places elsewhere."""
    held = {id(a) for a in vague}
    return any(a.names for a in attached if id(a) not in held) and not any(a.names for a in vague)


def _status(attached: Attached) -> str:
    found = attached.found
    if found.mention.concept == "denied":
        return "negated"
    if found.mention.concept == "weak" and found.status == "affirmed":
        return "uncertain"
    return found.status


def _strongest(statuses: Sequence[str]) -> str:
    return next((s for s in ORDER if s in statuses), "absent")


def _location(bearing: Sequence[Attached], coded: Coded) -> str:
    words = [location for a in bearing for site, location in a.sites if site == "calf" and location]
    return max(words, key=len, default="lower leg" if coded.calcified_calf and not bearing else "calf")
