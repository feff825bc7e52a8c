"""MLLP: payloads out of a byte stream.

Law: sans I/O; the same frames and faults come out whatever the chunks were; time is linear and memory bounded by
`FrameLimits`. A torn message is never given out as a whole one, a whole one is never lost to what stands before
it, and bytes of a payload are never changed. What peers disagree on is decided by the rows F1 to F18 of the
fault catalogue; each row is a test.

Source: HL7 Transport Specification MLLP Release 1, §2 (blocks). Attribution of faults to peers: docs/sources.md.
"""

from hl7calf.wire.frames import USUAL_BLOCKS, Blocks, Frame, FrameFault, FrameLimits, FrameNote, enframe

__all__ = ["USUAL_BLOCKS", "Blocks", "Deframer", "Frame", "FrameFault", "FrameLimits", "FrameNote", "enframe"]

FILLER = b"\r\n\x00 \t"  # tolerated between frames and counted (F4)
FOREIGN = (  # other protocols on this port: close at once (F3)
    b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"CONNECT ", b"TRACE ", b"PRI * ",
    b"\x16\x03", b"SSH-",
)  # fmt: skip
_MSH = b"MSH"
_COUNTED_ONLY = ("F_FILLER", "F_EMPTY")  # oddities that even `strict` lets pass


class Deframer:
    """Cut a byte stream into frames and faults; one per connection.

    Args:
        limits: see `FrameLimits`.
        blocks: other block characters, for the rare peer that has them.
        strict: an oddity that is tolerated otherwise is a fault, answered with AR.
        lenient_start: take a message without SB (F8) instead of refusing it.
    """

    def __init__(
        self,
        limits: FrameLimits | None = None,
        blocks: Blocks = USUAL_BLOCKS,
        strict: bool = False,
        lenient_start: bool = False,
    ) -> None:
        self._limits = limits or FrameLimits()
        self._start, self._end, self._trailer = blocks
        self._start_msh = bytes([blocks.start]) + _MSH
        self._strict = strict
        self._lenient_start = lenient_start
        self._buffer = bytearray()
        self._closed = False
        self._in_junk = False
        self._counts: dict[str, tuple[int, int]] = {}  # how often, and where first
        self._begin = -1  # where the payload in hand begins; -1 between frames
        self._position = 0  # between frames: how far bytes were skipped
        self._start_from = self._end_from = 0  # in a frame: from where SB and EB are still to be sought
        self._no_start = False  # the frame in hand began without SB

    @property
    def in_frame(self) -> bool:
        """Tell whether a frame has begun and not ended."""
        return self._begin >= 0

    @property
    def buffered(self) -> int:
        """Bytes held back until more arrive."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame | FrameFault]:
        """Take what arrived; return the frames and faults it completed, in order.

        After a fault with `close` nothing more is taken.
        """
        if not self._buffer and not self._counts and (whole := self._whole(data)) is not None:
            return [whole]
        found: list[Frame | FrameFault] = []
        if self._closed:
            return found
        if self._buffer:
            self._buffer += data
            stream: bytes | bytearray = self._buffer
        else:
            stream = data
        more = True
        while more and not self._closed:
            more = self._within(stream, found) if self._begin >= 0 else self._between(stream, found)
        self._keep_rest(stream)
        return found

    def _whole(self, data: bytes) -> Frame | None:
        """Return the frame where these bytes are exactly one, as most are, and nothing about it is odd."""
        size = len(data)
        if size < 4 or data[0] != self._start or data[-1] != self._trailer or size > self._limits.max_frame_bytes:
            return None
        if data.find(self._end) != size - 2 or data.find(self._start, 1) >= 0 or data[1] in FILLER:
            return None
        return None if self._closed or self._begin >= 0 or self._in_junk else Frame(data[1:-2])

    def eof(self) -> list[FrameFault]:
        """Take the end of the stream: an unfinished frame is torn, kept and not acknowledged (F18)."""
        payload = bytes(self._buffer[self._begin :][: self._limits.max_kept_bytes]) if self._begin >= 0 else b""
        no_start = self._no_start
        self._close()
        if not payload.strip(FILLER):
            return []
        if no_start:
            return [FrameFault("F_NO_SB", "the message has neither start nor end block", payload, True, True)]
        return [FrameFault("F_TORN", "the connection ended inside a frame", payload, True, False)]

    def idle(self) -> list[Frame | FrameFault]:
        """Take a pause of the peer: a frame that ended in a segment end and EB, but no CR, is complete.

        For senders that leave the CR out and wait for the answer; call it some seconds after the last byte, and
        before `eof`.
        """
        found: list[Frame | FrameFault] = []
        buffer = self._buffer
        if self._begin >= 0 and len(buffer) > 2 and buffer[-1] == self._end and buffer[-2] in b"\r\n":
            self._count("F_EB_NO_CR", 1, len(buffer) - 1 - self._begin)
            self._finish(buffer, len(buffer) - 1, len(buffer), found)
            self._keep_rest(buffer)
        return found

    # Offsets below count from the start of the stream in hand; _keep_rest moves them when bytes are dropped.

    def _between(self, stream: bytes | bytearray, found: list[Frame | FrameFault]) -> bool:
        """Skip to the next SB; tell whether a frame begins."""
        start = stream.find(self._start, self._position)
        size = (len(stream) if start < 0 else start) - self._position
        if size and self._skip(bytes(stream[self._position : self._position + size]), start < 0, found):
            return self._begin >= 0
        if start >= 0:
            self._in_junk = False
            self._enter_frame(start + 1)
        return start >= 0

    def _skip(self, junk: bytes, unfinished: bool, found: list[Frame | FrameFault]) -> bool:
        """Judge bytes between frames; True when they end the skipping (closed, waiting, or a frame without SB)."""
        if not self._in_junk:
            rest = junk.lstrip(FILLER)
            self._count("F_FILLER", len(junk) - len(rest))
            self._position += len(junk) - len(rest)
            junk = rest
            if junk.startswith(_MSH):
                self._enter_frame(self._position, no_start=True)
                return True
            if junk.startswith(FOREIGN):
                return self._fail("F_LEADING_JUNK", "another protocol speaks on this connection", found)
            if unfinished and any(word.startswith(junk) for word in (_MSH, *FOREIGN)):
                return True
        self._position += len(junk)
        self._in_junk = bool(junk)
        self._count("F_LEADING_JUNK", len(junk))
        if self._counts.get("F_LEADING_JUNK", (0, 0))[0] > self._limits.max_junk_bytes:
            return self._fail("F_LEADING_JUNK", "too many bytes before the start of a frame", found)
        return False

    def _within(self, stream: bytes | bytearray, found: list[Frame | FrameFault]) -> bool:
        """Look for the end of the frame begun; tell whether one was found."""
        end = stream.find(self._end, self._end_from)
        known = len(stream) if end < 0 else end
        limit = self._begin + self._limits.max_frame_bytes
        if self._starts_within(stream, min(known, limit - 3) if known > limit else known, found):
            return True
        if known > limit:
            kept = bytes(stream[self._begin : min(limit, self._begin + self._limits.max_kept_bytes)])
            return self._fail("F_TOO_LARGE", "the frame is longer than the limit", found, kept)
        if end < 0 or end + 1 == len(stream):
            self._end_from = known
            return False
        after = stream[end + 1]
        if after == self._trailer:
            self._finish(stream, end, end + 2, found)
        elif after == self._start:
            self._count("F_EB_NO_CR", 1, end - self._begin)
            self._finish(stream, end, end + 1, found)
        else:
            self._count("F_CTRL_IN_DATA", 1, end - self._begin)
            self._end_from = self._start_from = end + 1
        return True

    def _starts_within(self, stream: bytes | bytearray, end: int, found: list[Frame | FrameFault]) -> bool:
        """Judge each SB inside the frame: data, unless MSH follows; then the frame is torn and another begins."""
        while (start := stream.find(self._start, self._start_from, end)) >= 0:
            opening = stream[start : start + 4]
            if opening == self._start_msh:
                kept = bytes(stream[self._begin : min(start, self._begin + self._limits.max_kept_bytes)])
                if kept.strip(FILLER):
                    code = "F_NO_SB" if self._no_start else "F_SB_IN_DATA"
                    why = "another message starts before this one ended"
                    found.append(FrameFault(code, why, kept, False, self._no_start))
                self._counts.clear()
                self._enter_frame(start + 1)
                return True
            if start + len(opening) == len(stream) and self._start_msh.startswith(opening):
                self._start_from = start  # not yet known
                return False
            self._count("F_SB_IN_DATA", 1, start - self._begin)
            self._start_from = start + 1
        self._start_from = max(self._start_from, end)
        return False

    def _finish(self, stream: bytes | bytearray, end: int, after: int, found: list[Frame | FrameFault]) -> None:
        """Give out the frame that ends here, unless it is empty (F9)."""
        payload = bytes(stream[self._begin : end])
        no_start = self._no_start
        self._leave_frame(after)
        if not payload.strip(FILLER):
            self._count("F_EMPTY")
            return
        if no_start:
            self._count("F_NO_SB")
        notes = tuple(FrameNote(code, *seen) for code, seen in self._counts.items()) if self._counts else ()
        self._counts.clear()
        odd = [note.code for note in notes if note.code not in _COUNTED_ONLY]
        if (no_start and not self._lenient_start) or (self._strict and odd):
            why = "the message has no start block" if no_start else "the frame is not as MLLP wants it"
            kept = payload[: self._limits.max_kept_bytes]
            found.append(FrameFault("F_NO_SB" if no_start else odd[0], why, kept, False, _holds_msh(kept)))
        else:
            found.append(Frame(payload, notes))

    def _fail(self, code: str, why: str, found: list[Frame | FrameFault], kept: bytes = b"") -> bool:
        found.append(FrameFault(code, why, kept, True, _holds_msh(kept)))
        self._close()
        return True

    def _enter_frame(self, begin: int, no_start: bool = False) -> None:
        self._begin = self._end_from = self._start_from = begin
        self._no_start = no_start

    def _leave_frame(self, position: int) -> None:
        self._begin = -1
        self._position = position
        self._end_from = self._start_from = position
        self._no_start = False

    def _close(self) -> None:
        self._closed = True
        self._buffer = bytearray()
        self._leave_frame(0)

    def _count(self, code: str, count: int = 1, offset: int = 0) -> None:
        if count:
            before, first = self._counts.get(code, (0, offset))
            self._counts[code] = (before + count, first)

    def _keep_rest(self, stream: bytes | bytearray) -> None:
        """Drop what was used; move the offsets to the start of what is kept."""
        if self._closed:
            return
        used = self._begin if self._begin >= 0 else self._position
        if stream is self._buffer:
            del self._buffer[:used]
        elif used < len(stream):
            self._buffer = bytearray(memoryview(stream)[used:])
        if self._begin >= 0:
            self._begin -= used
            self._end_from -= used
            self._start_from -= used
        self._position = 0


def _holds_msh(kept: bytes) -> bool:
    return kept.lstrip(b"\xef\xbb\xbf" + FILLER).startswith(_MSH)
