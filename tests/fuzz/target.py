"""What the fuzzer puts bytes into: deframer, message reader, vetting; `python -m tests.fuzz CORPUS -max_total_time=600`.

Law: nothing raises, frames and faults do not depend on the chunks, a message is its segments and their ends, and what
is not changed goes out as the very bytes that came in.
"""

from functools import lru_cache
from typing import Any

from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.verdict import Mode
from hl7calf.calf.vetting import triage, vet
from hl7calf.errors import WireError
from hl7calf.service.mappings import read_mappings, shipped_mappings
from hl7calf.wire.ack import build_ack, read_ack
from hl7calf.wire.header import Header, read_header
from hl7calf.wire.message import read_message
from hl7calf.wire.mllp import Blocks, Deframer, Frame, FrameFault, FrameLimits, enframe
from hl7calf.wire.splice import is_exact

LIMITS = FrameLimits(max_frame_bytes=65_536)
SB_MSH, EB_SB = b"\x0bMSH", b"\x1c\x0b"
STX_ETX = Blocks(0x02, 0x03, 0x0A)
WAYS: tuple[dict[str, Any], ...] = ({}, {"strict": True}, {"lenient_start": True}, {"blocks": STX_ETX})


@lru_cache
def shipped_tables() -> Tables:
    """Return the shipped mappings."""
    return load_tables(read_mappings(shipped_mappings()))


def deframe(pieces: list[bytes], **way: Any) -> list[Frame | FrameFault]:
    """Return what a deframer finds in these pieces and at their end."""
    deframer = Deframer(LIMITS, **way)
    found: list[Frame | FrameFault] = []
    for piece in pieces:
        found += deframer.feed(piece)
        assert deframer.buffered <= LIMITS.max_frame_bytes + len(piece) + LIMITS.max_junk_bytes
    return found + deframer.eof()


def check_stream(data: bytes) -> None:
    """Ask that chunks do not matter and every payload stands in the stream as it was given out."""
    way = WAYS[(data[-1] if data else 0) % len(WAYS)]
    whole = deframe([data], **way)
    cut = 1 + (data[0] if data else 0) % 7 + len(data) // 64  # short ones byte by byte, long ones not all day
    assert deframe([data[at : at + cut] for at in range(0, len(data), cut)], **way) == whole
    at = 0
    for item in whole:
        payload = item.payload if isinstance(item, Frame) else item.kept
        at = data.find(payload, at)
        assert at >= 0, "the bytes of a payload are those that came"
    for item in whole:
        if isinstance(item, Frame) and not item.notes:
            assert deframe([enframe(item.payload, way.get("blocks", Blocks()))], **way) == [item]


def check_answer(header: Header) -> None:
    """Ask that every readable message can be answered, in one frame, with its own MSH-10."""
    for code in ("AA", "AR", "CE"):
        answer = build_ack(header, code, b"N1", "20260101", "why")
        ack = read_ack(answer)
        assert (ack.code, ack.control_id) == (code, header.control_id)
        echoed = b"".join(header.field(number) for number in range(3, 19))
        if SB_MSH not in echoed and EB_SB not in echoed:  # these no writer can keep from being read as frames
            (frame,) = deframe([enframe(answer)])
            assert isinstance(frame, Frame) and frame.payload == answer


def check_payload(payload: bytes) -> None:
    """Ask that reading never raises anything but a WireError, and vetting nothing at all."""
    try:
        header = read_header(payload)
        message = read_message(payload, header)
    except WireError:
        pass
    else:
        check_answer(header)
        ends = [message.terminator_after(segment) for segment in message.segments]
        assert all(end in (b"", b"\r", b"\n", b"\r\n") for end in ends)
        at = header.start
        for segment in message.segments:
            assert payload[at : segment.start].strip(b"\r\n") == b"", "nothing stands between segments but their ends"
            at = segment.end
        assert payload[at:].strip(b"\r\n\x00 \t") == b""
    tables = shipped_tables()
    quick = triage(payload, tables)
    verdict = vet(payload, tables, mode=Mode.UPGRADE, thorough=False)
    assert quick is None or quick.outbound is payload
    assert is_exact(payload, verdict.outbound, verdict.modifications)
    assert verdict.changed or verdict.outbound is payload


def one_input(data: bytes) -> None:
    """Take one input of the fuzzer: a stream, each of its frames, and the bytes themselves as a payload."""
    check_stream(data)
    for item in deframe([data]):
        if isinstance(item, Frame):
            check_payload(item.payload)
    check_payload(data)
