"""The values of framing, and the one place that writes a frame."""

from hl7calf.wire.frames import USUAL_BLOCKS, Blocks, Frame, FrameFault, FrameLimits, FrameNote, enframe


def test_a_frame_is_vt_payload_fs_cr() -> None:
    assert enframe(b"MSH|^~\\&|A\r") == b"\x0bMSH|^~\\&|A\r\x1c\r"
    assert enframe(b"") == b"\x0b\x1c\r"
    assert enframe(b"\x00\xff%d") == b"\x0b\x00\xff%d\x1c\r"
    assert tuple(USUAL_BLOCKS) == (0x0B, 0x1C, 0x0D)


def test_other_blocks_are_written() -> None:
    assert enframe(b"x", Blocks(2, 3, 10)) == b"\x02x\x03\n"


def test_the_limits_are_those_of_the_promises() -> None:
    limits = FrameLimits()
    assert (limits.max_frame_bytes, limits.max_junk_bytes, limits.max_kept_bytes) == (10 * 1024 * 1024, 1024, 65536)


def test_frames_and_faults_compare_by_value() -> None:
    assert Frame(b"x") == Frame(b"x", ()) != Frame(b"x", (FrameNote("F_EB_NO_CR", 1),))
    assert FrameFault("F_TORN", "why", b"x", True, False) == FrameFault("F_TORN", "why", b"x", True, False)
