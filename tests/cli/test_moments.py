import time

import pytest

from hl7calf.cli.failures import Unusable
from hl7calf.cli.moments import age, moment, time_exact, time_shown

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("30s", NOW - 30),
        ("5m", NOW - 300),
        ("2h", NOW - 7200),
        ("3d", NOW - 259_200),
        ("1w", NOW - 604_800),
        ("2027-01-15", 1_799_971_200.0),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15 09:00:00+01:00", NOW),
        ("2027-01-15T08:00:00", NOW),
        (None, None),
    ],
)
def test_a_time_is_so_long_ago_or_iso_and_utc_without_a_zone(text: str | None, wanted: float | None) -> None:
    assert moment(text, NOW) == wanted


def test_the_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment("2027-01-15T08:00:00", NOW) == NOW
        assert time_shown(NOW) == "2027-01-15 08:00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["yesterday", "2x", "", "-2h", "2027-13-01"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Unusable, match="write 30m, 2h, 3d"):
        moment(text, NOW)


def test_times_are_shown_in_utc() -> None:
    assert time_shown(NOW) == "2027-01-15 08:00:00"
    assert time_exact(NOW + 0.5) == "2027-01-15T08:00:00.500000Z"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (187_200, "2 d 4 h")],
)
def test_an_age_is_its_two_largest_units(seconds: float, shown: str) -> None:
    assert age(seconds) == shown
