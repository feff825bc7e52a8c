import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hl7calf.service.acknowledging import Acknowledger
from hl7calf.wire.ack import build_ack, read_ack
from hl7calf.wire.header import Header, read_header
from tests.service.doubles import message


def header(**fields: str) -> Header:
    return read_header(message("A1", **fields))


def acker(at: float = 1_767_225_600.0) -> Acknowledger:
    return Acknowledger("node-1", lambda: at)


def codes(acks: tuple[tuple[str, bytes], ...]) -> list[str]:
    for code, payload in acks:
        assert read_ack(payload).code == code
        assert read_ack(payload).control_id == b"A1"
    return [code for code, _ in acks]


def test_original_mode_is_answered_aa() -> None:
    assert codes(acker().positive(header())) == ["AA"]


@pytest.mark.parametrize(
    ("accept", "application", "good", "bad"),
    [
        ("AL", "NE", ["CA"], ["CR"]),
        ("AL", "AL", ["CA", "AA"], ["CR"]),
        ("NE", "AL", ["AA"], ["AR"]),
        ("NE", "NE", [], []),
        ("ER", "NE", [], ["CR"]),
        ("ER", "ER", [], ["CR"]),
        ("SU", "SU", ["CA", "AA"], []),
        ("SU", "ER", ["CA"], ["AR"]),
        ("", "AL", ["AA"], ["AR"]),
    ],
)
def test_enhanced_mode_answers_what_msh_15_and_16_ask(
    accept: str, application: str, good: list[str], bad: list[str]
) -> None:
    one = header(accept=accept, application=application)
    assert codes(acker().positive(one)) == good
    assert codes(acker().negative(one, False, "no")) == bad


def test_transient_is_ae_or_ce_and_content_ar_or_cr() -> None:
    assert codes(acker().negative(header(), True, "")) == ["AE"]
    assert codes(acker().negative(header(), False, "")) == ["AR"]
    assert codes(acker().negative(header(accept="AL"), True, "")) == ["CE"]


def test_without_a_header_msa_2_is_empty() -> None:
    ((code, payload),) = acker().negative(None, False, "no MSH")
    assert code == "AR"
    assert read_ack(payload).control_id == b""


def test_every_acknowledgment_has_a_control_id_of_its_own() -> None:
    one = acker()
    other = Acknowledger("node-2", lambda: 1_767_225_600.0)
    later = acker(1_767_225_601.0)
    given = [read_header(by.positive(header())[0][1]).control_id for by in (one, one, other, later) for _ in range(50)]
    assert len(set(given)) == 200
    assert all(len(identifier) <= 20 for identifier in given), "MSH-10 has 20 characters, HL7 v2.5.1 section 2.15.9.10"


def test_msh_7_is_the_time_with_its_zone() -> None:
    assert read_header(acker().positive(header())[0][1]).field(7) == b"20260101000000+0000"


def test_many_different_senders_each_get_their_own_back() -> None:
    one = acker()
    for n in range(50):
        payload = message(f"ID{n}").replace(b"WARD", b"WARD%d" % n)
        answer = one.positive(read_header(payload))[0][1]
        assert read_header(answer).receiving_facility == b"WARD%d" % n
        assert read_ack(answer).control_id == b"ID%d" % n


@example(b"A\x1c", b"", "", "", b"", b"ORM^O01", b"2.3")
@example(b"\x00T\x00", b"\x00S\x00", "", "", b"", b"ORM^O01", b"2.3")
@given(
    control_id=st.binary(min_size=1, max_size=30).filter(lambda b: not set(b) & set(b"|\r\n")),
    facility=st.binary(max_size=8).filter(lambda b: not set(b) & set(b"|\r\n")),
    accept=st.sampled_from(["", "AL", "NE", "SU", "ER", "XX"]),
    application=st.sampled_from(["", "AL", "NE"]),
    charset=st.sampled_from([b"", b"UNICODE UTF-8", b"8859/1"]),
    kind=st.sampled_from([b"ORM^O01", b"ORM", b"ADT^A08^ADT_A01", b""]),
    version=st.sampled_from([b"2.1", b"2.3", b"2.5.1", b"2.7", b"", b"x"]),
)
def test_a_form_filled_in_is_what_building_anew_gives(
    control_id: bytes, facility: bytes, accept: str, application: str, charset: bytes, kind: bytes, version: bytes
) -> None:
    line = b"MSH|^~\\&|CPOE|%b|RIS|RAD|2026||%b|%b|P|%b|||%b|%b||%b\r" % (
        facility,
        kind,
        control_id,
        version,
        accept.encode(),
        application.encode(),
        charset,
    )
    one = read_header(line)
    given_twice = [acker().positive(one), acker().positive(one)]
    assert given_twice[0] == given_twice[1]
    for code, payload in given_twice[0]:
        own = read_header(payload).control_id
        assert payload == build_ack(one, code, own, "20260101000000+0000")
        assert read_ack(payload).control_id == control_id
