"""What should come of a sample, by its siblings, and whether it did.

    a.hl7               sent
    a.expected.hl7      what the receiver must get; without it, the very bytes that were sent
    a.ack.hl7           what the sender must be answered; the receiver must then get nothing,
                        unless there is an a.expected.hl7 as well

Law: bytes are compared, not readings of them. In an acknowledgment MSH-7 (when) and MSH-10 (its own
control ID) are new each time, so those two alone are left out.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hl7calf.cli.failures import Unusable
from hl7calf.cli.sources import Source, sibling
from hl7calf.errors import WireError
from hl7calf.wire.files import split_messages
from hl7calf.wire.header import read_header

SHOWN_LINES = 8  # enough to see what is wrong; the files themselves tell the rest


@dataclass(frozen=True, slots=True)
class Expected:
    """What should come of one payload: None for `received` is "nothing may arrive", for `ack` "any positive"."""

    received: bytes | None
    ack: bytes | None


def read_expected(source: Source) -> Expected:
    """Read the siblings of one payload's file.

    Raises:
        Unusable: a sibling has fewer messages than the file.
    """
    if source.path is None:
        return Expected(source.payload, None)
    ack = _nth(sibling(source.path, "ack"), source.number)
    received = _nth(sibling(source.path, "expected"), source.number)
    if received is None and ack is None:
        received = source.payload
    return Expected(received, ack)


def compare_ack(expected: Expected, answer: bytes, positive: bool) -> str | None:
    """Return what is wrong with the answer to a payload, None when nothing is."""
    if expected.ack is None:
        return None if positive else "it was not acknowledged with AA or CA"
    if not answer:
        return "no acknowledgment came, one was expected"
    return (
        None
        if _lasting(answer) == _lasting(expected.ack)
        else f"another acknowledgment came than .ack.hl7 says:\n{differing(_lasting(expected.ack), _lasting(answer))}"
    )


def compare_received(
    sent: Sequence[Source], expected: Sequence[Expected], received: Iterable[bytes]
) -> tuple[list[str | None], int]:
    """Pair what the receiver got with what it should have got.

    Returns:
        For each payload sent what is wrong or None, and how many payloads nobody expected.
    """
    by_control_id: dict[bytes, list[bytes]] = defaultdict(list)
    for payload in received:
        by_control_id[control_id(payload)].append(payload)
    faults: list[str | None] = []
    for source, wanted in zip(sent, expected, strict=True):
        arrived = by_control_id[control_id(source.payload)]
        if wanted.received is None:
            faults.append("it arrived at the receiver and should not have" if source.payload in arrived else None)
        elif wanted.received in arrived:
            arrived.remove(wanted.received)
            faults.append(None)
        elif arrived:
            faults.append("other bytes arrived than expected:\n" + differing(wanted.received, arrived.pop(0)))
        else:
            faults.append("it did not arrive at the receiver")
    return faults, sum(map(len, by_control_id.values()))


def differing(expected: bytes, got: bytes) -> str:
    """Return the segments that differ, `-` expected and `+` got."""
    from difflib import ndiff

    def lines(data: bytes) -> list[str]:
        return data.decode("utf-8", "replace").replace("\r\n", "\r").replace("\n", "\r").split("\r")

    found = [line for line in ndiff(lines(expected), lines(got)) if line[:1] in "-+"]
    more = [f"... and {len(found) - SHOWN_LINES} lines more"] if len(found) > SHOWN_LINES else []
    return "\n".join(found[:SHOWN_LINES] + more) or "the same segments with other segment ends"


def control_id(payload: bytes) -> bytes:
    """Return MSH-10, or the payload itself where it has no header to say so."""
    try:
        return read_header(payload).control_id
    except WireError:
        return payload


def _nth(path: Path, number: int) -> bytes | None:
    """Return the number-th message of a sibling; None where there is no sibling."""
    if not path.exists():
        return None
    pieces = split_messages(path.read_bytes(), keep_batches=True)
    if len(pieces) < number:
        raise Unusable(f"{path}: holds {len(pieces)} messages, the sample has at least {number}.")
    return pieces[number - 1].payload


def _lasting(ack: bytes) -> bytes:
    """Return an acknowledgment without what is new each time, and without its last segment end."""
    try:
        header = read_header(ack)
    except WireError:
        return ack
    field = header.delimiters.field
    fields = ack[header.start : header.end].split(field)
    for number in (7, 10):
        if len(fields) >= number:
            fields[number - 1] = b""
    return (field.join(fields) + ack[header.end :]).rstrip(b"\r\n")
