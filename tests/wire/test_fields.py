"""The quick look for one field finds what reading the message finds."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7calf.wire.fields import value_at
from hl7calf.wire.header import read_header
from hl7calf.wire.message import read_message
from tests.generated_orders import generate

MSH = "MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5.1"
PATHS = (
    "ORC-2",
    "ORC-2.1",
    "ORC-2.2",
    "PID-3",
    "PID-3.1",
    "OBR-4.3",
    "ORC[2]-2",
    "PID-3(2).1",
    "MSH-10",
    "ZZZ-1",
    "ORC-99",
)
LINES = st.lists(
    st.sampled_from([
        "ORC|NW|1^A~2^B", "ORC", "ORC|", "ORCX|NW|6", "xORC|NW|7", "PID|1||3^^^A~4^^^B", "PID|1", "stray", "", "OBR|1|||a^b^c",
    ]),
    max_size=6,
)  # fmt: skip


def slowly(payload: bytes, path: str) -> bytes:
    message = read_message(payload)
    span = message.at(path)
    return b"" if span is None else message.bytes(span)


@pytest.mark.parametrize(("path", "value"), [
    ("ORC-2", b"1^A~2^B"), ("ORC-2.1", b"1"), ("ORC-2.2", b"A"), ("ORC-2.3", b""), ("ORC-9", b""), ("ZZZ-1", b""),
    ("ORC[2]-2", b"9"), ("MSH-10", b"1"),
])  # fmt: skip
def test_a_path_gives_its_bytes(path: str, value: bytes) -> None:
    payload = f"{MSH}\rPID|1\rORC|NW|1^A~2^B\rORC|NW|9\r".encode()
    assert value_at(payload, read_header(payload), path) == value
    assert slowly(payload, path) == value


def test_what_is_no_path_is_said() -> None:
    with pytest.raises(ValueError, match="not a path"):
        value_at(MSH.encode(), read_header(MSH.encode()), "orc-2")


@given(LINES, st.sampled_from(["\r", "\n", "\r\n"]), st.sampled_from(PATHS))
def test_any_arrangement_of_lines_gives_the_same(lines: list[str], end: str, path: str) -> None:
    payload = end.join([MSH, *lines]).encode()
    assert value_at(payload, read_header(payload), path) == slowly(payload, path)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False), st.sampled_from(PATHS))
def test_generated_orders_give_the_same(chance: Random, path: str) -> None:
    payload = generate(chance)
    assert value_at(payload, read_header(payload), path) == slowly(payload, path)
