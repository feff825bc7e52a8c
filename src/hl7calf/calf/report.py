"""A verdict as the JSON object that `vet --json` prints and POST /vet answers.

Law: the keys are those of the contract, in its order, none more and none less; bytes become text by the
message's own MSH-18; what is absent is null. Whoever has asked the advisor hands its finding in.
"""

from typing import Any, Protocol

from hl7calf.calf.verdict import Evidence, Modification, OrderVerdict, Verdict
from hl7calf.errors import WireError
from hl7calf.wire.charset import decode_bytes
from hl7calf.wire.header import read_header

Json = dict[str, Any]


class Compared(Protocol):
    """What the advisor on conformance found before and after a change."""

    @property
    def before(self) -> int:
        """How many findings the inbound bytes have."""

    @property
    def after(self) -> int:
        """How many findings the outbound bytes have."""

    @property
    def new(self) -> tuple[str, ...]:
        """The findings that only the outbound bytes have."""


def verdict_to_json(verdict: Verdict, source: str, conformance: Compared | None = None) -> Json:
    """Return the verdict in the contract's shape.

    Args:
        source: where the payload came from, `file.hl7#1`.
        conformance: what the advisor found; None where it was not asked.
    """
    charsets = charsets_of(verdict.payload)
    return {
        "source": source,
        "control_id": verdict.control_id,
        "message_type": verdict.message_type,
        "version": verdict.version,
        "action": verdict.action.value,
        "changed": verdict.changed,
        "reasons": list(verdict.reasons),
        "fault": {"code": verdict.fault.code, "why": verdict.fault.why} if verdict.fault else None,
        "orders": [_order(order, charsets) for order in verdict.orders],
        "witness": verdict.witness,
        "conformance": None
        if conformance is None
        else {"before": conformance.before, "after": conformance.after, "new": list(conformance.new)},
    }


def charsets_of(payload: bytes) -> tuple[str, ...]:
    """Return MSH-18 of a payload, to read its bytes with; none where it has no header to say so."""
    try:
        return read_header(payload).charsets
    except WireError:
        return ()


def _order(order: OrderVerdict, charsets: tuple[str, ...]) -> Json:
    """Return one order: what it is, what was decided, the facts, the evidence, the changes."""
    facts = order.facts
    return {
        "position": order.position,
        "placer_order_number": order.placer_order_number,
        "order_control": order.order_control,
        "service": order.service,
        "indicated": order.indicated.value,
        "action": order.action.value,
        "gates": [{"code": gate.code, "why": gate.why} for gate in order.gates],
        "is_ultrasound": facts.is_ultrasound,
        "calf": facts.calf,
        "calcification": facts.calcification,
        "target": facts.target,
        "limited": facts.limited,
        "laterality": facts.laterality,
        "symptoms": list(facts.symptoms),
        "duration": facts.duration,
        "risk_factors": list(facts.risk_factors),
        "prior_imaging": facts.prior_imaging,
        "missing": list(facts.missing),
        "evidence": [_evidence(found) for found in order.evidence],
        "modifications": [_modification(changed, charsets) for changed in order.modifications],
    }


def _evidence(found: Evidence) -> Json:
    """Return one phrase or code that counted."""
    return {"concept": found.concept, "status": found.status, "path": found.path, "text": found.text, "row": found.row}


def _modification(changed: Modification, charsets: tuple[str, ...]) -> Json:
    """Return one changed span; an insertion has no `before`."""
    after = decode_bytes(changed.after, charsets)
    if not changed.length:
        return {"path": changed.path, "after": after}
    return {"path": changed.path, "before": decode_bytes(changed.before, charsets), "after": after}
