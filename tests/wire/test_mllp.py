"""Framing: the fault catalogue rows F1 to F14, F17 and F18, each whole, byte by byte and with bytes behind."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.mllp import Blocks, Deframer, Frame, FrameFault, FrameLimits, FrameNote, enframe

A = b"MSH|^~\\&|A|||||||1\rPID|1\r"
B = b"MSH|^~\\&|B|||||||2\rPID|2\r"
C = b"MSH|^~\\&|C|||||||3\rPID|3\r"
SB, EB, CR = b"\x0b", b"\x1c", b"\x0d"
Found = list[Frame | FrameFault]


def feed_in(stream: bytes, size: int, **options: object) -> Found:
    deframer = Deframer(**options)  # type: ignore[arg-type]
    found: Found = []
    for place in range(0, len(stream), size):
        found += deframer.feed(stream[place : place + size])
    return found + deframer.eof()


def read(stream: bytes, **options: object) -> Found:
    """What a stream gives, the same whole, byte by byte and in odd pieces."""
    whole = feed_in(stream, max(len(stream), 1), **options)
    for size in (1, 2, 3, 7):
        assert feed_in(stream, size, **options) == whole
    return whole


def payloads(found: Found) -> list[bytes]:
    return [frame.payload for frame in found if isinstance(frame, Frame)]


def notes(found: Found) -> list[dict[str, int]]:
    return [{note.code: note.count for note in frame.notes} for frame in found if isinstance(frame, Frame)]


def faults(found: Found) -> list[tuple[str, bool, bool]]:
    return [(fault.code, fault.close, fault.answer) for fault in found if isinstance(fault, FrameFault)]


def test_f1_a_frame_may_be_split_at_any_point() -> None:
    stream = enframe(A) + enframe(B) + enframe(C)
    whole = [Frame(A), Frame(B), Frame(C)]
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            deframer = Deframer()
            pieces = (stream[:first], stream[first:second], stream[second:])
            assert [frame for piece in pieces for frame in deframer.feed(piece)] == whole
            assert (deframer.eof(), deframer.buffered, deframer.in_frame) == ([], 0, False)


def test_f1_a_frame_comes_out_with_its_last_byte_and_not_before() -> None:
    deframer = Deframer()
    assert deframer.feed(enframe(A)[:-1]) == []
    assert deframer.in_frame
    assert deframer.buffered == len(A) + 1
    assert deframer.feed(CR) == [Frame(A)]
    assert (deframer.in_frame, deframer.buffered) == (False, 0)


def test_f2_several_frames_in_one_segment_come_in_order() -> None:
    assert read(enframe(A) + enframe(B) + enframe(A)) == [Frame(A), Frame(B), Frame(A)]


def test_f3_bytes_before_the_start_are_skipped_and_counted() -> None:
    found = read(b"220 welcome\r\n" + enframe(A) + enframe(B))
    assert found == [Frame(A, (FrameNote("F_LEADING_JUNK", 13),)), Frame(B)]


def test_f3_too_many_bytes_before_the_start_close_the_connection() -> None:
    fault = FrameFault("F_LEADING_JUNK", "too many bytes before the start of a frame", b"", True, False)
    assert read(b"x" * 1025 + enframe(A)) == [fault]
    assert payloads(read(b"x" * 1024 + enframe(A))) == [A]
    assert payloads(read(b"x" * 900 + enframe(A) + b"x" * 900 + enframe(B))) == [A, B]


@pytest.mark.parametrize(
    "probe", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /x\r\n\x0bMSH", b"\x16\x03\x01\x0b\x0b"]
)
def test_f3_another_protocol_closes_the_connection_at_once(probe: bytes) -> None:
    assert faults(read(probe + enframe(A))) == [("F_LEADING_JUNK", True, False)]
    assert payloads(read(b"G" + enframe(A))) == [A]


def test_f3_a_fault_never_carries_the_junk() -> None:
    (fault,) = read(b"secret" * 300)
    assert isinstance(fault, FrameFault)
    assert fault.kept == b"" and "secret" not in fault.why


@pytest.mark.parametrize("filler", [b"\n", b"\r\n", b"\x00", b"\r\n\x00\n", b" "])
def test_f4_line_ends_and_nul_between_frames_are_ignored(filler: bytes) -> None:
    found = read(filler + enframe(A) + filler + enframe(B) + filler)
    assert payloads(found) == [A, B]
    assert notes(found) == [{"F_FILLER": len(filler)}] * 2


def test_f4_any_amount_of_filler_is_ignored() -> None:
    assert payloads(read(enframe(A) + b"\r\n" * 2000 + enframe(B))) == [A, B]


def test_f5_an_end_block_without_cr_ends_at_the_next_start() -> None:
    found = read(SB + A + EB + SB + B + EB + SB + C + EB + CR)
    assert payloads(found) == [A, B, C]
    assert notes(found) == [{"F_EB_NO_CR": 1}, {"F_EB_NO_CR": 1}, {}]


def test_f5_a_pause_ends_a_frame_that_lacks_only_its_cr() -> None:
    deframer = Deframer()
    assert deframer.idle() == []
    assert deframer.feed(SB + A + EB) == []
    assert deframer.idle() == [Frame(A, (FrameNote("F_EB_NO_CR", 1, len(A)),))]
    assert deframer.idle() == []
    assert deframer.feed(CR + enframe(B)) == [Frame(B, (FrameNote("F_FILLER", 1),))]


@pytest.mark.parametrize("unfinished", [SB + A, SB + b"MSH|torn" + EB, SB + EB, b"junk" + EB, SB + A + EB + b"x"])
def test_f5_a_pause_ends_no_frame_that_lacks_more(unfinished: bytes) -> None:
    deframer = Deframer()
    assert deframer.feed(unfinished) == []
    assert deframer.idle() == []


@pytest.mark.parametrize("inside", [b"\x1c", b"\x1c\x1c", b"\x1c\n", b"\x1cPID"])
def test_f6_an_end_byte_inside_the_data_is_data(inside: bytes) -> None:
    odd = A + b"OBX|1|ED|" + inside + b"|x\r"
    found = read(enframe(odd) + enframe(B))
    assert payloads(found) == [odd, B]
    assert notes(found) == [{"F_CTRL_IN_DATA": inside.count(EB)}, {}]


def test_f7_a_start_byte_inside_the_data_is_data() -> None:
    odd = A + b"OBX|1|ED|\x0bMS\x0b\x0b|x\x0b\r"
    found = read(enframe(odd) + enframe(B))
    assert payloads(found) == [odd, B]
    assert notes(found) == [{"F_SB_IN_DATA": 4}, {}]


def test_each_oddity_says_where_in_the_payload_it_was_first_seen() -> None:
    odd = A + b"OBX|\x0b|\x1c|\x0b|\x1c|\r"
    found = read(b"220 hello\r\n" + SB + odd + EB + enframe(B))
    (first, second) = [frame for frame in found if isinstance(frame, Frame)]
    assert set(first.notes) == {
        FrameNote("F_LEADING_JUNK", 11, 0),
        FrameNote("F_SB_IN_DATA", 2, odd.index(SB)),
        FrameNote("F_CTRL_IN_DATA", 2, odd.index(EB)),
        FrameNote("F_EB_NO_CR", 1, len(odd)),
    }
    assert second.notes == ()


def test_f7_a_start_and_msh_tear_an_unfinished_frame() -> None:
    found = read(SB + A + b"OBX|1" + enframe(B) + enframe(C))
    torn = FrameFault("F_SB_IN_DATA", "another message starts before this one ended", A + b"OBX|1", False, False)
    assert found == [torn, Frame(B), Frame(C)]


def test_f7_a_doubled_start_tears_nothing() -> None:
    assert payloads(read(SB + enframe(A))) == [A]
    assert faults(read(SB + enframe(A))) == []


def test_f8_a_message_without_start_is_refused_and_kept() -> None:
    found = read(A + EB + CR + enframe(B))
    assert found == [FrameFault("F_NO_SB", "the message has no start block", A, False, True), Frame(B)]
    found = read(enframe(C) + b"\r\n" + A + EB + CR + enframe(B))
    assert payloads(found) == [C, B]
    assert faults(found) == [("F_NO_SB", False, True)]


def test_f8_a_lenient_start_takes_it() -> None:
    found = read(A + EB + CR + enframe(B), lenient_start=True)
    assert found == [Frame(A, (FrameNote("F_NO_SB", 1),)), Frame(B)]


def test_f8_without_start_and_end_it_ends_at_the_next_message_or_at_the_close() -> None:
    assert faults(read(A + enframe(B))) == [("F_NO_SB", False, True)]
    assert payloads(read(A + enframe(B))) == [B]
    assert faults(read(A)) == [("F_NO_SB", True, True)]


@pytest.mark.parametrize("empty", [b"", b"\r", b"\r\n", b"\x00"])
def test_f9_an_empty_frame_is_a_keep_alive(empty: bytes) -> None:
    found = read(enframe(empty) * 3 + enframe(A) + enframe(empty))
    assert found == [Frame(A, (FrameNote("F_EMPTY", 3),))]


def test_f10_two_headers_in_one_frame_stay_one_payload() -> None:
    assert read(enframe(A + B)) == [Frame(A + B)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r"])
def test_f11_segment_ends_do_not_matter(end: bytes) -> None:
    payload = A.replace(b"\r", end)
    assert read(enframe(payload) + enframe(B)) == [Frame(payload), Frame(B)]


def test_f12_a_frame_over_the_limit_is_kept_in_part_and_answered() -> None:
    limits = FrameLimits(max_frame_bytes=200_000)
    endless = SB + A + b"x" * 400_000
    found = feed_in(endless, 1000, limits=limits)
    assert found == feed_in(endless, len(endless), limits=limits) == feed_in(endless + EB + CR, 65536, limits=limits)
    (fault,) = found
    assert isinstance(fault, FrameFault)
    assert (fault.code, fault.close, fault.answer) == ("F_TOO_LARGE", True, True)
    assert fault.kept == endless[1 : 1 + 64 * 1024]


def test_f12_the_limit_is_exact() -> None:
    limits = FrameLimits(max_frame_bytes=len(A))
    assert read(enframe(A) + enframe(B), limits=limits) == [Frame(A), Frame(B)]
    assert faults(read(enframe(A + b"x"), limits=limits)) == [("F_TOO_LARGE", True, True)]
    assert faults(read(SB + b"x" * 100, limits=limits)) == [("F_TOO_LARGE", True, False)]


def test_f12_after_closing_nothing_more_is_taken_or_held() -> None:
    deframer = Deframer(FrameLimits(max_frame_bytes=10))
    assert len(deframer.feed(SB + A + EB + CR)) == 1
    assert deframer.feed(enframe(b"MSH|1")) == []
    assert (deframer.buffered, deframer.in_frame, deframer.eof()) == (0, False, [])


@pytest.mark.parametrize("chunk", [1000, 65536, 10**7])
def test_f13_a_message_over_64_kb_is_taken(chunk: int) -> None:
    payload = A + b"OBX|1|ED|" + b"QUJD" * 500_000 + b"\r"
    assert feed_in(enframe(payload) + enframe(B), chunk) == [Frame(payload), Frame(B)]


def test_f14_a_slow_peer_shows_that_it_is_inside_a_frame() -> None:
    deframer = Deframer()
    assert not deframer.in_frame
    deframer.feed(SB)
    assert deframer.in_frame
    for byte in A + EB:
        deframer.feed(bytes([byte]))
        assert deframer.in_frame
    deframer.feed(CR)
    assert not deframer.in_frame


def test_f17_a_half_close_after_a_whole_frame_tears_nothing() -> None:
    deframer = Deframer()
    assert deframer.feed(enframe(A)) == [Frame(A)]
    assert deframer.eof() == []


@pytest.mark.parametrize("size", range(1, len(A) + 2))
def test_f18_a_close_inside_a_frame_leaves_it_torn(size: int) -> None:
    deframer = Deframer()
    assert deframer.feed(enframe(B) + enframe(A)[: size + 1]) == [Frame(B)]
    torn = (A + EB)[:size]
    assert deframer.eof() == [FrameFault("F_TORN", "the connection ended inside a frame", torn, True, False)]
    assert deframer.eof() == []


def test_f18_a_close_after_the_start_alone_is_no_fault() -> None:
    assert read(enframe(A) + SB) == [Frame(A)]


def test_strict_refuses_what_is_tolerated_otherwise() -> None:
    assert faults(read(b"junk" + enframe(A) + enframe(B), strict=True)) == [("F_LEADING_JUNK", False, True)]
    assert faults(read(SB + A + EB + enframe(B), strict=True)) == [("F_EB_NO_CR", False, True)]
    assert faults(read(enframe(A + b"\x1cx"), strict=True)) == [("F_CTRL_IN_DATA", False, True)]
    assert payloads(read(b"\r\n" + enframe(b"") + enframe(A) + b"\n" + enframe(B), strict=True)) == [A, B]


def test_other_block_characters_serve() -> None:
    blocks = Blocks(0x02, 0x03, 0x0A)
    stream = enframe(A, blocks) + enframe(B, blocks)
    assert stream == b"\x02" + A + b"\x03\n\x02" + B + b"\x03\n"
    assert read(stream, blocks=blocks) == [Frame(A), Frame(B)]


PIECE = st.sampled_from(
    [
        SB,
        EB,
        CR,
        b"\n",
        EB + CR,
        enframe(A),
        enframe(B),
        SB + A,
        A,
        b"M",
        b"MS",
        b"MSH",
        b"x",
        b"GET ",
        b"\x00",
        b"PID|1\r",
    ]
)


@given(st.lists(PIECE, max_size=14), st.data())
def test_chunks_never_change_what_comes_out(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    limits = FrameLimits(max_frame_bytes=data.draw(st.sampled_from([20, 30, 60, 1000])), max_junk_bytes=12)
    whole = feed_in(stream, max(len(stream), 1), limits=limits)
    assert feed_in(stream, 1, limits=limits) == whole
    deframer, found, place = Deframer(limits), [], 0
    while place < len(stream):
        size = data.draw(st.integers(1, 20))
        found += deframer.feed(stream[place : place + size])
        place += size
    assert found + deframer.eof() == whole


CLEAN = st.binary(min_size=1, max_size=60).filter(lambda b: b.strip(b"\r\n\x00 \t") and SB not in b and EB not in b)


@given(st.lists(CLEAN, max_size=5), st.integers(1, 50))
def test_what_was_framed_comes_back(messages: list[bytes], size: int) -> None:
    assert feed_in(b"".join(map(enframe, messages)), size) == [Frame(message) for message in messages]


@pytest.mark.parametrize(
    "stream",
    [
        SB + A + b"x" * 1_000_000 + EB + CR,
        SB + A + SB * 300_000 + EB + CR,
        SB + A + EB * 300_000 + EB + CR,
        SB + A + (EB + b"x") * 100_000 + EB + CR,
        enframe(b"") * 100_000,
        b"\n" * 500_000,
        enframe(A) * 10_000,
        (SB + A) * 10_000,
        SB + A + (SB + b"MS") * 100_000 + EB + CR,
    ],
    ids=["long", "SB", "EB", "EBx", "empty", "filler", "frames", "torn", "almost MSH"],
)
def test_time_is_linear_whatever_the_chunks(stream: bytes) -> None:
    started = time.process_time()
    whole = feed_in(stream, len(stream))
    assert time.process_time() - started < 1
    assert feed_in(stream, 1460) == whole
    assert time.process_time() - started < 2
    if len(stream) < 320_000:
        assert feed_in(stream, 1) == whole
        assert time.process_time() - started < 4


def test_a_megabyte_byte_by_byte_is_linear() -> None:
    deframer, started = Deframer(), time.process_time()
    deframer.feed(SB)
    for _ in range(500_000):
        deframer.feed(b"x")
    assert time.process_time() - started < 3


def test_no_byte_of_a_payload_is_held_twice() -> None:
    deframer = Deframer()
    deframer.feed(SB + b"x" * 1_000_000)
    deframer.feed(b"x" * 1_000_000)
    assert deframer.buffered == 2_000_000


def test_every_corpus_file_travels_whole(shared_folder: Path) -> None:
    for path in sorted(path for path in shared_folder.glob("corpus/*/**/*") if path.is_file()):
        data = path.read_bytes()
        if SB not in data and data.strip(b"\r\n\x00 \t"):
            assert feed_in(enframe(data) * 2, 1460) == [Frame(data), Frame(data)], path.name
