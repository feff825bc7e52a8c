"""Vetting a message again with a reviewer's word: all that was asked for, or nothing and why."""

from hl7calf.calf.raising import NOTHING_OPEN, raise_orders
from hl7calf.calf.verdict import Mode
from tests.calf.building import CLASSIC, LIMITED_RIGHT, group, lines_of, message, order, tables

CAST = CLASSIC + ", leg in a cast"
RIGHT_CAST = "Right calf calcification on x-ray, leg in a cast"
TWO = message([*group(CAST), *group(RIGHT_CAST, service=LIMITED_RIGHT, number="P-2^CPOE", position=2)])


def test_every_order_under_review_is_raised_when_none_is_named() -> None:
    verdict, why = raise_orders(TWO, tables())
    assert why == "" and [b"USVENCOM" in line for line in lines_of(verdict.outbound, "OBR")] == [True, True]


def test_only_the_order_named_is_raised() -> None:
    verdict, why = raise_orders(TWO, tables(), wanted=frozenset({2}))
    assert why == "" and [b"USVENCOM" in line for line in lines_of(verdict.outbound, "OBR")] == [False, True]


def test_where_one_of_several_cannot_be_raised_the_reason_names_it() -> None:
    both = message([*group(CAST), *group(RIGHT_CAST, number="P-2^CPOE", position=2)])
    _, why = raise_orders(both, tables())
    assert why.startswith("order 2: X21 ") and "order 1" not in why


def test_an_order_that_is_not_under_review_is_not_raised() -> None:
    verdict, why = raise_orders(order(CAST), tables(), wanted=frozenset({1, 4}))
    assert why == "order 4 is not under review" and not verdict.changed


def test_a_message_with_nothing_under_review_is_not_raised() -> None:
    for payload in (order(CLASSIC), order("swelling"), b"no HL7"):
        assert raise_orders(payload, tables())[1] == NOTHING_OPEN


def test_the_mode_is_handed_on() -> None:
    assert "mode observe" in raise_orders(order(CAST), tables(), mode=Mode.OBSERVE)[1]


def test_no_reason_holds_text_of_the_order() -> None:
    payload = order("Kanarienvogel, " + RIGHT_CAST)
    assert "anarien" not in raise_orders(payload, tables())[1]
