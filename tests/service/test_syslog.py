"""Framed RFC 5424 messages, character by character."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.service.syslog import Origin, syslog_message

WHOLE = re.compile(
    rb"(\d+) (<85>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} hl7calf \d+ [!-~]{1,32} - [ -~]*)"
)


def test_a_message_is_header_text_and_its_length_in_octets() -> None:
    said = syslog_message(Origin("node-1", 42), 1_767_225_600.5, "anchor", "12:ab")
    line = b"<85>1 2026-01-01T00:00:00.500000Z node-1 hl7calf 42 anchor - 12:ab"
    assert said == b"%d %s" % (len(line), line)


@pytest.mark.parametrize(
    ("host", "shown"), [("", b"-"), ("a b", b"ab"), ("n\u00f6de\n", b"nde"), ("x" * 300, b"x" * 255)]
)
def test_a_name_that_may_not_stand_in_a_header_is_made_one(host: str, shown: bytes) -> None:
    assert syslog_message(Origin(host, 1), 0.0, "anchor", "").split(b" ")[3] == shown


@pytest.mark.parametrize(("kind", "shown"), [("!~", b"!~"), (" \x7f", b"-"), ("x" * 40, b"x" * 32)])
def test_a_kind_is_printable_without_blanks_and_short(kind: str, shown: bytes) -> None:
    assert syslog_message(Origin("n", 1), 0.0, kind, "").split(b" ")[6] == shown


def test_a_text_keeps_what_is_printable_and_marks_what_is_not() -> None:
    assert syslog_message(Origin("n", 1), 0.0, "k", "a ~!\x1f\x7f\u20ac\n").endswith(b" - a ~!????")


@given(st.text(), st.text(), st.text())
def test_nothing_that_is_said_begins_another_message(host: str, kind: str, text: str) -> None:
    said = syslog_message(Origin(host, 1), 0.0, kind[:32], text)
    found = WHOLE.fullmatch(said)
    assert found and int(found[1]) == len(found[2])
