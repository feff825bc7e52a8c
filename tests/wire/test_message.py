"""Spans of a message: exact, 1-based, linear, never across a stray line."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.message import Message, Span, read_message

ORM = (
    b"MSH|^~\\&|CPOE|H|||2026||ORM^O01|C1|P|2.4\r"
    b"PID|1||12^^^MRN&1.2&ISO~13^^^SSN||DOE^JANE\r"
    b"ORC|NW|P1^CPOE\r"
    b"OBR|1|P1^CPOE||USV^US VENOUS^L^X^Y^Z|||||||||pain|||D^O||||||||||||^calf~R1^calc&x&y\r"
    b"OBR|2|P2||CT^CT HEAD^L\r"
)
ENDS = [b"\r", b"\n", b"\r\n"]


def shown(message: Message, path: str) -> bytes | None:
    span = message.at(path)
    return None if span is None else message.bytes(span)


def rebuilt(message: Message) -> bytes:
    """The payload from its parts: what leads, each segment, and what stands between segments."""
    payload, position, pieces = message.payload, message.header.start, [message.payload[: message.header.start]]
    for segment in message.segments:
        between = payload[position : segment.start]
        assert not between.strip(b"\r\n")
        pieces += (between, message.bytes(segment))
        position = segment.end
    assert not payload[position:].strip(b"\r\n")
    return b"".join([*pieces, payload[position:]])


@pytest.mark.parametrize("end", ENDS)
def test_each_segment_is_found_whatever_its_end(end: bytes) -> None:
    message = read_message(ORM.replace(b"\r", end))
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "ORC", "OBR", "OBR"]
    assert [segment.index for segment in message.segments] == [0, 1, 2, 3, 4]
    assert [segment.occurrence for segment in message.segments] == [1, 1, 1, 1, 2]
    assert message.bytes(message.segments[2]) == b"ORC|NW|P1^CPOE"
    assert {message.terminator_after(segment) for segment in message.segments} == {end}
    assert rebuilt(message) == message.payload


def test_mixed_ends_keep_their_own_style() -> None:
    message = read_message(b"MSH|^~\\&|A\r\nPID|1\nPV1|1\r\r\nOBR|1\n\rOBX|1")
    assert [message.terminator_after(s) for s in message.segments] == [b"\r\n", b"\n", b"\r", b"\n", b"\r"]
    assert [s.name for s in message.segments] == ["MSH", "PID", "PV1", "OBR", "OBX"]
    assert rebuilt(message) == message.payload


@pytest.mark.parametrize("end", ENDS)
def test_an_unended_last_segment_takes_the_usual_end(end: bytes) -> None:
    message = read_message(end.join([b"MSH|^~\\&|A", b"PID|1", b"OBR|1"]))
    assert message.terminator_after(message.segments[-1]) == end
    assert message.segments[-1].end == len(message.payload)


def test_a_lone_header_takes_a_carriage_return() -> None:
    message = read_message(b"MSH|^~\\&|A")
    assert message.terminator_after(message.segments[0]) == b"\r"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("MSH-1", b"|"),
        ("MSH-2", b"^~\\&"),
        ("MSH-3", b"CPOE"),
        ("MSH-9.2", b"O01"),
        ("MSH-10", b"C1"),
        ("ORC", b"ORC|NW|P1^CPOE"),
        ("OBR-1", b"1"),
        ("OBR[1]-4", b"USV^US VENOUS^L^X^Y^Z"),
        ("OBR[2]-4.2", b"CT HEAD"),
        ("OBR[1]-4.6", b"Z"),
        ("OBR[1]-4.7", None),
        ("OBR[1]-3", b""),
        ("OBR[1]-28", b"^calf~R1^calc&x&y"),
        ("OBR[1]-28.2", b"calf"),
        ("OBR[1]-28(1).2", b"calf"),
        ("OBR[1]-28(2)", b"R1^calc&x&y"),
        ("OBR[1]-28(2).2.2", b"x"),
        ("OBR[1]-28(3)", None),
        ("OBR[1]-29", None),
        ("OBR[3]-1", None),
        ("OBR[0]-1", None),
        ("OBR-0", None),
        ("OBR-4.0", None),
        ("OBR-4(0)", None),
        ("ZDS-1", None),
        ("PID-3.4.1", b"MRN"),
        ("PID-3.4.3", b"ISO"),
        ("PID-3(2).4", b"SSN"),
        ("ORC-2.1", b"P1"),
        ("ORC-1.1.1", b"NW"),
    ],
)
def test_a_path_finds_its_bytes(path: str, value: bytes | None) -> None:
    assert shown(read_message(ORM), path) == value


@pytest.mark.parametrize("path", ["", "OBR-", "OBR[]-4", "obr-4", "OBR-4.1.1.1", "OBR-4 ", "OBR-²", "OB-1", "OBR.4"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        read_message(ORM).at(path)


def test_fields_in_one_go_equal_fields_one_by_one() -> None:
    message = read_message(ORM)
    for segment in message.segments:
        spans = message.fields(segment)
        assert spans == [message.field(segment, number) for number in range(1, len(spans) + 1)]
        assert message.field(segment, len(spans) + 1) is None


def test_cutting_with_a_limit_leaves_the_rest_whole() -> None:
    message = read_message(ORM)
    span = message.at("OBR[1]-4")
    assert span is not None
    assert [message.bytes(s) for s in message.components(span, 3)] == [b"USV", b"US VENOUS", b"L^X^Y^Z"]
    assert message.components(span, 1) == [span]
    assert len(message.components(span)) == 6


def test_an_empty_field_has_one_empty_component() -> None:
    message = read_message(ORM)
    span = message.at("OBR[1]-3")
    assert span is not None
    assert message.components(span) == message.repetitions(span) == [span]


def test_undeclared_delimiters_cut_nothing() -> None:
    message = read_message(b"MSH|^|A\rPID|a~b&c^d")
    span = message.at("PID-1")
    assert span is not None
    assert message.repetitions(span) == message.subcomponents(span) == [span]
    assert message.subcomponent(span, 1) == span
    assert message.subcomponent(span, 2) is None
    assert shown(message, "PID-1.2") == b"d"


def test_a_stray_line_is_opaque_and_nothing_reaches_across_it() -> None:
    message = read_message(b"MSH|^~\\&|A\rOBR|1|P1||USV^US\rbroken text|with|bars\rmore\rOBX|1|TX\r12 X|a\rabc|1\r")
    assert [s.name for s in message.segments] == ["MSH", "OBR", "", "", "OBX", "", ""]
    assert [s.occurrence for s in message.segments_named("")] == [1, 2, 3, 4]
    assert message.at("OBR-5") is None
    stray = message.segments_named("")[0]
    assert message.field(stray, 1) is None
    assert message.fields(stray) == []


def test_a_segment_name_alone_is_a_segment() -> None:
    message = read_message(b"MSH|^~\\&|A\rBTS\rZ12\rZ1\r9AB|1\rPIDX|1\r")
    assert [s.name for s in message.segments] == ["MSH", "BTS", "Z12", "", "", ""]


@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n ", b"\xef\xbb\xbf\n"])
def test_what_leads_is_kept_and_not_counted(lead: bytes) -> None:
    message = read_message(lead + ORM)
    assert message.segments[0].start == len(lead)
    assert shown(message, "OBR[2]-4.1") == b"CT"
    assert rebuilt(message) == lead + ORM


def test_two_headers_are_counted() -> None:
    assert read_message(ORM + ORM).headers == 2
    assert read_message(ORM).headers == 1


def test_other_separators_are_used() -> None:
    message = read_message(rb"MSH^~|\&^RA^^^^^^ORM~O01^1^P^2.3" + b"\rOBR^1^^^76882~US~C4\r")
    assert shown(message, "OBR-4.2") == b"US"
    assert message.at("OBR-4.4") is None


def test_second_bytes_of_characters_are_no_delimiters() -> None:
    word = "表\u65af".encode("gb18030")
    tricky = b"\x81\x7c\x84\x5e"  # two GB 18030 characters that end in | and ^
    payload = b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||GB 18030-2000\rOBR|1|" + tricky + b"|x|" + word + b"^b\r"
    message = read_message(payload)
    assert shown(message, "OBR-2") == tricky
    assert shown(message, "OBR-4.2") == b"b"
    lying = payload.replace(tricky, b"\xe9|\xff")
    assert shown(read_message(lying), "OBR-2") == b"\xe9"
    japanese = "部\u30a2".encode("iso2022_jp")
    message = read_message(b"MSH|^~\\&|A||||||ORM^O01|1|P|2.5||||||~ISO IR87\rOBR|1|" + japanese + b"|x^y\r")
    assert shown(message, "OBR-2") == japanese
    assert shown(message, "OBR-3.2") == b"y"


LINE = st.one_of(
    st.sampled_from([b"PID|1||2^^^3", b"OBR|1|2||A^B~C&D\\T\\", b"", b"ZZZ", b" ", b"x|y", b"OBX|1|TX|a\\"]),
    st.binary(max_size=20).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"")),
)


@given(
    st.sampled_from([b"", b"\xef\xbb\xbf", b"\r\n", b" "]),
    st.sampled_from([b"MSH|^~\\&|A", b"MSH#*!%@#A", b"MSH^~|\\&^A", b"MSH|^|A||||||||||||||||GB 18030-2000"]),
    st.lists(st.tuples(LINE, st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\r", b"\n\r"])), max_size=12),
)
def test_printing_what_was_read_gives_the_same_bytes(
    lead: bytes, header: bytes, lines: list[tuple[bytes, bytes]]
) -> None:
    payload = lead + header + b"\r" + b"".join(line + end for line, end in lines)
    message = read_message(payload)
    assert rebuilt(message) == payload
    separator = message.delimiters.field
    for segment in message.segments[1:]:
        if segment.name and message.delimiters.encoding != b"^":
            fields = [message.bytes(span) for span in message.fields(segment)]
            assert separator.join([segment.name.encode(), *fields]) == message.bytes(segment)
        for span in message.fields(segment):
            for cut in (message.repetitions, message.components, message.subcomponents):
                spans = cut(span)
                assert (spans[0].start, spans[-1].end) == (span.start, span.end)
                assert all(b.start == a.end + 1 for a, b in pairwise(spans))


@pytest.mark.parametrize(
    "body",
    [
        b"OBX|1|TX|A||" + b"x" * 5_000_000,
        b"OBX|1|TX|A||text\r" * 100_000,
        b"OBX|1|TX|A||text\r\n" * 100_000,
        b"OBX|1|TX|" + b"~".join([b"a^b"] * 10_000),
        b"OBX|" * 1_000_000,
        b"\r" * 1_000_000,
        b"\\" * 1_000_000,
    ],
    ids=["5 MB field", "100,000 segments", "100,000 CRLF segments", "10,000 repetitions", "fields", "ends", "escapes"],
)
def test_size_costs_linear_time(body: bytes) -> None:
    payload = b"MSH|^~\\&|A\r" + body
    started = time.process_time()
    message = read_message(payload)
    for segment in message.segments[:50]:
        for number in (1, 3, 5):
            span = message.field(segment, number)
            if span:
                message.components(message.repetitions(span)[0], 6)
    assert message.at("OBX[1]-99999") is None or body.startswith(b"OBX|OBX")
    assert time.process_time() - started < 2


def test_spans_are_read_only_values() -> None:
    message = read_message(ORM)
    assert message.at("ORC-1") == Span(message.segments[2].start + 4, message.segments[2].start + 6)
    assert message.segments is message.segments
