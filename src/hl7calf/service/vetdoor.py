"""POST /vet: a dry run over the ops port, for an engine that keeps its own queue.

Law: it stores nothing and forwards nothing; it vets by the rule in force, in a thread of its own, so that a body
sent here never delays an order on a route. What comes back is what would be sent, or the JSON of `vet --json`.
"""

import json
from collections.abc import Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from hl7calf.calf.verdict import Fault, Recall, Verdict
from hl7calf.errors import WireError
from hl7calf.service.ops import not_allowed
from hl7calf.service.rule import Rule
from hl7calf.service.vetworker import Outcome, VetWorker
from hl7calf.wire.header import read_header

HL7 = b"application/hl7-v2"
_JSON = b"application/json"
Describe = Callable[[Verdict], dict[str, Any]]


class VetDoor(Resource):
    """The resource behind /vet.

    Args:
        recall: the order memory, so that a later XO or CA is vetted as on the route.
        describe: a verdict in the shape of `vet --json`; runs in the vetting thread.
    """

    isLeaf = True

    def __init__(self, rule: Rule, worker: VetWorker, recall: Recall, describe: Describe) -> None:
        web: Any = super()  # twisted.web carries no types
        web.__init__()
        self._rule = rule
        self._worker = worker
        self._recall = recall
        self._describe = describe

    def render(self, request: Request) -> int | bytes:
        """Vet the body of a POST."""
        if request.method != b"POST":
            return not_allowed(request, b"POST")
        payload = request.content.read() if request.content is not None else b""
        gone: list[bool] = []
        request.notifyFinish().addErrback(lambda _: gone.append(True))
        as_json = _JSON in (request.getHeader(b"accept") or b"")
        try:
            read_header(payload)
        except WireError as wrong:
            return _refusal(request, wrong.code, wrong.why, as_json)
        described: list[dict[str, Any]] = []

        def work() -> Outcome:
            verdict, fault = self._rule.vet(payload, self._recall)
            if verdict is not None and as_json:
                described.append(self._describe(verdict))
            return verdict, fault

        def answered(verdict: Verdict | None, fault: Fault | None, took_s: float) -> None:
            if not gone:
                request.write(_answer(request, payload, verdict, fault, described))
                request.finish()

        self._worker.ask(work, answered)
        return NOT_DONE_YET


def _answer(
    request: Request, payload: bytes, verdict: Verdict | None, fault: Fault | None, described: list[dict[str, Any]]
) -> bytes:
    """Return the message as it would be sent; the original, with the reason, when vetting failed."""
    kind = request.getHeader(b"content-type") or HL7
    reasons: tuple[str, ...]
    if verdict is None or fault is not None:
        action, reasons = "pass", (fault.why if fault else "vetting failed",)
        outbound = payload
    elif verdict.fault is not None:
        return _refusal(request, verdict.fault.code, verdict.fault.why, bool(described))
    else:
        action, reasons, outbound = verdict.action.value, verdict.reasons, verdict.outbound
    request.setHeader(b"x-hl7calf-action", action.encode("ascii"))
    request.setHeader(b"x-hl7calf-reasons", header_text("; ".join(reasons)))
    request.setHeader(b"x-content-type-options", b"nosniff")
    if described:
        request.setHeader(b"content-type", _JSON)
        return json.dumps(described[0]).encode("ascii") + b"\n"
    request.setHeader(b"content-type", kind if kind.startswith(HL7) else HL7)
    return outbound


def _refusal(request: Request, code: str, why: str, as_json: bool) -> bytes:
    request.setResponseCode(400)
    request.setHeader(b"x-hl7calf-action", b"refuse")
    request.setHeader(b"x-content-type-options", b"nosniff")
    if as_json:
        request.setHeader(b"content-type", _JSON)
        return json.dumps({"action": "refuse", "fault": {"code": code, "why": why}}).encode("ascii") + b"\n"
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return f"{code}: {why}\n".encode()


def header_text(text: str) -> bytes:
    """Return a sentence as a header's value: printable ASCII, at most 2,000 characters."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:2000]).encode("ascii")
