"""The five pitfalls of the guideline, as named checks shown in the log and by `explain`.

Law: a pitfall is told, never corrected by itself; `assumed_benign` only says that the order calls the
calcification benign, hl7calf has no opinion on that.

Source: "Common Pitfalls to Avoid" [Guideline].
"""

from collections.abc import Sequence

from hl7calf.calf.clauses import Read
from hl7calf.calf.study import Study
from hl7calf.calf.verdict import Facts

DOPPLER_WORDS = frozenset("doppler dopp dop duplex dup dplx duplx cdus dus levd levdus vendup vendop".split())
PITFALLS = {
    "limited_protocol": "a limited protocol was ordered: it skips the calf",
    "area_not_specified": "the area of concern is not specified",
    "clinical_information_missing": "symptoms or earlier imaging are missing",
    "assumed_benign": "the calcification is called benign in the order",
    "no_doppler": "Doppler is not asked for",
}


def name_pitfalls(study: Study, facts: Facts, reads: Sequence[Read], extents: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the pitfalls this order falls into; none unless it is a target."""
    if not facts.target:
        return ()
    names = {t.norm for r in reads if r.passage.kind == "name" for t in r.passage.tokens}
    benign = any(f.mention.concept == "benign" and f.status == "affirmed" for r in reads for f in r.findings)
    checks = {
        "limited_protocol": "limited" in extents,
        "area_not_specified": facts.location in (None, "lower leg"),
        "clinical_information_missing": not facts.symptoms or facts.prior_imaging is None,
        "assumed_benign": benign,
        "no_doppler": study.kind == "venous" and not names & DOPPLER_WORDS,
    }
    return tuple(name for name in PITFALLS if checks[name])
