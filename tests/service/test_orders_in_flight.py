from collections.abc import Iterable

import pytest

from hl7calf.calf.verdict import Remembered
from hl7calf.service import orders_in_flight
from hl7calf.service.orders_in_flight import OrdersInFlight
from tests.service.doubles import order, upgraded

STORED = Remembered(b"P-1^CPOE", ("OLD",), ("STORED",), "rule", "A0")


def overlay() -> OrdersInFlight:
    return OrdersInFlight(lambda key: STORED if key == STORED.placer_key else None)


def test_what_was_just_decided_is_seen_before_it_is_stored() -> None:
    orders = overlay()
    settle = orders.note(upgraded(order()))
    recalled = orders.recall(b"P-1^CPOE")
    assert recalled is not None and recalled.after == ("FUL",)
    settle()
    assert orders.recall(b"P-1^CPOE") is STORED
    assert len(orders) == 0


def test_what_was_just_forgotten_is_not_found_in_the_store_either() -> None:
    orders = overlay()
    verdict = upgraded(order())
    forgetting = type(verdict)(
        verdict.payload, verdict.payload, "A2", "ORM^O01", "2.5.1", verdict.action, forget=(b"P-1^CPOE",)
    )
    settle = orders.note(forgetting)
    assert orders.recall(b"P-1^CPOE") is None
    settle()
    assert orders.recall(b"P-1^CPOE") is STORED


def test_settling_an_older_decision_leaves_the_newer_one() -> None:
    orders = overlay()
    older = orders.note(upgraded(order()))
    newer = orders.note(upgraded(order("A2")))
    older()
    recalled = orders.recall(b"P-1^CPOE")
    assert recalled is not None and recalled.after == ("FUL",)
    newer()
    newer()
    assert orders.recall(b"P-1^CPOE") is STORED


def test_other_orders_are_looked_up_in_the_store() -> None:
    assert overlay().recall(b"P-2^CPOE") is None


def counting(keys: Iterable[bytes] | None) -> tuple[OrdersInFlight, list[bytes]]:
    """Return an overlay that knows these keys of the store, and the keys the store was asked for."""
    asked: list[bytes] = []

    def stored(key: bytes) -> Remembered | None:
        asked.append(key)
        return STORED if key == STORED.placer_key else None

    return OrdersInFlight(stored, keys), asked


def test_the_store_is_asked_only_about_orders_it_may_hold() -> None:
    orders, asked = counting([STORED.placer_key])
    assert orders.recall(b"P-2^CPOE") is None
    assert orders.recall(STORED.placer_key) is STORED
    assert asked == [STORED.placer_key]


def test_the_store_is_asked_about_what_was_noted_since_the_start() -> None:
    orders, asked = counting([])
    orders.note(upgraded(order()))()
    assert orders.recall(STORED.placer_key) is STORED
    assert asked == [STORED.placer_key]


def test_a_memory_too_large_to_be_known_is_always_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_in_flight, "MOST_KEYS", 2)
    orders, asked = counting([b"1", b"2", b"3"])
    assert orders.recall(b"P-2^CPOE") is None
    assert asked == [b"P-2^CPOE"]
