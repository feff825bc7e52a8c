import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.console.text import age, bytes_shown, clock, count, kept_text, masked, plural, segments_shown, shown, when


@given(st.text())
def test_nothing_invisible_is_ever_shown(text: str) -> None:
    left = [c for c in shown(text) if c != "\n" and unicodedata.category(c) in ("Cc", "Cs")]
    assert not left
    assert not set(shown(text)) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u200b\ufeff\u2028")


@pytest.mark.parametrize(
    ("text", "as_shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\u202egpj", "\\u202egpj"),
        ("a\rb", "a\\x0db"),
        ("a\nb", "a\nb"),
        ("\x00", "\\x00"),
    ],
)
def test_terminal_escapes_and_bidi_marks_are_written_out(text: str, as_shown: str) -> None:
    assert shown(text) == as_shown


def test_lone_surrogates_do_not_reach_the_browser() -> None:
    kept_text("\udcff a").encode("utf-8")
    shown("\ud800").encode("utf-8")


@pytest.mark.parametrize(
    ("identifier", "as_masked"),
    [("MSG00000123", "•••123"), ("A1", "•••"), ("", ""), ("12345678^CPOE", "•••678"), ("4711^LONGNAMESPACE", "•••")],
)
def test_a_masked_identifier_keeps_three_characters_at_most(identifier: str, as_masked: str) -> None:
    assert masked(identifier) == as_masked


def test_bytes_are_shown_whatever_they_are() -> None:
    assert bytes_shown(b"A\xff\x1b") == "A\ufffd\\x1b"
    assert segments_shown(b"MSH|a\rPID|b\r\nOBR") == "MSH|a\nPID|b\nOBR"


def test_times_are_utc_and_absent_ones_are_nothing() -> None:
    assert when(1_772_600_400.0) == "2026-03-04 05:00:00"
    assert clock(1_772_600_400.0) == "05:00:00"
    assert (when(None), clock(None)) == ("", "")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "1 s"),
        (-5, "1 s"),
        (59, "59 s"),
        (61, "1 min 01 s"),
        (600, "10 min"),
        (7500, "2 h 05 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_an_age_has_two_units_at_most(seconds: float, told: str) -> None:
    assert age(seconds) == told


def test_numbers_are_grouped_thinly() -> None:
    assert count(1234567) == "1\u202f234\u202f567"
    assert (plural(1, "message"), plural(2, "message"), plural(0, "try", "tries")) == (
        "1 message",
        "2 messages",
        "0 tries",
    )
