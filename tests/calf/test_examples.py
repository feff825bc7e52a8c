"""A row's example as an order: the phrase where it belongs, code rows through their code."""

from hl7calf.calf.examples import (
    NAME,
    REASON,
    is_in_name,
    mapped_services,
    order_message,
    orders_of,
    question_order,
    rows_by_word,
)
from hl7calf.calf.indication import OrderText
from hl7calf.calf.schema import Row
from hl7calf.calf.tables import load_tables
from hl7calf.calf.vetting import vet
from tests.small_mappings import small_mappings

TABLES = load_tables(small_mappings())


def row(name: str, first: str) -> Row:
    return next(r for r in TABLES.rows[name] if next(iter(r.values.values())) == first or r.values.get("code") == first)


def texts(order: OrderText) -> list[tuple[str, str]]:
    return [(p.kind, p.value) for p in order.passages]


def orders(name: str, first: str) -> list[OrderText]:
    return list(orders_of(row(name, first), TABLES, rows_by_word(TABLES)))


def test_an_example_of_text_is_the_reason() -> None:
    assert [texts(o) for o in orders("symptoms.csv", "pain")] == [[("name", NAME), ("text", "pain in left calf")]]


def test_an_example_of_a_name_is_the_name() -> None:
    assert [texts(o) for o in orders("studies.csv", "us")] == [[("name", "US LEFT LEG"), ("text", REASON)]]
    assert is_in_name(row("extent.csv", "limited"))
    assert not is_in_name(row("extent.csv", "limited study"))


def test_the_extent_of_a_text_is_read_beside_a_name_that_has_none() -> None:
    assert texts(orders("extent.csv", "limited study")[0])[0] == ("name", "US VENOUS DUPLEX LEG")


def test_a_diagnosis_is_tried_with_its_side() -> None:
    assert {o.codes for o in orders("diagnoses.csv", "M61.46")} == {("M61461",)}
    assert {o.codes for o in orders("diagnoses.csv", "Z86.71")} == {("Z86.71",)}


def test_a_study_code_stands_in_the_order_with_its_system() -> None:
    assert {(o.triplets[0].code, o.triplets[0].system) for o in orders("study_codes.csv", "93971")} == {
        ("93971", "CPT")
    }


def test_a_misspelling_takes_the_place_of_the_word_meant() -> None:
    assert ("text", "left calf calcifcation on XR") in texts(orders("misspellings.csv", "calcifcation")[0])


def test_a_system_is_tried_with_a_code_of_its_own() -> None:
    assert {(o.triplets[0].code, o.triplets[0].system) for o in orders("systems.csv", "C4")} == {
        ("93971", "C4"),
        ("93971", "c4"),
    }
    assert [t.code for t, _ in mapped_services(row("systems.csv", "L"), TABLES)][:2] == ["USVENLTDL", "USVENLTDR"]
    assert any(o.codes for o in orders("systems.csv", "I10C"))


def test_a_question_is_an_observation_of_the_order() -> None:
    assert texts(question_order("insurance: cancer plan", TABLES)) == [("name", NAME), ("text", REASON)]
    assert ("text", "other : cancer plan") in texts(question_order("other: cancer plan", TABLES))


def test_the_order_as_a_message_is_one_a_sender_could_write() -> None:
    verdict = vet(order_message(f"USVENLTDL^{NAME}^L"), TABLES)
    assert (verdict.fault, len(verdict.orders), verdict.orders[0].order_control) == (None, 1, "NW")
