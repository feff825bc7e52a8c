"""The rule in force: with which tables, mode and policy orders are vetted, and whether at all.

Law: what is in force is one value that is swapped whole, so that no message is vetted half by the old and half
by the new. A verdict that cannot prove its own changes is not used. After repeated failures the rule is off, and
everything goes on unchanged until a person reloads it (R14).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hl7calf.calf.verdict import Fault, Mode, Policy, Recall, Verdict
from hl7calf.service.alarms import Alarms
from hl7calf.service.events import emit
from hl7calf.wire.header import Header
from hl7calf.wire.splice import is_exact

RULE_OFF = Fault("V_RULE_OFF", "the rule is off after repeated failures; the original goes on", "AA")
INEXACT = Fault("V_INEXACT", "the change was more than it declared; the original goes on", "AA")


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order is vetted with. `tables` and `options` are opaque here; `calf` knows them."""

    tables: Any
    digest: str
    mode: Mode = Mode.OBSERVE
    policy: Policy | None = None
    options: Any = None


Vet = Callable[[bytes, Terms, Recall], Verdict]
Triage = Callable[[bytes, Terms, Recall | None, Header | None], Verdict | None]


class Rule:
    """The one rule of the process, shared by its routes.

    Args:
        terms: to begin with.
        vet: the full vetting; runs in the vetting thread.
        triage: the quick look; runs in the reactor's thread.
        failures_limit: so many failures within `failures_window_s` switch it off.
    """

    def __init__(
        self,
        terms: Terms,
        vet: Vet,
        triage: Triage,
        alarms: Alarms,
        failures_limit: int = 5,
        failures_window_s: float = 300.0,
    ) -> None:
        self.terms = terms
        self.on = True
        self._vet = vet
        self._triage = triage
        self._alarms = alarms
        self._limit = failures_limit
        self._window_s = failures_window_s
        self._failures: deque[float] = deque()

    def triage(self, payload: bytes, recall: Recall | None, header: Header | None = None) -> Verdict | None:
        """Give the quick answer, or None when the full vetting is needed.

        Args:
            recall: None while earlier orders are still being vetted, so that nothing can be said about later ones.
            header: of the payload, where it was read before.
        """
        return self._triage(payload, self.terms, recall, header)

    def vet(self, payload: bytes, recall: Recall) -> tuple[Verdict | None, Fault | None]:
        """Vet one payload under the terms of this moment and prove the outcome (invariants 1 and 6)."""
        verdict = self._vet(payload, self.terms, recall)
        return (verdict, None) if proven(verdict, payload) else (None, INEXACT)

    def replace(self, terms: Terms) -> None:
        """Vet the next message under other terms; a rule that was off is tried again."""
        self.terms = terms
        self._failures.clear()
        if not self.on:
            self.on = True
            self._alarms.end("V_RULE_OFF")
            emit("V_RULE_ON", "warn")

    def failed(self, code: str, route: str, now: float) -> None:
        """Count one failure (monotonic seconds); off and alarmed at the limit."""
        emit(code, "error", route=route)
        self._failures.append(now)
        while self._failures[0] < now - self._window_s:
            self._failures.popleft()
        if self.on and len(self._failures) >= self._limit:
            self.on = False
            self._alarms.sound("V_RULE_OFF", now, failures=len(self._failures))


class RouteRule:
    """The rule as one route meets it: its own way of vetting, everything else the process's."""

    def __init__(self, rule: Rule, vet: Vet, triage: Triage) -> None:
        self._rule = rule
        self._vet = vet
        self._triage = triage

    @property
    def on(self) -> bool:
        """Whether the rule is on."""
        return self._rule.on

    def triage(self, payload: bytes, recall: Recall | None, header: Header | None = None) -> Verdict | None:
        """As `Rule.triage`, the route's way."""
        return self._triage(payload, self._rule.terms, recall, header)

    def vet(self, payload: bytes, recall: Recall) -> tuple[Verdict | None, Fault | None]:
        """As `Rule.vet`, the route's way."""
        verdict = self._vet(payload, self._rule.terms, recall)
        return (verdict, None) if proven(verdict, payload) else (None, INEXACT)

    def failed(self, code: str, route: str, now: float) -> None:
        """As `Rule.failed`."""
        self._rule.failed(code, route, now)


def proven(verdict: Verdict, payload: bytes) -> bool:
    """Tell whether outbound is inbound with exactly the recorded spans replaced, none outside an order's own."""
    if verdict.payload is not payload and verdict.payload != payload:
        return False
    if not verdict.changed:
        return not verdict.modifications
    return is_exact(payload, verdict.outbound, verdict.modifications)
