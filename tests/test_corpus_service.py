"""Every file of the corpus through a running service, on real sockets and a real store (P4, P6, P11, H1 to H10).

What can be read arrives byte for byte and in order, once; what cannot is refused and kept. What is expected is
worked out here from the bytes, by other means than the service's own.
"""

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.wire.files import split_messages
from tests.conftest import shared_folder
from tests.service.doubles import frame
from tests.service.stage import Receiver, Sender, Stage, receiving, staged

FOLDER = shared_folder("corpus")
ARRIVE_S = 120.0
BLANK = b" \t\r\n\x00"
NO_MESSAGE = ("INDEX.md", "MANIFEST.tsv", "ORDERS.tsv")


@dataclass(frozen=True)
class Header:
    """What decides what becomes of a payload, read by nothing but `split`."""

    separator: bytes
    application: bytes
    facility: bytes
    control_id: bytes
    accept: bytes
    application_ack: bytes


def header_of(payload: bytes) -> Header | None:
    """The header, or None where there is none that a receiver could answer (H1)."""
    rest = payload.lstrip(BLANK).removeprefix(b"\xef\xbb\xbf").lstrip(BLANK)
    name, separator = rest[:3], rest[3:4]
    if name not in (b"MSH", b"FHS", b"BHS") or not separator or separator.isalnum():
        return None
    line = re.split(rb"[\r\n]", rest, maxsplit=1)[0]
    fields = line.split(separator)
    delimiters = fields[1] if len(fields) > 1 else b""
    if not delimiters or delimiters.isalnum():
        return None

    def at(number: int) -> bytes:
        return fields[number - 1] if len(fields) >= number else b""

    if name != b"MSH":  # a batch is acknowledged by FHS-11, else by BHS-11
        inner = re.search(rb"[\r\n]BHS[^\r\n]*", rest)
        control = at(11) or (inner[0].split(separator)[10:11] or [b""])[0] if inner else at(11)
        return Header(separator, at(3), at(4), control, b"", b"")
    return Header(separator, at(3), at(4), at(10), first(at(15)), first(at(16)))


def first(field: bytes) -> bytes:
    return re.split(rb"[^A-Z]", field.strip())[0]


def payloads() -> list[bytes]:
    """Every file whole, as one frame, and each message of a file that holds several."""
    found: list[bytes] = []
    for path in sorted(FOLDER.rglob("*")):
        if (
            not path.is_file()
            or path.name in NO_MESSAGE
            or path.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE", "COPYING"))
        ):
            continue
        data = path.read_bytes()
        pieces = [piece.payload for piece in split_messages(data)]
        found += [data, *pieces] if pieces != [data] else [data]
    return [payload for payload in found if payload.strip(BLANK) and not {0x0B, 0x1C} & set(payload)]


def answers_to(payload: bytes) -> list[tuple[bytes, bytes]]:
    """MSA-1 and MSA-2 of every answer that is due (HL7 v2.5.1 §2.9, table 0155)."""
    header = header_of(payload)
    if header is None:
        return [(b"AR", b"")]
    good = bool(header.control_id)
    accept, application = (
        when if when in (b"", b"AL", b"NE", b"ER", b"SU") else b"AL" for when in (header.accept, header.application_ack)
    )
    if not accept and not application:  # a value of no table is taken as AL
        return [(b"AA" if good else b"AR", header.control_id)]
    wanted = (b"AL", b"SU") if good else (b"AL", b"ER")
    codes = [
        code
        for code, when in ((b"CA" if good else b"CR", accept), (b"AA" if good else b"AR", application))
        if when in wanted
    ]
    return [(code, header.control_id) for code in (codes if good else codes[:1])]


def msa(answer: bytes) -> tuple[bytes, bytes]:
    separator = answer[3:4]
    line = next(part for part in answer.split(b"\r") if part.startswith(b"MSA"))
    fields = line.split(separator)
    return fields[1], fields[2] if len(fields) > 2 else b""


def positive(payload: bytes) -> bytes:
    """What the destination answers: AA with whatever stands in MSH-10, in the message's own separator."""
    header = header_of(payload)
    assert header is not None, "something unreadable was forwarded"
    bar = header.separator
    return (
        bar.join([b"MSH", b"^~\\&", *[b""] * 5, b"", b"ACK", b"R", b"P", b"2.5.1"])
        + b"\r"
        + bar.join([b"MSA", b"AA", header.control_id])
        + b"\r"
    )


PAYLOADS = payloads()


@dataclass(frozen=True)
class Passed:
    """What came of it all."""

    answers: list[tuple[bytes, bytes]] = field(repr=False)
    arrived: list[bytes] = field(repr=False)
    folder: Path


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Passed]:
    """Everything sent on one connection as fast as it goes, in mode upgrade."""
    with staged(tmp_path_factory.mktemp("corpus")) as stage, receiving(stage.forward, positive) as receiver:
        stage.start()
        answers = exchange(stage.sender())
        arrived_all(stage, receiver)
        assert stage.stop() == 0
        yield Passed(answers, receiver.payloads, stage.folder)


def exchange(sender: Sender) -> list[tuple[bytes, bytes]]:
    due = sum(len(answers_to(payload)) for payload in PAYLOADS)
    writing = threading.Thread(target=lambda: sender.socket.sendall(b"".join(map(frame, PAYLOADS))), daemon=True)
    writing.start()
    answers = [msa(sender.answer()) for _ in range(due)]
    writing.join(ARRIVE_S)
    return answers


def arrived_all(stage: Stage, receiver: Receiver) -> None:
    with Reader(stage.folder / "var") as reader:
        deadline = time.monotonic() + ARRIVE_S
        while reader.books().queued and time.monotonic() < deadline:
            time.sleep(0.05)


def expected() -> list[bytes]:
    """What must arrive: readable, with MSH-10, each the first time it is sent (P11)."""
    seen, found = set(), []
    for payload in PAYLOADS:
        header = header_of(payload)
        if header is None or not header.control_id:
            continue
        key = (header.application, header.facility, header.control_id, hashlib.sha256(payload).digest())
        if key not in seen:
            seen.add(key)
            found.append(payload)
    return found


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(PAYLOADS) > 1500
    assert sum(not header.control_id for payload in PAYLOADS if (header := header_of(payload))) > 150


def test_every_message_is_answered_in_order_with_the_bytes_of_its_control_id(passed: Passed) -> None:
    due = [answer for payload in PAYLOADS for answer in answers_to(payload)]
    wrong = [number for number, (got, want) in enumerate(zip(passed.answers, due, strict=True)) if got != want]
    assert wrong == []


def test_every_readable_message_arrives_once_in_order_and_byte_for_byte(passed: Passed) -> None:
    want = expected()
    assert len(passed.arrived) == len(want)
    assert [number for number, (got, sent) in enumerate(zip(passed.arrived, want, strict=True)) if got != sent] == []


def test_every_other_message_is_kept_in_quarantine_byte_for_byte(passed: Passed) -> None:
    refused = [payload for payload in PAYLOADS if (header := header_of(payload)) is None or not header.control_id]
    with Reader(passed.folder / "var") as reader:
        numbers, after = [], 0
        while page := reader.messages(state=State.QUARANTINED, after=after, limit=1000):
            numbers += [line.message_id for line in page]
            after = page[-1].message_id
        kept = [stored.inbound for number in numbers if (stored := reader.message(number))]
    assert len(kept) == len(refused) > 150
    assert [number for number, (got, sent) in enumerate(zip(kept, refused, strict=True)) if got != sent] == []


def test_no_message_was_changed_and_the_books_balance(passed: Passed) -> None:
    with Reader(passed.folder / "var") as reader:
        books = reader.books()
        changed = [entry.control_id for entry in reader.entries(limit=10_000) if entry.content.get("changed")]
        verified = reader.verify()
    assert changed == []
    assert books.balanced and books.queued == books.parked == books.rejected == 0
    assert books.delivered == len(expected())
    assert books.received + books.duplicates == len(PAYLOADS)
    assert verified.ok
