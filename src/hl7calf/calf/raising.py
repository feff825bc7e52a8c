"""Vetting again with a reviewer's word: which orders of a message become the complete study, or why not.

Law: pure, and the same door as always: `vet` decides and proves the change. All that was asked for is raised, or
nothing is.
"""

from hl7calf.calf.overruling import under_review, why_not_raised
from hl7calf.calf.rule import Options
from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import Mode, Policy, Recall, Verdict, nothing_remembered
from hl7calf.calf.vetting import vet

NOTHING_OPEN = "no order in it waits for a person's decision by the mappings of now"


def raise_orders(
    payload: bytes,
    tables: Tables,
    *,
    recall: Recall = nothing_remembered,
    mode: Mode = Mode.UPGRADE,
    policy: Policy | None = None,
    options: Options | None = None,
    wanted: frozenset[int] = frozenset(),
) -> tuple[Verdict, str]:
    """Vet one payload under a reviewer's word that the complete study is wanted.

    Args:
        wanted: positions of the orders meant; empty stands for every one that is under review.

    Returns:
        The verdict to send by, and "" or why it must not be used: one sentence, no text of the order in it.
    """
    first = vet(payload, tables, recall=recall, mode=mode, policy=policy, options=options)
    open_now = under_review(first.orders)
    meant = wanted or open_now
    if not meant:
        return first, NOTHING_OPEN
    if meant - open_now:
        return first, f"order {min(meant - open_now)} is not under review"
    raised = vet(payload, tables, recall=recall, mode=mode, policy=policy, options=options, reviewed=meant)
    if raised.fault is not None:
        return raised, raised.fault.why
    whys = [f"order {o.position}: {why}" for o in raised.orders if o.position in meant and (why := why_not_raised(o))]
    return raised, "; ".join(whys)
