"""What counts as the same reading."""

from hl7calf.calf.examples import text_order
from hl7calf.calf.indication import read_indication
from hl7calf.calf.meaning import Meaning, meaning_of
from tests.calf.building import tables


def reading(reason: str, name: str = "US VENOUS DUPLEX LIMITED LEG") -> Meaning:
    return meaning_of(read_indication(text_order(name, reason, tables()), tables()))


def test_place_and_number_of_words_are_not_meaning() -> None:
    assert reading("left calf calcification") == reading("  left   calf  calcification .")
    assert reading("left calf calcification") == reading("left calf calcification calcification")


def test_two_words_for_the_same_are_the_same() -> None:
    assert reading("left calf calcification, ache") == reading("left calf calcification, pain")


def test_status_side_symptom_and_gate_are_meaning() -> None:
    plain = reading("left calf calcification")
    for other in (
        "no left calf calcification",
        "right calf calcification",
        "left calf calcification, pain",
        "left calf calcification, no pain",
        "left calf calcification, leg in cast",
        "left calf calcification x 3 days",
        "stippled left calf calcification",
        "left calf calcification on XR",
        "left knee calcification",
    ):
        assert reading(other) != plain, other


def test_a_cue_that_reaches_nothing_is_no_meaning() -> None:
    assert reading("left calf calcification. no") == reading("left calf calcification")


def test_the_study_is_meaning_and_its_words_are_not() -> None:
    assert reading("left calf calcification", "US VENOUS LIMITED LEG") == reading(
        "left calf calcification", "US VEINS LTD LEG"
    )
    assert reading("left calf calcification", "US VENOUS LEG") != reading("left calf calcification", "US ARTERIAL LEG")


def test_a_reading_can_be_told_on_one_line() -> None:
    words = reading("left calf calcification, pain x 3 days").words()
    assert words.startswith("upgrade; ")
    for part in ("calcification affirmed", "laterality=L", "duration=3 days", "symptoms=pain"):
        assert part in words.split("; ")
    assert "\n" not in words
