"""The verdict on orders whose message cannot name a calcification, from their heads alone.

Law: what it says is what the whole rule says of such orders, but for the facts, which stay unread: pass, with the gate
that tells why. It says nothing (None) where an order has an upgrade to carry on, or a head must be read with care.
"""

from functools import lru_cache

from hl7calf.calf.gates import gate
from hl7calf.calf.order_text import Control, control_of
from hl7calf.calf.verdict import Action, Gate, OrderVerdict, Recall
from hl7calf.wire.header import Header
from hl7calf.wire.order_heads import OrderHead, read_heads


def quiet_orders(payload: bytes, header: Header, recall: Recall) -> list[OrderVerdict] | None:
    """Return the verdict on each order of a message that the prefilter has let pass, or None."""
    heads = read_heads(payload, header)
    if heads is None:
        return None
    for head in heads:
        if head.placer_key and recall(head.placer_key) is not None:
            return None
    return [quiet_order(position, head) for position, head in enumerate(heads, 1)]


def quiet_order(position: int, head: OrderHead) -> OrderVerdict:
    """Return the verdict on one order that cannot name a calcification and has nothing to carry on."""
    return OrderVerdict(
        position, head.placer_key.decode("latin-1").rstrip("^"), head.control, "", Action.PASS, Action.PASS,
        _why(head.control, head.status), placer_key=head.placer_key,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _why(control: str, status: str) -> tuple[Gate, ...]:
    return (gate("X2" if control_of(control, status) in (Control.STATUS, Control.FOLLOWS) else "X3"),)
