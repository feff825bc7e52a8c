"""Text of a field: escapes undone, every character's byte known, nothing ever lost or raised."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.header import Delimiters, read_delimiters
from hl7calf.wire.message import read_message
from hl7calf.wire.text import Text, escape_text, read_text

USUAL = read_delimiters(b"|", b"^~\\&")
VISTA = read_delimiters(b"^", b"~|\\&")


def text_of(field: bytes, charset: bytes = b"", header: bytes = b"") -> Text:
    header = header or b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||" + charset
    message = read_message(header + b"\rNTE|1||" + field + b"\r")
    span = message.field(message.segments[1], 3)
    assert span is not None
    text = read_text(message, span)
    assert len(text.offsets) == len(text.value) + 1
    assert text.offsets[0] >= span.start or not text.value
    assert text.offsets[-1] == span.end
    assert list(text.offsets) == sorted(text.offsets)
    return text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (rb"calf \T\ ankle", "calf & ankle"),
        (rb"\F\\S\\T\\R\\E\\P\ ".rstrip(), "|^&~\\#"),
        (rb"one\.br\two\.sp\three\.sp2\four\.ce\five", "one\ntwo\nthree\nfour\nfive"),
        (rb"a\.sk3\b\.in+4\c\.ti-2\d\.fi\e\.nf\f", "a bcdef"),
        (rb"\H\calc\N\ification", "calcification"),
        (rb"cal\X63\ification", "calcification"),
        (rb"cal\X6369\fication", "calcification"),
        (rb"a\X0D\b\X0d0A\c", "a\rb\r\nc"),
        (rb"a\Z12\b\ZTEST\c\C2842\d\M2442\e\M244242\f", "abcdef"),
        (rb"C:\temp\new", r"C:\temp\new"),
        (rb"C:\temp\new\T\x", r"C:\temp\new&x"),
        (rb"unfinished \T", r"unfinished \T"),
        (rb"unfinished \X6", r"unfinished \X6"),
        (rb"odd \X6\ hex \XZZ\ ", r"odd \X6\ hex \XZZ\ "),
        (rb"\\", r"\\"),
        (b"\\", "\\"),
        (rb"\t\ lower", r"\t\ lower"),
        (rb"\Zebra crossing\ ", r"\Zebra crossing\ "),
        (b"", ""),
    ],
)
def test_escapes_are_undone_and_what_is_none_stays(field: bytes, value: str) -> None:
    assert text_of(field).value == value


def test_the_messages_own_delimiters_are_meant() -> None:
    text = text_of(b"", header=b"MSH|^~\\&|A")
    assert text.value == ""
    message = read_message(rb"MSH^~|\&^A" + b"\r" + rb"NTE^1^^x\F\\S\\R\\T\y")
    span = message.at("NTE-3")
    assert span is not None
    assert read_text(message, span).value == "x^~|&y"


def test_without_an_escape_character_nothing_is_undone() -> None:
    message = read_message(b"MSH|^~|A\rNTE|1||a\\T\\b")
    span = message.at("NTE-3")
    assert span is not None
    assert read_text(message, span).value == "a\\T\\b"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        (b"8859/1", "latin-1"),
        (b"8859/15", "iso8859_15"),
        (b"UNICODE UTF-8", "utf-8"),
        (b"", "utf-8"),
        (b"NONSENSE", "utf-8"),
        (b"", "latin-1"),
        (b"UNICODE UTF-8", "latin-1"),
        (b"8859/1~8859/2", "latin-1"),
    ],
)
def test_each_character_knows_its_byte(charset: bytes, codec: str) -> None:
    field = "Kalk im Wadenmuskel groß, é\\T\\ü calc".encode(codec)
    text = text_of(field, charset)
    assert text.value == "Kalk im Wadenmuskel groß, é&ü calc"
    payload_field = read_message(b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||" + charset + b"\rNTE|1||" + field + b"\r")
    place = text.value.index("calc")
    span = text.span(place, place + 4)
    assert payload_field.bytes(span) == b"calc"
    span = text.span(text.value.index("ß"), text.value.index("ß") + 1)
    assert payload_field.bytes(span) == "ß".encode(codec)
    span = text.span(text.value.index("&"), text.value.index("&") + 1)
    assert payload_field.bytes(span) == b"\\T\\"


@pytest.mark.parametrize(
    ("charset", "codec"), [(b"GB 18030-2000", "gb18030"), (b"~ISO IR87", "iso2022_jp"), (b"BIG-5", "big5hkscs")]
)
def test_multi_byte_sets_know_their_bytes(charset: bytes, codec: str) -> None:
    field = "左 部 calc \\T\\ 部 end".encode(codec)
    text = text_of(field, charset)
    assert text.value == "左 部 calc & 部 end"
    message = read_message(b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||" + charset + b"\rNTE|1||" + field + b"\r")
    place = text.value.index("calc")
    assert message.bytes(text.span(place, place + 4)).endswith(b"calc")
    assert message.bytes(text.span(text.value.index("end"), len(text.value))) == b"end"


def test_one_character_of_a_longer_escape_spans_it_whole() -> None:
    field = rb"a\X6364\b"
    text = text_of(field)
    start = text.offsets[0]
    assert text.span(1, 2) == (start + 1, start + 8)
    assert text.span(2, 3) == (start + 1, start + 8)
    assert text.span(0, 1) == (start, start + 1)


@given(
    st.binary(max_size=80).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"").replace(b"|", b"")),
    st.sampled_from(
        [b"", b"UNICODE UTF-8", b"8859/7", b"GB 18030-2000", b"BIG-5", b"~ISO IR87", b"KS X 1001", b"ISO IR13"]
    ),
)
def test_any_bytes_read_as_text_with_offsets_inside_the_field(field: bytes, charset: bytes) -> None:
    text_of(field, charset)


@given(st.text(max_size=80))
def test_plain_utf_8_reads_as_itself_with_exact_offsets(value: str) -> None:
    value = "".join(c for c in value if c not in "\r\n|\\")
    text = text_of(value.encode("utf-8", "ignore"), b"UNICODE UTF-8")
    assert text.value == value.encode("utf-8", "ignore").decode()
    base = text.offsets[0]
    for place in range(len(text.value)):
        assert text.offsets[place] - base == len(text.value[:place].encode())


@pytest.mark.parametrize("delimiters", [USUAL, VISTA, read_delimiters(b"#", b"*!%@"), read_delimiters(b"|", b"^~\\&#")])
@given(value=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_what_is_escaped_reads_back_the_same(delimiters: Delimiters, value: str) -> None:
    written = escape_text(value, delimiters)
    header = b"MSH" + delimiters.field + delimiters.encoding + delimiters.field + b"A"
    segment = delimiters.field.join([b"NTE", b"1", b"", written])
    message = read_message(header + b"\r" + segment)
    span = message.at("NTE-3")
    assert span is not None
    assert message.bytes(span) == written
    assert message.at("NTE-4") is None
    assert message.components(span) == message.repetitions(span) == message.subcomponents(span) == [span]
    assert read_text(message, span).value == value


def test_text_becomes_printable_ascii() -> None:
    assert escape_text("Größe ≥ 3 × 4 µm – “naïve” œil °", USUAL) == b'Grosse >= 3 x 4 um - "naive" oeil ?'
    assert escape_text("a\u00a0b\u200bc\u65e5", USUAL) == b"a bc?"


def test_without_an_escape_character_a_delimiter_becomes_a_space() -> None:
    assert escape_text("a|b^c~d&e\\f", read_delimiters(b"|", b"^~")) == b"a b c d&e\\f"


@pytest.mark.parametrize(
    "control", ["\r", "\n", "\x0b", "\x1c", "\x1b", "\x00", "\t", "\x7f", "\x85", "\u2028", "\u2029"]
)
def test_a_control_character_is_refused(control: str) -> None:
    with pytest.raises(ValueError, match="control"):
        escape_text(f"text{control}PID|1", USUAL)


@given(st.text(max_size=80))
def test_written_text_never_leaves_its_field(value: str) -> None:
    try:
        written = escape_text(value, USUAL)
    except ValueError:
        return
    assert all(0x20 <= byte < 0x7F for byte in written)
    assert not any(mark in written for mark in (b"|", b"^", b"~", b"&"))


@pytest.mark.parametrize(
    "field",
    [b"x" * 5_000_000, b"\\" * 300_000, b"\\T\\" * 100_000, "é".encode() * 500_000, b"\\X" + b"61" * 1_000_000 + b"\\"],
)
def test_long_fields_are_read_in_linear_time(field: bytes) -> None:
    started = time.process_time()
    text_of(field)
    assert time.process_time() - started < 2
