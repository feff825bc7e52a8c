"""Reading MSH: any delimiters, nothing assumed, every unreadable header a WireError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.errors import WireError
from hl7calf.wire.header import read_delimiters, read_header

MSH = rb"MSH|^~\&|CPOE|HOSP^1.2.3^ISO|RIS|RAD|20260102030405||ORM^O01^ORM_O01|CID-1|P^A|2.5.1^USA|||AL|NE|USA|~ISO IR87"


def fault_of(payload: bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        read_header(payload)
    return caught.value


def test_all_named_fields_are_read() -> None:
    header = read_header(MSH + b"\rPID|1")
    assert (header.kind, header.start, header.end, header.is_batch) == ("MSH", 0, len(MSH), False)
    assert header.sending_application == b"CPOE"
    assert header.sending_facility == b"HOSP^1.2.3^ISO"
    assert (header.receiving_application, header.receiving_facility) == (b"RIS", b"RAD")
    assert (header.message_code, header.trigger, header.structure) == ("ORM", "O01", "ORM_O01")
    assert header.message_type == "ORM^O01"
    assert (header.control_id, header.processing_id, header.version) == (b"CID-1", "P", "2.5.1")
    assert (header.accept_ack, header.application_ack) == ("AL", "NE")
    assert header.charsets == ("", "ISO IR87")


def test_fields_count_as_hl7_counts_them() -> None:
    header = read_header(MSH)
    assert header.field(0) == b""
    assert header.field(1) == b"|"
    assert header.field(2) == rb"^~\&"
    assert header.field(3) == b"CPOE"
    assert header.field(18) == b"~ISO IR87"
    assert header.field(19) == header.field(9999) == b""


@pytest.mark.parametrize(
    ("encoding", "roles"),
    [
        (rb"^~\&", (b"^", b"~", b"\\", b"&", b"")),
        (rb"^~\&#", (b"^", b"~", b"\\", b"&", b"#")),
        (rb"^\~&", (b"^", b"\\", b"~", b"&", b"")),
        (rb"^~&", (b"^", b"~", b"&", b"", b"")),
        (b"^~", (b"^", b"~", b"", b"", b"")),
        (b"^", (b"^", b"", b"", b"", b"")),
        (rb"^~\\&", (b"^", b"~", b"\\", b"&", b"")),
        (rb"^~\\", (b"^", b"~", b"\\", b"", b"")),
        (rb"^~\&#!", (b"^", b"~", b"\\", b"&", b"#")),
    ],
)
def test_msh_2_means_what_it_says(encoding: bytes, roles: tuple[bytes, ...]) -> None:
    found = read_delimiters(b"|", encoding)
    assert found[1:6] == roles
    assert found.encoding == encoding


def test_the_vista_delimiters_are_honoured() -> None:
    header = read_header(rb"MSH^~|\&^RA^STA^^^^^ORM~O01^42^P^2.3")
    assert header.delimiters[:5] == (b"^", b"~", b"|", b"\\", b"&")
    assert (header.message_type, header.control_id, header.version) == ("ORM^O01", b"42", "2.3")


def test_any_punctuation_may_separate() -> None:
    header = read_header(b"MSH#*!%@#A#B#C#D###ORM*O01#7#P#2.4\r")
    assert (header.message_code, header.trigger, header.control_id) == ("ORM", "O01", b"7")


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b"\r\n", b" \t", b"\xef\xbb\xbf\r\n ", b"\n\xef\xbb\xbf"])
def test_a_bom_and_white_space_before_msh_are_skipped(lead: bytes) -> None:
    header = read_header(lead + MSH)
    assert header.start == len(lead)
    assert header.control_id == b"CID-1"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b""])
def test_the_header_ends_at_any_segment_end(end: bytes) -> None:
    header = read_header(MSH + end + (b"PID|1\rOBR|2" if end else b""))
    assert header.end == len(MSH)
    assert header.charsets == ("", "ISO IR87")


def test_a_line_feed_before_a_later_carriage_return_ends_the_header() -> None:
    header = read_header(b"MSH|^~\\&|A\nPID|1\rOBR|2")
    assert header.field(3) == b"A"


@pytest.mark.parametrize("payload", [b"MSH|^", b"MSH|^~\\&", b"MSH|^~\\&\r", b"MSH|^~\\&|||||||\rPID|1"])
def test_a_header_without_further_fields_is_readable(payload: bytes) -> None:
    header = read_header(payload)
    assert (header.control_id, header.message_code, header.version, header.charsets) == (b"", "", "", ())


def test_a_control_id_keeps_its_bytes() -> None:
    odd = b"../<b>\xff\x00\\T\\" + b"9" * 5000
    assert read_header(b"MSH|^~\\&|||||||ADT|" + odd + b"|P\r").control_id == odd


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "H_EMPTY"),
        (b" \r\n", "H_EMPTY"),
        (b"PID|1", "H_NO_MSH"),
        (b"GET / HTTP/1.1\r\nMSH|^~\\&|", "H_NO_MSH"),
        (b"\x0bMSH|^~\\&|", "H_NO_MSH"),
        (b"msh|^~\\&|", "H_NO_MSH"),
        (b"MSH", "H_MSH_SHORT"),
        (b"MSH|", "H_MSH_SHORT"),
        (b"MSH|\rPID|1", "H_MSH_SHORT"),
        (b"MSH\rPID|1", "H_MSH_SHORT"),
        (b"MSH||A", "H_DELIMITERS"),
        (b"MSH|blah|A", "H_DELIMITERS"),
        (b"MSH|...|A", "H_DELIMITERS"),
        (b"MSH|^~^&|A", "H_DELIMITERS"),
        (b"MSHA^~\\&A", "H_DELIMITERS"),
        (b"MSH|^~\\\xa7|A", "H_DELIMITERS"),
        (b"MSH ^~\\& A", "H_DELIMITERS"),
        ("MSH|^~\\&|A".encode("utf-16"), "H_UTF16"),
        ("MSH|^~\\&|A".encode("utf-16-le"), "H_UTF16"),
    ],
)
def test_an_unreadable_header_is_named(payload: bytes, code: str) -> None:
    fault = fault_of(payload)
    assert (fault.code, fault.ack) == (code, "AR")


def test_a_fault_shows_no_payload_text() -> None:
    assert "DOE" not in str(fault_of(b"DOE^JANE"))
    assert "DOE" not in str(fault_of(b"MSH|DOE|"))


def test_a_batch_reads_as_a_header_without_a_message_type() -> None:
    header = read_header(b"FHS|^~\\&|A|B|C|D|2026||F|comment|FILE-1\rBHS|^~\\&|A\rMSH|^~\\&|A|||||||1")
    assert (header.kind, header.is_batch, header.message_code, header.control_id) == ("FHS", True, "", b"FILE-1")
    assert (header.sending_application, header.receiving_facility) == (b"A", b"D")


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_a_file_header_without_control_id_takes_that_of_its_batch(end: bytes) -> None:
    header = read_header(b"FHS|^~\\&|A" + end + b"BHS|^~\\&|A|B|||||N||BATCH-1" + end + b"MSH|^~\\&|")
    assert header.control_id == b"BATCH-1"


@given(st.binary(max_size=200))
def test_anything_after_msh_is_read_or_faulted(rest: bytes) -> None:
    for payload in (rest, b"MSH" + rest, b"MSH|^~\\&" + rest, b"MSH|^~\\&|" + rest):
        try:
            header = read_header(payload)
        except WireError:
            continue
        values = (header.message_type, header.structure, header.charsets, header.version, header.accept_ack)
        assert values is not None
        assert payload[header.start : header.end].startswith(b"MSH")
