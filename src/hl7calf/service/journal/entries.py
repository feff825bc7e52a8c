"""What the modification log says of one message: identifiers, places, codes and reasons, out of its verdict.

Law: no free text of the order goes in. Evidence is a concept with its place, the words can be read again from the
inbound bytes while these are kept; OBR-4 gives its code and coding system, not its text; only what hl7calf
inserted, and the codes it replaced, stand here in full (docs/operations.md, Privacy).
"""

from typing import Any

from hl7calf.calf.verdict import Evidence, Facts, Fault, Modification, OrderVerdict, Verdict
from hl7calf.service.journal.jobs import Receipt
from hl7calf.service.modlog import bytes_as_text

_LONGEST_CODE = 64  # OBR-4.1 is ST without a length of its own since v2.7; longer than this is text, not a code


def is_logged(verdict: Verdict | None) -> bool:
    """Tell whether the message gets an entry: an order was looked at, or looking at it failed."""
    return verdict is not None and bool(verdict.orders or verdict.fault)


def message_fields(
    message_id: int, receipt: Receipt, verdict: Verdict, sha256_in: bytes, sha256_out: bytes
) -> dict[str, Any]:
    """Return the entry's own fields for one message; `modlog.entry_body` adds its place in the chain."""
    envelope = receipt.envelope
    return {
        "kind": "message",
        "message_id": message_id,
        "route": receipt.route,
        "peer": f"{receipt.peer_host}:{receipt.peer_port}",
        "sending_application": bytes_as_text(envelope.sending_application),
        "sending_facility": bytes_as_text(envelope.sending_facility),
        "receiving_application": bytes_as_text(envelope.receiving_application),
        "receiving_facility": bytes_as_text(envelope.receiving_facility),
        "message_type": envelope.message_type,
        "control_id": bytes_as_text(envelope.control_id),
        "version": envelope.version,
        "sha256_in": sha256_in.hex(),
        "sha256_out": sha256_out.hex(),
        "action": verdict.action,
        "changed": verdict.changed,
        "reasons": list(verdict.reasons),
        "mode": verdict.mode,
        "policy": verdict.policy,
        "rule": verdict.rule,
        "mappings": verdict.digest,
        "witness": verdict.witness,
        "fault": _fault(verdict.fault),
        "orders": [_order(order) for order in verdict.orders],
    }


def _fault(fault: Fault | None) -> dict[str, str] | None:
    return None if fault is None else {"code": fault.code, "why": fault.why}


def _order(order: OrderVerdict) -> dict[str, Any]:
    """Return one order: who it is, what was decided and why, on which places, what was changed."""
    return {
        "position": order.position,
        "placer_order_number": order.placer_order_number,
        "placer_key": bytes_as_text(order.placer_key),
        "filler_order_number": order.filler_order_number,
        "order_control": order.order_control,
        "service": service_code(order.service),
        "indicated": order.indicated,
        "action": order.action,
        "gates": [{"code": gate.code, "why": gate.why} for gate in order.gates],
        "pitfalls": list(order.pitfalls),
        "facts": _facts(order.facts),
        "evidence": [_evidence(found) for found in order.evidence],
        "modifications": [_modification(changed) for changed in order.modifications],
    }


def service_code(service: str) -> str:
    """Return OBR-4 without its text: `USVENLTDL^^L` of `USVENLTDL^US VENOUS LIMITED LEFT^L`; '' without a code."""
    code, *rest = service.split("^")
    if not _is_code(code):
        return ""
    return f"{code}^^{rest[1]}" if len(rest) > 1 and _is_code(rest[1]) else code


def _is_code(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_CODE and text.isprintable() and " " not in text


def _facts(facts: Facts) -> dict[str, Any]:
    """Return the facts in the vocabularies of the contract; none of them is free text."""
    return {
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
    }


def _evidence(found: Evidence) -> dict[str, Any]:
    """Return where a phrase stands and which row knows it, without the phrase."""
    return {
        "concept": found.concept,
        "status": found.status,
        "path": found.path,
        "row": found.row,
        "offset": found.offset,
        "length": found.length,
    }


def _modification(changed: Modification) -> dict[str, Any]:
    """Return one changed span in full, so that it can be undone from the log alone."""
    return {
        "path": changed.path,
        "offset": changed.offset,
        "length": changed.length,
        "before": bytes_as_text(changed.before),
        "after": bytes_as_text(changed.after),
        "why": changed.why,
    }
