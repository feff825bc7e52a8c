"""What a byte stream of MLLP holds: frames, their oddities, and what is no frame.

Law: values only, and the one place that writes a frame (VT payload FS CR).

Source: HL7 Transport Specification MLLP Release 1, §2; Release 2, §3 (commit acknowledgment blocks). Limits: HAPI,
Mirth and txHL7 have none and their memory can be filled by one peer; the 10 MiB default is 50 times the longest
message of the public corpus.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Blocks(NamedTuple):
    """The three block characters, each one byte."""

    start: int = 0x0B
    end: int = 0x1C
    trailer: int = 0x0D


USUAL_BLOCKS = Blocks()
COMMITTED, NOT_COMMITTED = b"\x06", b"\x15"  # what stands between SB and EB of a commit acknowledgment (Release 2)


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How much one peer may send: the longest payload, the bytes before a frame, and what of a fault is kept."""

    max_frame_bytes: int = 10 * 1024 * 1024
    max_junk_bytes: int = 1024
    max_kept_bytes: int = 64 * 1024


class FrameNote(NamedTuple):
    """A tolerated oddity, how often it was seen, and where first: the offset in the payload, 0 for what is before it.

    In the frame: `F_EB_NO_CR`, `F_CTRL_IN_DATA`, `F_SB_IN_DATA`, `F_NO_SB` (lenient start). Before it:
    `F_LEADING_JUNK` and `F_FILLER` (bytes), `F_EMPTY` (frames without content).
    """

    code: str
    count: int  # type: ignore[assignment]  # hides tuple.count, which no one needs here
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """One payload, complete, the bytes between SB and EB exactly."""

    payload: bytes
    notes: tuple[FrameNote, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameFault:
    """Bytes that are no frame: `F_TOO_LARGE`, `F_NO_SB`, `F_SB_IN_DATA`, `F_TORN`, `F_LEADING_JUNK`.

    `kept` goes to quarantine (64 kB at most by default, empty for junk), `close` ends the connection,
    `answer` asks for an AR: then `kept` holds an MSH.
    """

    code: str
    why: str
    kept: bytes
    close: bool
    answer: bool


def enframe(payload: bytes, blocks: Blocks = USUAL_BLOCKS) -> bytes:
    """Return the payload as one frame; the payload must not hold EB CR."""
    return b"%c%b%c%c" % (blocks.start, payload, blocks.end, blocks.trailer)
