"""What leaves is what came with exactly the recorded spans replaced (P5), and own output is left alone (P7).

Over generated orders; the small number here is the same code as the 100,000 orders of `make soak`.
"""

import re
from hashlib import sha256
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import Action, Mode, Remembered, Verdict
from hl7calf.calf.vetting import vet
from hl7calf.service.mappings import read_mappings, shipped_mappings
from hl7calf.wire.splice import splice, unsplice
from hl7calf.wire.witness import DeclaredChange, prove
from tests.generated_orders import generate

CHANCE = st.randoms(use_true_random=False)
SMALL = settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SOAK = 100_000
ALLOWED = re.compile(r"OBR\[[0-9]+]-4|NTE")


@pytest.fixture(scope="module")
def tables() -> Tables:
    return load_tables(read_mappings(shipped_mappings()))


def holds_what_is_promised(payload: bytes, tables: Tables) -> Verdict:
    """Vet one order message and assert everything that is promised about its bytes."""
    verdict = vet(payload, tables)
    assert verdict.payload is payload
    if not verdict.modifications:
        assert verdict.outbound is payload and not verdict.changed
    else:
        only_declared_spans_differ(verdict)
    again = vet(verdict.outbound, tables)
    assert again.outbound is verdict.outbound, "own output was changed again"
    quick = vet(payload, tables, thorough=False)
    assert (quick.action, quick.outbound) == (verdict.action, verdict.outbound), "the prefilter decided"
    for fast, full in zip(quick.orders, verdict.orders, strict=True):
        assert fast.action == full.action
    return verdict


def only_declared_spans_differ(verdict: Verdict) -> None:
    payload, outbound, changes = verdict.payload, verdict.outbound, verdict.modifications
    assert outbound == splice(payload, changes) and outbound != payload
    assert sha256(unsplice(outbound, changes)).digest() == sha256(payload).digest()
    assert all(ALLOWED.fullmatch(change.path) for change in changes)
    assert verdict.witness == "ok"
    assert prove(payload, outbound, [DeclaredChange(c.path, c.after) for c in changes]) == "ok"
    position = shift = 0
    for change in changes:
        start = change.offset + shift
        assert outbound[position + shift : start] == payload[position : change.offset]
        assert outbound[start : start + len(change.after)] == change.after
        position, shift = change.offset + change.length, shift + len(change.after) - change.length
    assert outbound[position + shift :] == payload[position:]
    for change in changes:
        if change.path == "NTE":
            assert change.length == 0
            assert all(line.startswith(b"NTE") for line in change.after.replace(b"\n", b"\r").split(b"\r") if line)


@SMALL
@given(CHANCE)
def test_only_declared_spans_differ_and_own_output_is_left_alone(tables: Tables, chance: Random) -> None:
    holds_what_is_promised(generate(chance), tables)


def test_the_generated_orders_are_worth_the_test(tables: Tables) -> None:
    actions = [vet(generate(Random(seed)), tables).action for seed in range(150)]
    share = {action: actions.count(action) / len(actions) for action in Action}
    assert share[Action.UPGRADE] > 0.2 and share[Action.ANNOTATE] > 0.05
    assert share[Action.REVIEW] > 0.05 and share[Action.PASS] > 0.1


@settings(SMALL, max_examples=40)
@given(CHANCE, st.sampled_from([Mode.OBSERVE, Mode.ANNOTATE]))
def test_a_lower_mode_writes_less(tables: Tables, chance: Random, mode: Mode) -> None:
    payload = generate(chance)
    verdict = vet(payload, tables, mode=mode)
    assert {m.path for m in verdict.modifications} <= ({"NTE"} if mode is Mode.ANNOTATE else set())
    if verdict.changed:
        only_declared_spans_differ(verdict)


@settings(SMALL, max_examples=40)
@given(CHANCE, st.sampled_from(["CA", "XO", "SC", "DC"]))
def test_a_later_message_of_an_upgraded_order_differs_only_in_declared_spans(
    tables: Tables, chance: Random, control: str
) -> None:
    first = vet(generate(chance), tables)
    kept: dict[bytes, Remembered] = {r.placer_key: r for r in first.remember}
    field = first.payload[first.payload.find(b"MSH") + 3 :][:1]
    later = first.payload.replace(b"ORC" + field + b"NW" + field, b"ORC" + field + control.encode() + field)
    verdict = vet(later, tables, recall=kept.get)
    if verdict.changed:
        only_declared_spans_differ(verdict)
    assert vet(later, tables, recall=kept.get, thorough=False).outbound == verdict.outbound


@settings(SMALL, max_examples=60)
@given(CHANCE, st.data())
def test_no_struck_message_makes_it_raise_or_differ_undeclared(
    tables: Tables, chance: Random, data: st.DataObject
) -> None:
    payload = bytearray(generate(chance))
    for place in data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=4)):
        payload[place] = data.draw(st.integers(0, 255))
    verdict = vet(bytes(payload), tables)
    if verdict.changed:
        only_declared_spans_differ(verdict)
    else:
        assert verdict.outbound is verdict.payload


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise(tables: Tables, data: bytes) -> None:
    verdict = vet(data, tables)
    assert verdict.outbound is data


@pytest.mark.soak
def test_a_hundred_thousand_orders_keep_every_promise(tables: Tables) -> None:
    changed = 0
    for seed in range(SOAK):
        changed += holds_what_is_promised(generate(Random(seed)), tables).changed
    assert changed > SOAK / 10
