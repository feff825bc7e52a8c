"""Which rule is in force: the mode people chose, held down to what the policy allows, with the mappings last read.

Law: each change is one swap of `Terms`, so it holds from the next message on (P23). A lowered mode is never silent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hl7calf.calf.verdict import Mode, Policy
from hl7calf.service.alarms import Alarms
from hl7calf.service.events import emit
from hl7calf.service.metrics import Metrics
from hl7calf.service.rule import Rule, Terms

Allowed = Callable[[Mode], tuple[Mode, str]]


@dataclass(frozen=True, slots=True)
class Course:
    """What the site provides: mappings, policy, and which mode the policy allows at this moment.

    Args:
        allowed: asked again and again, as days pass; returns the mode and why it is lower than the one wanted.
    """

    tables: Any
    digest: str
    options: Any
    policy: Policy | None
    allowed: Allowed


class Steering:
    """Keeps the rule's terms up to date."""

    def __init__(
        self, rule: Rule, course: Course, mode: Mode, alarms: Alarms, metrics: Metrics, seconds: Callable[[], float]
    ) -> None:
        self._rule = rule
        self._course = course
        self._wanted = mode
        self._alarms = alarms
        self._metrics = metrics
        self._seconds = seconds
        self._apply(anew=True)
        self._metrics.set_mappings(course.digest)

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self._rule.terms.mode

    @property
    def wanted(self) -> Mode:
        """The mode people chose."""
        return self._wanted

    def set_mode(self, mode: Mode) -> None:
        """Go by another mode from the next message on."""
        if mode is not self._wanted:
            self._wanted = mode
            self._apply()

    def set_course(self, course: Course) -> None:
        """Go by other mappings and another policy; a rule that was switched off is tried again."""
        self._course = course
        self._apply(anew=True)
        self._metrics.set_mappings(course.digest)

    def look_at_the_date(self) -> None:
        """See whether the policy still allows what it did."""
        self._apply()

    def _apply(self, anew: bool = False) -> None:
        course = self._course
        mode, why = course.allowed(self._wanted)
        policy = course.policy
        if policy is not None and bool(why) == policy.in_force:
            policy = Policy(policy.id, policy.version, not why, policy.sending_facilities, policy.patient_classes)
        terms = Terms(course.tables, course.digest, mode, policy, course.options)
        if terms == self._rule.terms and not anew:
            return
        self._rule.replace(terms)
        self._metrics.set_mode(mode.value)
        emit("S_MODE", "warn", mode=mode.value, wanted=self._wanted.value, mappings=course.digest)
        if why:
            self._alarms.sound("S_POLICY_LAPSED", self._seconds(), why=why)
        else:
            self._alarms.end("S_POLICY_LAPSED")
