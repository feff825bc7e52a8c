"""What `doctor` tries with a receiver, and what each result means for the settings.

Law: the test message cannot become an order: it is network management (NMD^N02, HL7 v2.5.1 §14.3.2) in
training mode (MSH-11 T) and names no patient. A receiver may refuse it; only the shape of its answer counts.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hl7calf.cli.probing import Probe, Probes
from hl7calf.errors import WireError
from hl7calf.wire.ack import Ack, read_ack
from hl7calf.wire.header import read_header
from hl7calf.wire.mllp import enframe

MEDIUM_BYTES = 70_000  # over the 64 KiB at which asyncio-based receivers stop reading ([Promises] F13)
LARGE_BYTES = 1_000_000
PIECE_BYTES = 7


class Result(StrEnum):
    """How a trial ended: `bad` would stop hl7calf, `note` is to be known."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one trial found, and what to set or to ask of the receiver's side."""

    trial: str
    result: Result
    told: str
    advice: str = ""


@dataclass(slots=True)
class Subject:
    """The receiver on trial: how to connect, what to send, how long to wait."""

    reactor: Any
    endpoint: Any
    timeout_s: float
    idle_s: float
    base: bytes | None = None
    count: int = 0
    slowest_s: float = 0.0

    async def connect(self) -> Probe:
        """Open one connection."""
        probe: Probe = await self.endpoint.connect(Probes(self.reactor))
        return probe

    def message(self, charset: str = "", accept: str = "", notes: bytes = b"") -> tuple[bytes, bytes]:
        """Return a new test message and its control ID.

        Args:
            charset: MSH-18. accept: MSH-15, with NE in MSH-16. notes: text of an NTE at its end.
        """
        self.count += 1
        now = datetime.now(UTC)
        control_id = f"HL7CALF{now:%H%M%S}{self.count:04d}".encode()
        usual = (
            f"MSH|^~\\&|HL7CALF|DOCTOR|||{now:%Y%m%d%H%M%S}+0000||NMD^N02^NMD_N02||T|2.5.1\r"
            f"NCK|{now:%Y%m%d%H%M%S}+0000\r"
        ).encode()
        payload = usual if self.base is None else self.base
        header = read_header(payload)
        separator = header.delimiters.field
        fields = payload[header.start : header.end].split(separator)
        fields += [b""] * (18 - len(fields))
        fields[9] = control_id
        for number, value in ((15, accept), (16, "NE" if accept else ""), (18, charset)):
            if value:
                fields[number - 1] = value.encode()
        rest = payload[header.end :]
        tail = separator.join([b"NTE", b"1", b"", notes]) + b"\r" if notes else b""
        return separator.join(fields).rstrip(separator) + rest + tail, control_id

    async def ask(self, probe: Probe, **more: Any) -> tuple[Ack | None, bytes]:
        """Send one test message; return the answer, if it was one, and the control ID sent."""
        payload, control_id = self.message(**more)
        before, started = len(probe.payloads), self.reactor.seconds()
        probe.write(enframe(payload))
        answers = (await probe.answers(before + 1, self.timeout_s))[before:]
        self.slowest_s = max(self.slowest_s, self.reactor.seconds() - started)
        return (_ack_or_none(answers[0]) if answers else None), control_id


async def try_out(subject: Subject) -> AsyncIterator[Finding]:
    """Yield what each trial finds; end early when there is no usable answer at all.

    Raises:
        Exception: no connection can be made.
    """
    probe = await subject.connect()
    first = await _first_answer(subject, probe)
    yield first
    if first.result is Result.BAD:
        probe.close()
        return
    if not await probe.stays_open(0.2):
        yield Finding("kept connection", Result.NOTE, "closes after each answer", "nothing to set; sending is slower")
        probe = await subject.connect()
    yield await _echo(subject, probe)
    probe.close()
    trials: tuple[Callable[[Subject, Probe], Awaitable[Finding]], ...] = (
        _two_at_once, _in_pieces, _medium, _large, _utf_8, _latin_1, _enhanced, _idle,
    )  # fmt: skip
    for trial in trials:
        probe = await subject.connect()
        yield await trial(subject, probe)
        probe.close()
    wait_s = max(30, round(subject.slowest_s * 10))
    yield Finding("time", Result.GOOD, f"slowest answer {subject.slowest_s:.2f} s", f"ack_timeout_s = {wait_s}")


async def _first_answer(subject: Subject, probe: Probe) -> Finding:
    """Is there an answer, framed, with an MSA?"""
    ack, _ = await subject.ask(probe)
    if ack is not None:
        told = f"{ack.code} in an MLLP frame"
        refused = "a refusal of the test message is normal" if ack.code not in ("AA", "CA") else ""
        return Finding("answer", Result.GOOD, told, refused)
    if probe.payloads:
        return Finding("answer", Result.BAD, "a message without MSA came", "the receiver must answer with an ACK")
    if probe.unframed or probe.raw_bytes:
        told = f"bytes came that are no MLLP frame ({', '.join(probe.unframed) or 'no start block'})"
        return Finding("answer", Result.BAD, told, "is this an MLLP port, and does it want TLS?")
    how = "closed without an answer" if not probe.open else f"no answer within {subject.timeout_s:g} s"
    return Finding("answer", Result.BAD, how, "the receiver must acknowledge, or wants TLS, or knows other peers only")


async def _echo(subject: Subject, probe: Probe) -> Finding:
    """Is MSA-2 the MSH-10 that was sent? ([Promises] A2, A3)."""
    ack, control_id = await subject.ask(probe)
    if ack is None:
        return Finding(
            "MSA-2", Result.BAD, "the second message got no answer", "one connection must take many messages"
        )
    if ack.control_id == control_id:
        return Finding("MSA-2", Result.GOOD, "echoes MSH-10", 'match_control_id = "strict"')
    if not ack.control_id:
        return Finding("MSA-2", Result.NOTE, "is empty", 'match_control_id = "tolerant"')
    return Finding("MSA-2", Result.BAD, "is not MSH-10", "the receiver must echo MSH-10; hl7calf takes nothing else")


async def _two_at_once(subject: Subject, probe: Probe) -> Finding:
    """Are two frames in one write both answered, in order? ([Promises] F2)."""
    (one, first), (two, second) = subject.message(), subject.message()
    probe.write(enframe(one) + enframe(two))
    answers = [_ack_or_none(answer) for answer in await probe.answers(2, subject.timeout_s)]
    ids = [ack.control_id for ack in answers if ack]
    if ids == [first, second]:
        return Finding("two in one write", Result.GOOD, "both answered, in order")
    told = f"{len(ids)} of 2 answered" if len(ids) < 2 else "answered in another order or without MSA-2"
    return Finding("two in one write", Result.NOTE, told, "hl7calf waits for each answer, so keep connections = 1")


async def _in_pieces(subject: Subject, probe: Probe) -> Finding:
    """Is a frame that comes in small pieces read? ([Promises] F1)."""
    from twisted.internet.task import deferLater

    payload, _ = subject.message()
    data = enframe(payload)
    for start in range(0, len(data), PIECE_BYTES):
        probe.write(data[start : start + PIECE_BYTES])
        await deferLater(subject.reactor, 0.002)
    if await probe.answers(1, subject.timeout_s):
        return Finding("frame in pieces", Result.GOOD, "is put together")
    return Finding("frame in pieces", Result.BAD, "gets no answer", "the receiver must gather until FS CR; TCP may cut")


async def _medium(subject: Subject, probe: Probe) -> Finding:
    return await _size(subject, probe, MEDIUM_BYTES)


async def _large(subject: Subject, probe: Probe) -> Finding:
    return await _size(subject, probe, LARGE_BYTES)


async def _size(subject: Subject, probe: Probe, size: int) -> Finding:
    """Is a message of this size answered? ([Promises] F13)."""
    ack, _ = await subject.ask(probe, notes=b"x" * size)
    trial = f"{size // 1000} kB"
    if ack is not None:
        return Finding(trial, Result.GOOD, f"answered {ack.code}")
    return Finding(
        trial, Result.NOTE, "not answered", "longer messages would stop the lane: ask for a higher limit there"
    )


async def _utf_8(subject: Subject, probe: Probe) -> Finding:
    return await _charset(subject, probe, "UNICODE UTF-8", "Größe 北京".encode())


async def _latin_1(subject: Subject, probe: Probe) -> Finding:
    return await _charset(subject, probe, "8859/1", "Größe".encode("latin-1"))


async def _charset(subject: Subject, probe: Probe, name: str, text: bytes) -> Finding:
    """Is a message in this character set answered? ([Promises] H6)."""
    ack, _ = await subject.ask(probe, charset=name, notes=text)
    if ack is not None:
        return Finding(name, Result.GOOD, f"answered {ack.code}")
    return Finding(name, Result.NOTE, "not answered", "senders must not use this character set, or the lane stops")


async def _enhanced(subject: Subject, probe: Probe) -> Finding:
    """Is MSH-15 AL answered with CA? (HL7 v2.5.1 §2.9.3)."""
    ack, _ = await subject.ask(probe, accept="AL")
    if ack is None:
        return Finding(
            "enhanced mode", Result.NOTE, "MSH-15 AL gets no answer", "senders must leave MSH-15 and 16 empty"
        )
    told = f"MSH-15 AL is answered {ack.code}"
    return Finding(
        "enhanced mode", Result.GOOD, told, "" if ack.code.startswith("C") else "original mode only; that is enough"
    )


async def _idle(subject: Subject, probe: Probe) -> Finding:
    """Does a silent connection stay? ([Promises] A10)."""
    if not await probe.stays_open(subject.idle_s):
        told = f"is closed within {subject.idle_s:g} s"
        return Finding(
            "idle connection", Result.NOTE, told, "nothing to set: hl7calf looks before it sends, and reconnects"
        )
    ack, _ = await subject.ask(probe)
    if ack is None:
        told = f"looks open after {subject.idle_s:g} s but answers no more"
        return Finding(
            "idle connection", Result.NOTE, told, "a firewall may drop it silently; expect one ack_timeout_s then"
        )
    return Finding("idle connection", Result.GOOD, f"still answers after {subject.idle_s:g} s")


def _ack_or_none(payload: bytes) -> Ack | None:
    try:
        return read_ack(payload)
    except WireError:
        return None
