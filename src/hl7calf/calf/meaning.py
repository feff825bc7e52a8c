"""What an order means to the rule: the one measure by which `check` proves that a table row is needed.

Law: two readings mean the same when the rule says the same of them: action, gates, facts (sides, symptoms,
duration, risk factors, earlier imaging, location, characteristics), what the study is (kind, extent, side,
region), the pitfalls, and which findings with which status, sites, extents and gates were read in the text.
Where a word stands, which row knew it, how often it was said, and cues that reach nothing are not meaning.
"""

from dataclasses import dataclass

from hl7calf.calf.indication import Indication
from hl7calf.calf.verdict import Action, Facts, Gate

SILENT = frozenset({"study", "side", "cue"})
"""Kinds of evidence that count by what they do to the study and to statuses, not by being there."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Everything an analyst would call the reading of an order; compared as a whole."""

    action: Action
    gates: frozenset[Gate]
    facts: Facts
    study: tuple[object, ...]
    pitfalls: tuple[str, ...]
    said: frozenset[tuple[str, str]]

    def words(self) -> str:
        """Return the reading on one line, for the record of the shipped examples."""
        facts = self.facts
        parts = [self.action.value, *sorted(g.code for g in self.gates), *sorted(" ".join(s) for s in self.said)]
        for name in ("calcification", "location", "laterality", "duration", "prior_imaging"):
            parts += [f"{name}={told}"] if (told := getattr(facts, name)) else []
        for name in ("symptoms", "risk_factors", "characteristics"):
            parts += [f"{name}={'+'.join(told)}"] if (told := getattr(facts, name)) else []
        parts += [f"study={'/'.join(_plain(part) for part in self.study)}"]
        return "; ".join(parts)


def meaning_of(indication: Indication) -> Meaning:
    """Return what an indication means."""
    study = indication.study
    said = (
        (e.concept, e.status)
        for e in indication.evidence
        if e.concept not in SILENT and not (e.concept in ("site", "extent") and e.status == "none")
    )
    return Meaning(
        action=indication.action,
        gates=frozenset(indication.gates),
        facts=indication.facts,
        study=(
            study.is_ultrasound, study.kind, study.extent, study.sides, study.region, study.marks, study.contradicts,
        ),
        pitfalls=indication.pitfalls,
        said=frozenset(said),
    )  # fmt: skip


def _plain(part: object) -> str:
    if isinstance(part, frozenset):
        return "+".join(sorted(str(p) for p in part)) or "-"
    return str(part)
