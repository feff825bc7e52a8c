"""How long the symptoms last, apart from operations, falls, flights, pregnancies and ages."""

import pytest

from hl7calf.calf.durations import read_duration
from tests.calf.building import decide, read, tables


def duration(*texts: str) -> str | None:
    return read_duration([read(text) for text in texts], tables().units)


@pytest.mark.parametrize(("text", "expected"), [
    ("pain x3d", "3 days"),
    ("pain x 3 days", "3 days"),
    ("pain for 10 days", "10 days"),
    ("pain x 2 wks", "2 weeks"),
    ("calf pain 6 mo", "6 months"),
    ("3 week history of calf pain", "3 weeks"),
    ("2 days of swelling", "2 days"),
    ("1 day pain", "1 day"),
    ("pain for a week", "1 week"),
    ("pain for two weeks", "2 weeks"),
    ("pain 3-4 days", "3-4 days"),
    ("pain 3 to 4 days", "3-4 days"),
    ("pain x fortnight", None),
    ("pain 3/7", "3 days"),
    ("pain 2/52", "2 weeks"),
    ("pain 4/12", "4 months"),
    ("pain started 3 days ago", "3 days"),
    ("PAIN X 5 DAYS", "5 days"),
    ("calcification noticed 3 weeks ago", "3 weeks"),
    ("Calf pain. x 3 days", "3 days"),
    ("Duration of symptoms: 2 weeks", "2 weeks"),
])  # fmt: skip
def test_the_duration_of_a_symptom_is_read(text: str, expected: str | None) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", [
    "calf pain. THR 3 weeks ago",
    "calf pain, fall 3 days ago",
    "calf pain. 12 hour flight",
    "calf pain, 30 weeks pregnant",
    "45 year old with calf pain",
    "45 yo, calf pain",
    "XR 3/7 shows calf calcification",
    "DVT 3 years ago, calf pain",
    "follow up in 2 weeks",
    "films 2 weeks ago",
    "calf pain 3 days ago",
    "calf swelling, seen 3 days ago",
    "",
])  # fmt: skip
def test_the_time_of_something_else_is_no_duration(text: str) -> None:
    assert duration(text) is None


def test_the_time_nearest_to_the_symptom_wins() -> None:
    assert duration("TKR 6 weeks ago, calf pain x 3 days") == "3 days"
    assert duration("calf pain x 3 days, TKR 6 weeks ago") == "3 days"


def test_a_negated_symptom_has_no_duration() -> None:
    assert duration("denies swelling x 3 days") is None


def test_the_name_of_the_study_tells_no_duration() -> None:
    assert read_duration([read("pain 3 days", kind="name")], tables().units) is None


def test_the_duration_reaches_facts_and_note() -> None:
    assert decide("Left calf calcification, pain x 2 wks").facts.duration == "2 weeks"
    assert "duration" in decide("Left calf calcification").facts.missing
