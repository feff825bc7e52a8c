"""From the wire to the rule: which fields are read as codes, age, year, pregnancy, side."""

import pytest

from hl7calf.calf.order_text import Control, OrderText, age_at, control_of, read_order_text, value
from hl7calf.wire.message import read_message
from hl7calf.wire.orders import patient_parts, read_orders
from tests.calf.building import order, segment, tables


def text_of(control: Control = Control.REQUEST, **more: object) -> OrderText:
    message = read_message(order(**more))
    return read_order_text(message, read_orders(message)[0], patient_parts(message), tables(), control)


@pytest.mark.parametrize(("sent", "codes"), [
    (["M61.462"], ("M61.462",)),
    (["M61.462^text^I10C", "M79.662^text^ICD-10-CM"], ("M61.462", "M79.662")),
    (["M61.462^text"], ("M61.462",)),
    (["53840002^Calf^SCT"], ()),
    (["^free text only"], ()),
])  # fmt: skip
def test_diagnosis_codes_count_with_an_icd_system_or_none(sent: list[str], codes: tuple[str, ...]) -> None:
    assert text_of(diagnoses=sent).codes == codes


def test_an_old_feed_names_the_system_in_dg1_2() -> None:
    assert text_of(before_obx=["DG1|1|I10|M61462"]).codes == ("M61462",)
    assert text_of(before_obx=["DG1|1|SCT|M61462"]).codes == ()


def test_an_answer_may_be_a_diagnosis_code() -> None:
    assert text_of(answers=[("Diagnosis", "M61.462^calcification^I10C")]).codes == ("M61.462",)


@pytest.mark.parametrize(("born", "now", "age"), [
    ("19600101", "20261123", 66),
    ("20081123", "20261123", 18),
    ("20081124", "20261123", 17),
    ("2008", "20261123", 18),
    ("200812", "20261123", 17),
    ("19600101120000", "20261123080000-0500", 66),
    ("", "20261123", None),
    ("19600101", "", None),
    ("19600101", "2026", None),
    ("abcd", "20261123", None),
    ("20300101", "20261123", None),
    ("17000101", "20261123", None),
])  # fmt: skip
def test_age_is_whole_years_at_the_messages_own_time(born: str, now: str, age: int | None) -> None:
    assert age_at(born, now) == age


def test_the_year_is_the_messages_own() -> None:
    assert text_of().year == 2026
    assert text_of(msh={7: ""}).year == 9999


@pytest.mark.parametrize(("control", "asks", "is_request"), [
    (Control.REQUEST, True, True), (Control.CHANGE, True, True), (Control.UNKNOWN, True, True),
    (Control.NUMBER, True, False), (Control.FOLLOWS, False, False), (Control.STATUS, False, False),
])  # fmt: skip
def test_asking_and_requesting_are_told_apart(control: Control, asks: bool, is_request: bool) -> None:
    found = text_of(control)
    assert (found.asks, found.is_request) == (asks, is_request)


@pytest.mark.parametrize(("field", "side"), [
    ("^^^^&left", "L"), ("^^^^&right", "R"), ("LEFT", "L"), ("LT", None), ("RT", None), ("LLE^Left leg", "L"),
    ("L&left~R&right", None), ("Blood", None), ("", None),
])  # fmt: skip
def test_obr_15_tells_a_side_but_its_thigh_codes_do_not(field: str, side: str | None) -> None:
    assert text_of(obr={15: field}).body_side == side


def test_pregnancy_is_pv1_15_b6() -> None:
    assert text_of(pv1={15: "B6"}).is_pregnant and not text_of(pv1={15: "A0"}).is_pregnant


def test_a_component_is_read_from_the_first_repetition() -> None:
    message = read_message(order(obr={15: "A^B~C^D"}))
    [group] = read_orders(message)
    assert (value(message, group.obr, 15, 2), value(message, group.obr, 15, 3), value(message, None, 1)) == (
        "B",
        "",
        "",
    )


def test_lower_case_order_control_is_read() -> None:
    assert control_of("xo", "cm") is Control.FOLLOWS


def test_a_segment_without_fields_does_no_harm() -> None:
    message = read_message(order().replace(segment("ORC", {1: "NW", 2: "P-1^CPOE", 5: ""}).encode(), b"ORC"))
    assert read_orders(message)
    assert text_of(reason="").passages[0].kind == "name"
