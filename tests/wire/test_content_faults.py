"""The fault catalogue rows H1 to H11: content that other systems stumble over, put to the whole of wire/."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.errors import WireError
from hl7calf.wire.ack import build_ack, read_ack
from hl7calf.wire.conformance import advise
from hl7calf.wire.files import split_messages
from hl7calf.wire.header import read_header
from hl7calf.wire.message import Message, read_message
from hl7calf.wire.mllp import Deframer, Frame, enframe
from hl7calf.wire.orders import is_order_message, note_insertion, patient_parts, placer_key, read_orders
from hl7calf.wire.splice import splice
from hl7calf.wire.text import read_text

NOW = "20260102030405"


def order(
    header: bytes = b"MSH|^~\\&|CPOE|H|||2026||ORM^O01|C1|P|2.4", obr: bytes = b"OBR|1|P1||US^US VENOUS^L"
) -> bytes:
    return b"\r".join([header, b"PID|1", b"ORC|NW|P1", obr, b"OBX|1|TX|A||x", b""])


def text_at(message: Message, path: str) -> str:
    span = message.at(path)
    assert span is not None
    return read_text(message, span).value


@pytest.mark.parametrize("payload", [b"MSH", b"MSH|", b"MSH|\r", b"MSH||A|B", b"MSH|abc|A", b"MSH|^^^^|A"])
def test_h1_an_msh_too_short_or_without_delimiters_is_refused_with_ar(payload: bytes) -> None:
    with pytest.raises(WireError) as caught:
        read_message(payload)
    assert caught.value.ack == "AR"
    ack = read_ack(build_ack(None, caught.value.ack, b"N1", NOW, caught.value.why))
    assert (ack.code, ack.control_id) == ("AR", b"")


def test_h1_a_header_without_further_fields_keeps_its_separators_once() -> None:
    message = read_message(b"MSH|^~\\&\r")
    assert [message.bytes(span) for span in message.fields(message.segments[0])] == [b"|", b"^~\\&"]


@pytest.mark.parametrize("encoding", [b"^~\\&#", b"^~\\&", b"^\\~&", b"^~|\\"[:2] + b"\\", b"^"])
@pytest.mark.parametrize("mark", [b"|", b"#", b"!", b";"])
def test_h2_the_delimiters_are_those_of_the_message(encoding: bytes, mark: bytes) -> None:
    if mark in encoding:
        return
    payload = order(b"MSH|" + encoding + b"|CPOE|||||" + b"|ORM^O01|C1|P|2.4").replace(b"|", mark)
    message = read_message(payload)
    assert is_order_message(message.header)
    assert text_at(message, "OBR-4.2") == "US VENOUS"
    assert read_ack(build_ack(message.header, "AA", b"N1", NOW)).control_id == b"C1"


def test_h3_a_missing_msh_10_is_readable_and_seen() -> None:
    header = read_header(order(b"MSH|^~\\&|CPOE|H|||2026||ORM^O01"))
    assert header.control_id == b""
    assert read_ack(build_ack(header, "AR", b"N1", NOW)).errors == ("101",)


@given(st.binary(min_size=1, max_size=300).map(lambda b: bytes(x for x in b if x not in b"\r\n|")))
def test_h4_msh_10_is_echoed_byte_for_byte_in_one_frame(control_id: bytes) -> None:
    header = read_header(b"MSH|^~\\&|A|||||||" + control_id + b"|P|2.4\r")
    ack = build_ack(header, "AA", b"N1", NOW)
    assert read_ack(ack).control_id == control_id
    if b"\x0bMSH" not in control_id and b"\x1c\x0b" not in control_id:
        (frame,) = Deframer().feed(enframe(ack))
        assert isinstance(frame, Frame)
        assert frame.payload == ack


@pytest.mark.parametrize("version", [b"", b"9.9", b"2", b"two", b"2.5.1.7"])
def test_h5_an_unknown_version_hinders_nothing(version: bytes) -> None:
    message = read_message(order(b"MSH|^~\\&|CPOE|H|||2026||ORM^O01|C1|P|" + version))
    assert len(read_orders(message)) == 1
    assert read_ack(build_ack(message.header, "AE", b"N1", NOW)).code == "AE"
    assert advise(message.payload).findings[0].startswith("MSH[1]-12: no version")


@pytest.mark.parametrize(
    "charset", [b"", b"UNICODE UTF-8", b"8859/1", b"ASCII", b"NONSENSE", b"8859/1~8859/2", b"GB 18030-2000"]
)
@pytest.mark.parametrize("word", ["Wadé".encode(), "Wadé".encode("latin-1"), b"\xff\xfe\xfd", b"\xc3", b"\xed\xa0\x80"])
def test_h6_any_bytes_under_any_character_set_are_read(charset: bytes, word: bytes) -> None:
    payload = order(
        b"MSH|^~\\&|CPOE|H|||2026||ORM^O01|C1|P|2.4||||||" + charset, b"OBR|1|P1||US^calf " + word + b" pain^L|x"
    )
    for lead in (b"", b"\xef\xbb\xbf"):
        message = read_message(lead + payload)
        assert text_at(message, "OBR-4.2").startswith("calf ")
        assert message.at("OBR-4.3") is not None
        assert splice(lead + payload, []) == lead + payload


def test_h6_utf_16_is_refused_by_name() -> None:
    for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        with pytest.raises(WireError, match="H_UTF16"):
            read_message(order().decode().encode(codec))


def test_h7_escapes_are_undone_for_reading_alone() -> None:
    payload = order(obr=b"OBR|1|P1||US^pain\\.br\\calf \\T\\ shin\\X0D\\unfinished \\T^L")
    message = read_message(payload)
    assert text_at(message, "OBR-4.2") == "pain\ncalf & shin\runfinished \\T"
    assert message.payload is payload


@pytest.mark.alone
@pytest.mark.parametrize(
    "obr",
    [
        b"OBR|1|P1||US^" + b"~".join([b"a^b&c"] * 10_000) + b"|x",
        b"OBR|1|P1||US\r" + b"OBX|1|TX|A||text\r" * 100_000,
        b"OBR|1|P1||US^" + b"calcs in calf " * 360_000 + b"|x",
        b"OBR|1|P1||US^" + b"\\T\\" * 200_000 + b"|x",
    ],
    ids=["10,000 repetitions", "100,000 segments", "5 MB field", "200,000 escapes"],
)
def test_h8_size_costs_linear_time_and_memory(obr: bytes) -> None:
    payload = order(obr=obr)
    started = time.process_time()
    _read_all(payload)
    assert time.process_time() - started < 2


def test_h8_a_5_mb_field_is_read_in_less_than_five_times_its_size() -> None:
    payload = order(obr=b"OBR|1|P1||US^" + b"calcs in calf " * 360_000 + b"|x")
    tracemalloc.start()
    try:
        _read_all(payload)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(payload)
    finally:
        tracemalloc.stop()


def _read_all(payload: bytes) -> None:
    message = read_message(payload)
    (group,) = read_orders(message)
    placer_key(message, group)
    patient_parts(message)
    note_insertion(message, group)
    span = message.at("OBR-4")
    assert span is not None
    assert read_text(message, span).value
    for repetition in message.repetitions(span):
        message.components(repetition, 7)


def test_h9_a_raw_cr_in_a_field_leaves_an_opaque_line() -> None:
    payload = order(obr=b"OBR|1|P1||US^US VENOUS^L|||||||||calf pain\rcalcs seen|||D^O\r calf|x")
    message = read_message(payload)
    (group,) = read_orders(message)
    assert group.broken
    assert text_at(message, "OBR-13") == "calf pain"
    assert message.at("OBR-16") is None
    assert [message.fields(segment) for segment in message.segments_named("")] == [[], []]
    assert payload[: note_insertion(message, group).offset].endswith(b"\r calf|x")


def test_h10_a_batch_is_one_unit_with_its_own_control_id() -> None:
    batch = b"FHS|^~\\&|A|B|C|D|2026||F||FILE1\rBHS|^~\\&|A|B|C|D|2026||B||BATCH1\r" + order() * 2 + b"BTS|2\rFTS|1\r"
    header = read_header(batch)
    assert header.is_batch
    assert not is_order_message(header)
    ack = build_ack(header, "AA", b"N1", NOW)
    assert read_ack(ack).control_id == b"FILE1"
    assert ack.startswith(b"MSH|^~\\&|C|D|A|B|20260102030405||ACK|N1|P|2.5\r")
    assert [piece.payload for piece in split_messages(batch, keep_batches=True)] == [batch]
    assert read_header(batch[batch.index(b"BHS") :]).control_id == b"BATCH1"


@pytest.mark.parametrize(
    ("obr_4", "components"),
    [
        (b'""', ['""']),
        (b"", [""]),
        (b"^US VENOUS LIMITED", ["", "US VENOUS LIMITED"]),
        (b"^^^X1^US VENOUS^L", ["", "", "", "X1", "US VENOUS", "L"]),
    ],
)
def test_h11_what_stands_in_obr_4_is_seen_as_it_is(obr_4: bytes, components: list[str]) -> None:
    message = read_message(order(obr=b"OBR|1|P1||" + obr_4 + b"|x"))
    span = message.at("OBR-4")
    assert span is not None
    assert [read_text(message, part).value for part in message.components(span)] == components


def test_h11_an_obr_that_ends_before_obr_4_has_none() -> None:
    assert read_message(order(obr=b"OBR|1|P1")).at("OBR-4") is None


@given(st.binary(max_size=400))
def test_nothing_in_a_body_raises(body: bytes) -> None:
    message = read_message(order() + body)
    for group in read_orders(message):
        placer_key(message, group)
        if group.obr:
            note_insertion(message, group)
    for segment in message.segments:
        for span in message.fields(segment):
            read_text(message, span)
