"""Acknowledgments: the sender's own shape comes back to it; theirs are read whatever their shape."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.errors import WireError
from hl7calf.wire.ack import Ack, AckError, build_ack, read_ack, version_of, which_acks
from hl7calf.wire.codes import AckCode
from hl7calf.wire.header import Header, read_header
from hl7calf.wire.message import read_message
from hl7calf.wire.mllp import Deframer, Frame, enframe

NOW = "20260102030405"


def header_of(
    version: bytes = b"2.4",
    kind: bytes = b"ORM^O01",
    control_id: bytes = b"C1",
    rest: bytes = b"",
    mark: bytes = b"^~\\&",
) -> Header:
    return read_header(
        b"MSH|" + mark + b"|CPOE|H^1.2^ISO|RIS|R|2026||" + kind + b"|" + control_id + b"|P|" + version + rest
    )


def refused(payload: bytes) -> str:
    with pytest.raises(WireError) as caught:
        read_ack(payload)
    return caught.value.code


def test_an_acknowledgment_comes_back_in_the_senders_shape() -> None:
    ack = build_ack(header_of(), "AA", b"N1", NOW)
    assert ack == b"MSH|^~\\&|RIS|R|CPOE|H^1.2^ISO|20260102030405||ACK^O01^ACK|N1|P|2.4\rMSA|AA|C1\r"


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        (b"2.1", b"ACK"),
        (b"2.2", b"ACK^O01"),
        (b"2.3", b"ACK^O01"),
        (b"2.3.1", b"ACK^O01^ACK"),
        (b"2.4", b"ACK^O01^ACK"),
        (b"2.5.1^USA", b"ACK^O01^ACK"),
        (b"2.8.2", b"ACK^O01^ACK"),
        (b"", b"ACK^O01^ACK"),
        (b"nonsense", b"ACK^O01^ACK"),
    ],
)
def test_the_message_type_is_as_the_version_wants_it(version: bytes, kind: bytes) -> None:
    ack = read_message(build_ack(header_of(version), "AA", b"N1", NOW))
    assert ack.header.field(9) == kind
    assert ack.header.field(12) == (version or b"2.5")


def test_a_message_without_a_trigger_gets_a_bare_ack() -> None:
    assert read_header(build_ack(header_of(kind=b"ORM"), "AA", b"N1", NOW)).field(9) == b"ACK"


def test_other_delimiters_and_the_character_set_come_back() -> None:
    header = read_header(rb"MSH^~|\&^RA~X^STA^^^2026^^ORM~O01^42^T~A^2.3^^^^^^8859/1")
    ack = build_ack(header, "AR", b"N1", NOW, "code|text~x", AckError("103", "Table value not found", "ORC-1"))
    assert ack == (
        b"MSH^~|\\&^^^RA~X^STA^20260102030405^^ACK~O01^N1^T~A^2.3^^^^^^8859/1\r"
        b"MSA^AR^42^code\\R\\text\\S\\x\r"
        b"ERR^ORC~1~1~103&Table value not found&HL70357\r"
    )


def test_a_five_character_msh_2_comes_back_whole() -> None:
    assert build_ack(header_of(mark=b"^~\\&#"), "AA", b"N1", NOW).startswith(b"MSH|^~\\&#|RIS|")


@pytest.mark.parametrize("odd", [b"a" * 5000, b"<b>&lt;\xff\x00\x1b", b"../../etc", b"\\T\\^x~y", b"x\x1c", b""])
def test_msa_2_echoes_the_bytes_of_msh_10(odd: bytes) -> None:
    ack = build_ack(header_of(control_id=odd), "AA", b"N1", NOW)
    assert read_ack(ack).control_id == odd
    assert b"\x1c\r" not in ack


def test_an_error_stands_where_the_version_wants_it() -> None:
    error = AckError("101", "Required field missing", "OBR[2]-4.1")
    old = build_ack(header_of(b"2.4"), "AR", b"N1", NOW, "why", error)
    assert old.endswith(b"\rMSA|AR|C1|why\rERR|OBR^2^4^101&Required field missing&HL70357\r")
    new = build_ack(header_of(b"2.5.1"), "CR", b"N1", NOW, "why", error)
    assert new.endswith(b"\rERR||OBR^2^4|101^Required field missing^HL70357|E||||Required field missing\r")
    assert read_ack(old).errors == read_ack(new).errors == ("101",)


def test_an_error_without_a_place_leaves_the_place_empty() -> None:
    error = AckError("207", "Application internal error")
    assert build_ack(header_of(b"2.3"), "AE", b"N1", NOW, "", error).endswith(
        b"\rERR|^^^207&Application internal error&HL70357\r"
    )
    assert b"\rERR|||207^" in build_ack(header_of(b"2.5"), "AE", b"N1", NOW, "", error)


def test_a_negative_code_without_an_error_gets_the_likeliest() -> None:
    assert read_ack(build_ack(header_of(), "AE", b"N1", NOW)).errors == ("207",)
    assert read_ack(build_ack(header_of(control_id=b""), "AR", b"N1", NOW)).errors == ("101",)
    assert read_ack(build_ack(None, "AR", b"N1", NOW)).errors == ("100",)
    assert read_ack(build_ack(header_of(), "AA", b"N1", NOW, "", AckError("0", "x"))).errors == ()


def test_without_a_header_msa_2_is_empty() -> None:
    ack = build_ack(None, "AR", b"N1", NOW, "no header")
    assert ack.startswith(b"MSH|^~\\&|||||20260102030405||ACK|N1|P|2.5\rMSA|AR||no header\rERR|||100^")


def test_an_enhanced_acknowledgment_asks_for_none_itself() -> None:
    ack = read_header(build_ack(header_of(rest=b"|||AL|NE|USA|UNICODE UTF-8"), "CA", b"N1", NOW))
    assert (ack.accept_ack, ack.application_ack, ack.charsets) == ("NE", "NE", ("UNICODE UTF-8",))


def test_text_for_people_is_cut_and_made_plain() -> None:
    ack = build_ack(header_of(), "AR", b"N1", NOW, "line\r\nPID|1|" + "x" * 200 + "é")
    message = read_message(ack)
    assert [segment.name for segment in message.segments] == ["MSH", "MSA", "ERR"]
    assert read_ack(ack).text == "line  PID|1|" + "x" * 68


@pytest.mark.parametrize(
    ("modes", "wanted"),
    [
        (b"", ("", "")),
        (b"|||AL|AL", ("AL", "AL")),
        (b"|||AL|NE", ("AL", "NE")),
        (b"|||NE|", ("NE", "NE")),
        (b"||||SU", ("NE", "SU")),
        (b"|||er|ER", ("AL", "ER")),
        (b"|||XX|NE", ("AL", "NE")),
    ],
)
def test_msh_15_and_16_say_which_are_wanted(modes: bytes, wanted: tuple[str, str]) -> None:
    assert which_acks(header_of(rest=modes)) == wanted


def test_versions_compare_as_numbers() -> None:
    assert version_of(header_of(b"2.3.1")) == (2, 3, 1)
    assert version_of(header_of(b"2.10")) > version_of(header_of(b"2.9")) > version_of(header_of(b"2.5.1"))
    assert version_of(None) == version_of(header_of(b"2.x")) == (2, 5)


@given(
    st.binary(max_size=150), st.sampled_from(list(AckCode)), st.text(max_size=30), st.sampled_from(["", "PID-3", "MSH"])
)
def test_building_never_raises_and_reads_back(rest: bytes, code: AckCode, text: str, path: str) -> None:
    for start in (b"MSH|^~\\&|", b"MSH#*|", b"FHS|^~\\&|", b"MSH|^"):
        try:
            header = read_header(start + rest)
        except WireError:
            continue
        ack = read_ack(build_ack(header, code, b"N1", NOW, text, AckError("207", text, path)))
        assert (ack.code, ack.control_id) == (code, header.control_id)


ACK = b"MSH|^~\\&|R|R|C|C|2026||ACK^O01|N1|P|2.4\rMSA|AE|C1|wrong \\T\\ late\rERR|PID^1^3^204&Unknown key&HL70357~^^^101\r"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("lead", [b"", b"\xef\xbb\xbf", b"\r\n"])
def test_an_answer_is_read_with_any_ends_and_a_bom(end: bytes, lead: bytes) -> None:
    ack = read_ack(lead + ACK.replace(b"\r", end))
    assert ack == Ack("AE", b"C1", "wrong & late", ("204", "101"), "ACK^O01")
    assert not ack.positive


def test_error_codes_are_read_from_every_version() -> None:
    head = b"MSH|^~\\&|R||||2026||ACK|N1|P|2.5\rMSA|AR|C1|||| E7 ^x\r"
    ack = read_ack(head + b"ERR||PID^1|207^text^HL70357|E\rERR|||103^x|W\rERR|||103\rERR|||<script>|E\rERR\r")
    assert ack.errors == ("207", "103", "E7")


def test_an_order_response_with_msa_counts_as_the_answer() -> None:
    ack = read_ack(b"MSH|^~\\&|R||||2026||ORR^O02|N1|P|2.4\rMSA|AA|C1\rORC|OK|P1\r")
    assert (ack.code, ack.control_id, ack.message_type, ack.positive) == ("AA", b"C1", "ORR^O02", True)


def test_a_lower_case_code_and_white_space_are_read() -> None:
    assert read_ack(b"MSH|^~\\&|R\rMSA| aa |C1\r").code == "AA"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "A_NOT_HL7"),
        (b"HTTP/1.1 400 Bad Request\r\n", "A_NOT_HL7"),
        (b"MSA|AA|C1\r", "A_NOT_HL7"),
        (b"MSH|^~\\&|R||||2026||ORU^R01|N1\rPID|1\r", "A_NOT_ACK"),
        (b"MSH|^~\\&|R\rMSA|AA|C1\rMSA|AE|C1\r", "A_TWO_ACKS"),
        (b"MSH|^~\\&|R\rMSA|AA|C1\rMSH|^~\\&|R\r", "A_TWO_ACKS"),
        (b"MSH|^~\\&|R\rMSA||C1\r", "A_CODE"),
        (b"MSH|^~\\&|R\rMSA\r", "A_CODE"),
        (b"MSH|^~\\&|R\rMSA|OK|C1\r", "A_CODE"),
    ],
)
def test_what_is_no_acknowledgment_is_named(payload: bytes, code: str) -> None:
    assert refused(payload) == code


@given(st.binary(max_size=120))
def test_any_answer_is_read_or_faulted(rest: bytes) -> None:
    for payload in (rest, b"MSH|^~\\&|R\rMSA|AA" + rest, b"MSH|^~\\&|R\rMSA|AE|1\rERR|" + rest):
        try:
            assert read_ack(payload).code in tuple(AckCode)
        except WireError as fault:
            assert fault.code.startswith("A_")


@pytest.mark.parametrize("last", [b"2.3\x1c", b"2.3|||||| 8859/1\x1c", b"2.3|||AL\x1c|"])
def test_an_end_block_echoed_at_the_end_of_a_segment_does_not_end_the_frame(last: bytes) -> None:
    header = read_header(b"MSH|^~\\&|A|B|C|D|2026||ADT^A08\x1c|X\x1c|P\x1c|" + last + b"|||||||\rPID|1\r")
    for code in ("AA", "AE", "CA"):
        answer = build_ack(header, code, b"N1", "20260101")
        (frame,) = Deframer().feed(enframe(answer))
        assert isinstance(frame, Frame) and frame.payload == answer
        assert read_ack(answer).control_id == b"X\x1c"
