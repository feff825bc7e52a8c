"""Quick triage and full vetting agree on every order that triage answers."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7calf.calf.verdict import Action, Mode, Policy, Remembered, nothing_remembered
from hl7calf.calf.vetting import QUICK_BYTES, triage, vet
from tests.calf.building import UPGRADED_LEFT, order, tables
from tests.generated_orders import generate

KEPT = Remembered(b"P-1^CPOE", ("USVENLTDL", "US VENOUS LIMITED LEFT", "L"), UPGRADED_LEFT, "R", "1")


def agree(payload: bytes, mode: Mode = Mode.UPGRADE) -> bool:
    """Assert that the quick answer is the full one; tell whether there was one."""
    quick = triage(payload, tables(), nothing_remembered, mode)
    if quick is None:
        return False
    full = vet(payload, tables(), mode=mode)
    assert (quick.action, quick.control_id, quick.message_type, quick.version, quick.mode, quick.digest, quick.rule) == (
        full.action, full.control_id, full.message_type, full.version, full.mode, full.digest, full.rule,
    )  # fmt: skip
    assert quick.outbound is payload and full.outbound is payload
    assert [(o.position, o.placer_key, o.order_control, o.action) for o in quick.orders] == [
        (o.position, o.placer_key, o.order_control, o.action) for o in full.orders
    ]
    assert not (full.remember or full.forget)
    return True


@settings(max_examples=120)
@given(st.randoms(use_true_random=False), st.sampled_from(Mode))
def test_quick_and_full_vetting_agree(chance: Random, mode: Mode) -> None:
    agree(generate(chance), mode)


@pytest.mark.parametrize("control", ["NW", "XO", "CA", "SC", "SN", "ZZ", ""])
def test_an_order_without_the_words_is_answered_at_once(control: str) -> None:
    assert agree(order("calf pain", control=control))


def test_an_order_with_an_upgrade_to_carry_on_is_not() -> None:
    payload = order("calf pain", control="XO")
    assert triage(payload, tables(), {KEPT.placer_key: KEPT}.get) is None
    assert vet(payload, tables(), recall={KEPT.placer_key: KEPT}.get, thorough=False).changed


def test_nothing_is_answered_while_the_memory_cannot_be_asked() -> None:
    assert triage(order("calf pain"), tables(), None) is None


def test_a_long_order_is_not_read_on_the_quick_way() -> None:
    assert triage(order("x" * QUICK_BYTES), tables(), nothing_remembered) is None


def test_the_quick_verdict_is_complete() -> None:
    policy = Policy("P", "2")
    verdict = triage(order("calf pain"), tables(), nothing_remembered, Mode.ANNOTATE, policy)
    assert verdict is not None
    assert verdict.reasons == vet(order("calf pain"), tables(), thorough=False).reasons
    assert (verdict.policy, verdict.mode, verdict.action) == ("P v2", Mode.ANNOTATE, Action.PASS)
