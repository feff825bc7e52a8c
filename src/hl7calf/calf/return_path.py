"""The way back: results and status messages for an upgraded order carry the placer's own code again.

Law: only OBR-4, only for a placer order that was upgraded, and only where it holds the upgraded service; everything
else goes back byte for byte. Off unless a site routes its return path through hl7calf.

Source: ORU and ORM status toward the placer [ClinicalNotes 3.5]; ORU^R01 HL7 v2.5.1 §7.3.1.
"""

from dataclasses import replace

from hl7calf.calf.decision import same_service
from hl7calf.calf.rule import RULE_ID, RULE_VERSION
from hl7calf.calf.study import triplets_of
from hl7calf.calf.upgrade import replace_service
from hl7calf.calf.verdict import Action, Gate, Modification, OrderVerdict, Recall, Verdict
from hl7calf.errors import WireError
from hl7calf.wire.header import read_header
from hl7calf.wire.message import Message, read_message
from hl7calf.wire.orders import OrderGroup, placer_key, read_orders
from hl7calf.wire.splice import splice

RETURNED = "the placer's own code is put back on the way to the placer"


def map_back(payload: bytes, recall: Recall) -> Verdict:
    """Return the verdict on a message toward the placer: the original OBR-4 where its order was upgraded.

    The action of a changed message is `upgrade`, as for every change of a code; its gate says which way.
    Unreadable bytes pass: they are not ours to judge on the way back.
    """
    try:
        header = read_header(payload)
    except WireError:
        return Verdict(payload, payload, "", "", "", Action.PASS, reasons=("unreadable: passed back as it came",))
    message = read_message(payload, header)
    orders = tuple(_order(message, group, recall) for group in read_orders(message))
    changes = [m for o in orders for m in o.modifications]
    return Verdict(
        payload=payload,
        outbound=splice(payload, changes) if changes and message.headers == 1 else payload,
        control_id=header.control_id.decode("latin-1"),
        message_type=header.message_type,
        version=header.version,
        action=Action.UPGRADE if changes else Action.PASS,
        orders=orders if message.headers == 1 else tuple(replace(o, modifications=()) for o in orders),
        reasons=(RETURNED,) if changes else ("no upgraded order in it",),
        rule=f"{RULE_ID} {RULE_VERSION}",
    )


def _order(message: Message, group: OrderGroup, recall: Recall) -> OrderVerdict:
    key = placer_key(message, group)
    change = _restored(message, group, key, recall)
    gate = (Gate("RETURN", RETURNED),) if change else (Gate("RETURN", "not an order that was upgraded here"),)
    return OrderVerdict(
        position=group.position,
        placer_order_number=key.decode("latin-1").rstrip("^"),
        order_control="",
        service="",
        indicated=Action.PASS,
        action=Action.UPGRADE if change else Action.PASS,
        gates=gate,
        modifications=(change,) if change else (),
        placer_key=key,
    )


def _restored(message: Message, group: OrderGroup, key: bytes, recall: Recall) -> Modification | None:
    before = recall(key) if key and group.obr is not None else None
    if before is None or not same_service(before.after, triplets_of(message, group)):
        return None
    change = replace_service(message, group, before.before, RETURNED)
    return None if isinstance(change, Gate) else change
