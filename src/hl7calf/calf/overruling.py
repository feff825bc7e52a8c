"""What a reviewer may overrule: an order that the rule gave to a person who says that the complete study is wanted.

Law: a person decides what the rule left open, never what nobody could write safely. The side and the code come from
the order and the study map alone; mode, policy and scope hold for people as for the rule. Where the order itself says
that it must not be changed, the ordering side is asked, not overruled.

Source: who may decide about the gates X1 to X29 [ClinicalNotes 4]; authority to change an order [ClinicalNotes 1.6].
"""

from collections.abc import Iterable
from dataclasses import replace

from hl7calf.calf.indication import Indication
from hl7calf.calf.verdict import Action, Gate, OrderVerdict

REVIEWED = "REVIEWED"
NEVER_OVERRULED = frozenset({"X15", "X21", "X23"})
"""Told not to be changed; no one side; no safe way to write it."""
_OPEN = Gate(REVIEWED, "a reviewer decided that the complete study is wanted")


def overruled(indication: Indication) -> Indication:
    """Return the indication with the reviewer's word in it, unchanged where that word does not suffice."""
    if indication.action is not Action.REVIEW or NEVER_OVERRULED & {g.code for g in indication.gates}:
        return indication
    if indication.facts.laterality is None:
        return indication
    return replace(indication, action=Action.UPGRADE, gates=(*indication.gates, _OPEN))


def under_review(orders: Iterable[OrderVerdict]) -> frozenset[int]:
    """Return the positions of the orders that wait for a person's word."""
    return frozenset(order.position for order in orders if order.action is Action.REVIEW)


def why_not_raised(order: OrderVerdict) -> str:
    """Return why this order was not raised although a reviewer wanted it; "" when it was."""
    codes = [modification.path for modification in order.modifications if modification.path.startswith("OBR[")]
    if order.action is Action.UPGRADE and codes:
        return ""
    if order.facts.laterality is None and not any(g.code == "X21" for g in order.gates):
        return "X21 no side is named"
    never = [g for g in order.gates if g.code in NEVER_OVERRULED]
    last = [g for g in order.gates if g.code != REVIEWED][-1:]
    said = never or last
    return f"{said[0].code} {said[0].why}" if said else "nothing of it is for a person to decide"
