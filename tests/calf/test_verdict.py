"""The values that say what was decided."""

import pytest

from hl7calf.calf.verdict import Action, Modification, OrderVerdict, Verdict, nothing_remembered, strongest


@pytest.mark.parametrize(("actions", "whole"), [
    ([], Action.PASS),
    ([Action.PASS, Action.REVIEW], Action.REVIEW),
    ([Action.REVIEW, Action.ANNOTATE], Action.ANNOTATE),
    ([Action.UPGRADE, Action.PASS, Action.ANNOTATE], Action.UPGRADE),
    ([Action.REFUSE, Action.UPGRADE], Action.REFUSE),
])  # fmt: skip
def test_a_messages_action_is_its_strongest_orders(actions: list[Action], whole: Action) -> None:
    assert strongest(actions) is whole


def test_changed_means_other_bytes_than_came_in() -> None:
    payload = b"MSH"
    assert Verdict(payload, payload, "", "", "", Action.PASS).changed is False
    assert Verdict(payload, b"MSH|", "", "", "", Action.UPGRADE).changed is True


def test_modifications_of_all_orders_come_in_wire_order() -> None:
    late, early = (Modification("NTE", n, 0, b"", b"x", "") for n in (9, 1))
    orders = tuple(
        OrderVerdict(p, "", "NW", "", Action.UPGRADE, Action.UPGRADE, modifications=(m,))
        for p, m in ((1, late), (2, early))
    )
    assert Verdict(b"", b"", "", "", "", Action.UPGRADE, orders).modifications == (early, late)


def test_a_dry_run_remembers_nothing() -> None:
    assert nothing_remembered(b"P-1^CPOE") is None
