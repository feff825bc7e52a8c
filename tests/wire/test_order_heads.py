"""The heads of orders say what reading the whole orders says, or nothing."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7calf.calf.order_text import value
from hl7calf.wire.charset import codec_for, is_multibyte
from hl7calf.wire.header import read_header
from hl7calf.wire.message import read_message
from hl7calf.wire.order_heads import OrderHead, read_heads
from hl7calf.wire.orders import placer_key, read_orders
from tests.generated_orders import generate

MSH = "MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5.1"
LINES = st.lists(
    st.sampled_from([
        "ORC|NW|1^A", "ORC|CA|2", "ORC|XO||7^F", "ORC", "ORC|", "ORC|NW|\"\"", "ORC|NW|3~4^B", "ORC|NW| 5 ^ C ||X|CM",
        "OBR|1|9^Z", "OBR|1|", "OBR", "OBR|1|\"\"", "PID|1", "PV1|1", "NTE|1||x", "OBX|1", "DG1|1", "ORCX|NW|6", "stray",
        "", "MSH|^~\\&|A", "ORC|N\\S\\W|1", "ORC|NW^X|1^A", "ORC|NWNWNWNWNW|1", "OBR|1|8&8^Z&Z",
    ]),
    max_size=9,
)  # fmt: skip


def read_slowly(payload: bytes) -> list[OrderHead]:
    """Return what the whole reading says."""
    message = read_message(payload)
    return [
        OrderHead(value(message, group.orc, 1), value(message, group.orc, 5), placer_key(message, group))
        for group in read_orders(message)
    ]


def agree(payload: bytes) -> bool:
    """Assert that what the heads say is right; tell whether they said anything."""
    header = read_header(payload)
    heads = read_heads(payload, header)
    assert heads is None or heads == read_slowly(payload)
    return heads is not None


@pytest.mark.parametrize(("lines", "heads"), [
    (["PID|1", "ORC|NW|1^A", "OBR|1|9^Z"], [("NW", "", b"1^A")]),
    (["ORC|NW|", "OBR|1|9^Z"], [("NW", "", b"9^Z")]),
    (["ORC|NW|1", "OBR|1|9", "OBR|2|8"], [("NW", "", b"1^"), ("NW", "", b"8^")]),
    (["OBR|1|9", "ORC|CA|1||||CM"], [("", "", b"9^"), ("CA", "", b"1^")]),
    (["ORC|SC|1|||CM"], [("SC", "CM", b"1^")]),
    (["ORC|NW|1", "PID|2", "ORC|NW|2"], [("NW", "", b"1^")]),
    (["ORC|NW|\"\"", "OBR|1|\"\""], [("NW", "", b"")]),
    (["ORC|NW|1~2^B"], [("NW", "", b"1^")]),
    ([], []),
])  # fmt: skip
def test_the_heads_of_a_message(lines: list[str], heads: list[tuple[str, str, bytes]]) -> None:
    payload = "\r".join([MSH, *lines]).encode()
    assert read_heads(payload, read_header(payload)) == heads
    assert read_slowly(payload) == heads


@pytest.mark.parametrize("line", ["ORC|N\\S\\W|1", "ORC|NW^X|1", "ORC|NW|1|||C~M", "ORC|LONGERTHAN8|1", "MSH|^~\\&|A"])
def test_what_is_not_plain_is_left_to_the_whole_reading(line: str) -> None:
    payload = f"{MSH}\r{line}\rOBR|1|2".encode()
    assert read_heads(payload, read_header(payload)) is None


@given(LINES, st.sampled_from(["\r", "\n", "\r\n"]))
def test_any_arrangement_of_segments_has_the_same_heads(lines: list[str], end: str) -> None:
    agree(end.join([MSH, *lines]).encode())


@settings(max_examples=150)
@given(st.randoms(use_true_random=False))
def test_generated_orders_have_the_same_heads(chance: Random) -> None:
    payload = generate(chance)
    if not is_multibyte(codec_for(read_header(payload).charsets)):
        agree(payload)
