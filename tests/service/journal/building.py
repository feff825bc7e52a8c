"""Invented messages, verdicts and jobs for the tests of the journal. No person in them exists."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hl7calf.calf.verdict import (
    Action,
    Evidence,
    Facts,
    Fault,
    Gate,
    Mode,
    Modification,
    OrderVerdict,
    Remembered,
    Verdict,
)
from hl7calf.service.journal.jobs import Envelope, Job, Receipt, RecordArrival, Recorded
from hl7calf.service.journal.store import Store

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY_S = 86_400.0


def payload(control_id: str = "A1", text: str = "calf pain") -> bytes:
    return (
        f"MSH|^~\\&|CPOE|HOSP|RIS|RAD|20260101||ORM^O01|{control_id}|P|2.5.1\r"
        f"PID|1||4711||KANARIENVOGEL^CANARY\rORC|NW|P-1^CPOE\rOBR|1|P-1^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||||||||{text}\r"
    ).encode()


def order(placer: str = "P-1", action: Action = Action.PASS, **more: Any) -> OrderVerdict:
    fields: dict[str, Any] = {
        "position": 1,
        "placer_order_number": f"{placer}^CPOE",
        "order_control": "NW",
        "service": "USVENLTDL^US VENOUS LIMITED LEFT^L",
        "indicated": action,
        "action": action,
        "gates": (Gate("X7", "no limit is stated"),),
        "facts": Facts(is_ultrasound=True, calf=True, calcification="affirmed", symptoms=("pain",)),
        "evidence": (
            Evidence("calcification", "affirmed", "OBR[1]-13", "KANARIENKALK", "calcification.csv:12", 90, 5),
        ),
        "filler_order_number": "F-1",
        "placer_key": f"{placer}^CPOE".encode("utf-8", "surrogateescape"),
    }
    return OrderVerdict(**{**fields, **more})


def verdict(data: bytes, orders: Sequence[OrderVerdict] = (), **more: Any) -> Verdict:
    fields: dict[str, Any] = {
        "payload": data,
        "outbound": data,
        "control_id": "A1",
        "message_type": "ORM^O01",
        "version": "2.5.1",
        "action": orders[0].action if orders else Action.PASS,
        "orders": tuple(orders),
        "reasons": ("no word of the rule",),
        "mode": Mode.UPGRADE,
        "policy": "RAD-US-017 1",
        "digest": "d1",
        "rule": "calf 1",
    }
    return Verdict(**{**fields, **more})


def upgraded(control_id: str = "A1", placer: str = "P-1") -> Verdict:
    data = payload(control_id)
    at = data.index(b"USVENLTDL^US VENOUS LIMITED LEFT^L")
    before = b"USVENLTDL^US VENOUS LIMITED LEFT^L"
    after = b"USVENCOML^US VENOUS COMPLETE LEFT^L"
    change = Modification("OBR[1]-4", at, len(before), before, after, "study map")
    outbound = data[:at] + after + data[at + len(before) :]
    kept = Remembered(
        f"{placer}^CPOE".encode(), ("USVENLTDL", "US", "L"), ("USVENCOML", "US", "L"), "calf 1", control_id
    )
    one = order(placer, Action.UPGRADE, modifications=(change,))
    return verdict(data, [one], outbound=outbound, control_id=control_id, remember=(kept,), witness="ok")


def arrival(
    control_id: str = "A1",
    *,
    data: bytes | None = None,
    found: Verdict | None = None,
    placer: str | None = None,
    route: str = "orders",
    lane: str | None = None,
    lane_key: bytes = b"",
    forward: bool = True,
    quarantine: bool = True,
    at: float = T0,
    host: str = "192.0.2.1",
    port: int = 40_000,
    fault: Fault | None = None,
    **more: Any,
) -> RecordArrival:
    """One arrival: not an order unless `placer` or `found` says so."""
    if found is None:
        data = payload(control_id) if data is None else data
        found = verdict(data, [order(placer)] if placer else [], control_id=control_id)
    envelope = Envelope(b"CPOE", b"HOSP", b"RIS", b"RAD", "ORM^O01", control_id.encode(), "2.5.1")
    receipt = Receipt(route, host, port, at, found.payload, envelope)
    return RecordArrival(
        receipt, found, fault, lane or route, forward, quarantine=quarantine, lane_key=lane_key, **more
    )


def opened(folder: Path, **more: Any) -> Store:
    return Store.open(folder / "var", "node-1", at=T0, **more)


def do(store: Store, job: Job) -> Any:
    """Do one job; raise what it raises."""
    [answer] = store.run([job])
    if isinstance(answer, Exception):
        raise answer
    return answer


def record(store: Store, *jobs: RecordArrival) -> list[int]:
    """Record arrivals in one transaction and return their numbers."""
    numbers = []
    for answer in store.run(jobs):
        assert isinstance(answer, Recorded)
        numbers.append(answer.message_id)
    return numbers
