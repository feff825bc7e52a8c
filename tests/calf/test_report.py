"""`vet --json`: the keys of the contract, exactly."""

import json
from dataclasses import dataclass

from hl7calf.calf.report import verdict_to_json
from hl7calf.calf.verdict import Action, Evidence, Facts, Fault, Gate, Modification, OrderVerdict, Verdict

PAYLOAD = b"MSH|^~\\&|CPOE|A|RIS|B|20260101||ORM^O01|A1|P|2.5.1||||||8859/1\rPID|1\rORC|NW|P-1^CPOE\rOBR|1|P-1^CPOE||OLD^caf\xe9^L\r"
CONTRACT = (
    '{"source": "file.hl7#1", "control_id": "A1", "message_type": "ORM^O01", "version": "2.5.1", "action": "upgrade",'
    ' "changed": true, "reasons": ["r"], "fault": null, "orders": [{"position": 1, "placer_order_number": "P-1^CPOE",'
    ' "order_control": "NW", "service": "OLD^caf\\u00e9^L", "indicated": "upgrade", "action": "upgrade",'
    ' "gates": [{"code": "X7", "why": "no limit stated"}], "is_ultrasound": true, "calf": true,'
    ' "calcification": "affirmed", "target": true, "limited": true, "laterality": "L", "symptoms": ["pain"],'
    ' "duration": "3 day", "risk_factors": [], "prior_imaging": "XR", "missing": ["duration"],'
    ' "evidence": [{"concept": "calcification", "status": "affirmed", "path": "OBR[1]-31.2", "text": "calcs",'
    ' "row": "calcification.csv:12"}], "modifications": [{"path": "OBR[1]-4", "before": "OLD^caf\\u00e9^L",'
    ' "after": "NEW"}, {"path": "NTE", "after": "NTE|1|O|x\\r"}]}], "witness": "ok",'
    ' "conformance": {"before": 3, "after": 3, "new": []}}'
)


@dataclass(frozen=True)
class Advice:
    before: int = 3
    after: int = 3
    new: tuple[str, ...] = ()


def verdict() -> Verdict:
    start = PAYLOAD.index(b"OLD")
    order = OrderVerdict(
        1,
        "P-1^CPOE",
        "NW",
        "OLD^café^L",
        Action.UPGRADE,
        Action.UPGRADE,
        (Gate("X7", "no limit stated"),),
        Facts(
            True,
            True,
            "affirmed",
            True,
            True,
            "L",
            ("pain",),
            "3 day",
            (),
            "XR",
            ("duration",),
            "left calf",
            ("dystrophic",),
        ),
        (Evidence("calcification", "affirmed", "OBR[1]-31.2", "calcs", "calcification.csv:12", 5, 5),),
        (
            Modification("OBR[1]-4", start, 10, PAYLOAD[start : start + 10], b"NEW", "map"),
            Modification("NTE", len(PAYLOAD), 0, b"", b"NTE|1|O|x\r", "note"),
        ),
    )
    return Verdict(PAYLOAD, PAYLOAD + b"x", "A1", "ORM^O01", "2.5.1", Action.UPGRADE, (order,), ("r",), None, "ok")


def test_the_object_is_that_of_the_contract_key_by_key_and_in_its_order() -> None:
    assert json.dumps(verdict_to_json(verdict(), "file.hl7#1", Advice())) == CONTRACT


def test_without_the_advisor_conformance_is_null() -> None:
    assert verdict_to_json(verdict(), "-#1")["conformance"] is None


def test_an_unreadable_message_yields_its_fault_and_refuse() -> None:
    payload = b"no header \xff"
    told = verdict_to_json(
        Verdict(payload, payload, "", "", "", Action.REFUSE, fault=Fault("H_NO_MSH", "no MSH")), "x#1"
    )
    assert told["fault"] == {"code": "H_NO_MSH", "why": "no MSH"}
    assert (told["action"], told["changed"], told["orders"]) == ("refuse", False, [])


def test_bytes_that_are_not_in_the_declared_charset_are_still_text() -> None:
    payload = PAYLOAD.replace(b"8859/1", b"UNICODE UTF-8")
    told = verdict_to_json(
        Verdict(payload, payload + b"x", "A1", "ORM^O01", "2.5.1", Action.UPGRADE, verdict().orders), "x#1"
    )
    assert json.loads(json.dumps(told))["orders"][0]["modifications"][0]["before"] == "OLD^café^L"
