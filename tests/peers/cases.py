"""Sixteen things a sender does on a raw socket, and what must come of each: delivered payloads and answers.

Source: rows of the fault catalogue (F1 to F13, F17, H2, H5, H6, H9); each happened at a hospital.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

SB, EB, CR = b"\x0b", b"\x1c", b"\r"
QUIET_S = 1.2
LONG_S = 8.0  # one of them reads byte by byte


def message(control_id: str, body: bytes = b"") -> bytes:
    """Return an invented message."""
    return (
        b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260101||ADT^A08|"
        + control_id.encode()
        + b"|P|2.5.1\rPID|1||4711||DOE^JO\r"
        + body
    )


def frame(payload: bytes) -> bytes:
    """Return the payload as MLLP wants it."""
    return SB + payload + EB + CR


@dataclass(frozen=True, slots=True)
class Case:
    """What is sent, in pieces, and the payloads that must arrive, each acknowledged once."""

    name: str
    pieces: tuple[bytes, ...]
    expected: tuple[bytes, ...]
    half_close: bool = False


def _bytewise(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + 1] for at in range(len(data)))


A, B = message("A"), message("B")
FIVE = message("G").replace(b"^~\\&|", b"^~\\&#|")
ODD_VERSION = message("H").replace(b"|P|2.5.1", b"|P|9.9")
STRAY = message("I", b"NTE|1||pain in the left\rcalf since Monday\r")
CASES = (
    Case("F1 one byte per packet", _bytewise(frame(A)), (A,)),
    Case("F2 two frames in one segment", (frame(A) + frame(B),), (A, B)),
    Case("F3 a banner before the frame", (b"220 ready\r\n" + frame(A),), (A,)),
    Case("F4 LF between frames", (frame(A) + b"\n" + frame(B),), (A, B)),
    Case("F5 end block without CR", (SB + A + EB + frame(B),), (A, B)),
    Case("F6 0x1C inside the data", (frame(message("C", b"NTE|1||a\x1cb\r")),), (message("C", b"NTE|1||a\x1cb\r"),)),
    Case("F7 0x0B inside the data", (frame(message("D", b"NTE|1||a\x0bb\r")),), (message("D", b"NTE|1||a\x0bb\r"),)),
    Case("F9 an empty frame first", (frame(b"") + frame(A),), (A,)),
    Case("F10 two messages in one frame", (frame(A + B),), (A + B,)),
    Case("F11 segments end in LF", (frame(A.replace(b"\r", b"\n")),), (A.replace(b"\r", b"\n"),)),
    Case(
        "F13 200 kB",
        (frame(message("E", b"OBX|1|ED|" + b"Q" * 200_000 + b"\r")),),
        (message("E", b"OBX|1|ED|" + b"Q" * 200_000 + b"\r"),),
    ),
    Case("F17 half-close after sending", (frame(A),), (A,), half_close=True),
    Case("H2 five characters in MSH-2", (frame(FIVE),), (FIVE,)),
    Case("H5 a version nobody knows", (frame(ODD_VERSION),), (ODD_VERSION,)),
    Case("H6 one Latin-1 byte", (frame(message("F", b"NTE|1||M\xfcller\r")),), (message("F", b"NTE|1||M\xfcller\r"),)),
    Case("H9 a raw CR inside a field", (frame(STRAY),), (STRAY,)),
)


def unique(case: Case, number: int) -> Case:
    """Return the case with control IDs of its own: the same bytes again would be recognised as a resend."""
    mark = b"RAD|2026%04d|" % number
    change = lambda data: data.replace(b"RAD|20260101|", mark)  # noqa: E731
    whole = change(b"".join(case.pieces))
    pieces = tuple(whole[at : at + 1] for at in range(len(whole))) if len(case.pieces) > 1 else (whole,)
    return Case(case.name, pieces, tuple(change(one) for one in case.expected), case.half_close)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case."""

    delivered: tuple[bytes, ...]
    positive: int

    def told(self, case: Case) -> str:
        """Return one cell of the table."""
        wanted = len(case.expected)
        if self.delivered == case.expected and self.positive == wanted:
            return "ok"
        whole = sum(payload in case.expected for payload in self.delivered)
        altered = len(self.delivered) - whole
        words = []
        if whole < wanted:
            words.append(
                f"{wanted - whole} of {wanted} lost" if not altered else f"{wanted - whole} of {wanted} not as sent"
            )
        if altered:
            words.append(f"{altered} altered delivered")
        if self.positive != wanted:
            words.append(f"{self.positive} of {wanted} acknowledged")
        elif whole < wanted:
            words.append("acknowledged all the same")
        return ", ".join(words) or "order changed"


def put(case: Case, port: int, delivered: Callable[[], list[bytes]]) -> Outcome:
    """Put one case to a server on this port and say what came of it."""
    before = len(delivered())
    answers = b""
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in case.pieces:
                peer.sendall(piece)
            if case.half_close:
                peer.shutdown(socket.SHUT_WR)
            patience_s = LONG_S if len(case.pieces[0]) > 100_000 else QUIET_S
            answers = _hear(peer, len(case.expected), patience_s)
        except OSError:
            pass
    ends = time.monotonic() + QUIET_S
    while len(delivered()) - before < len(case.expected) and time.monotonic() < ends:
        time.sleep(0.02)
    return Outcome(tuple(delivered()[before:]), answers.count(b"MSA|AA"))


def _hear(peer: socket.socket, wanted: int, patience_s: float) -> bytes:
    peer.settimeout(patience_s)
    heard = b""
    try:
        while heard.count(EB + CR) < wanted and (data := peer.recv(65536)):
            heard += data
    except OSError:
        pass
    return heard
