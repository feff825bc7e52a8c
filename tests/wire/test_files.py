"""Payloads of a file: each byte for byte, none lost, every corpus file readable or faulted."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.errors import WireError
from hl7calf.wire.files import Piece, split_messages
from hl7calf.wire.message import Message, read_message
from hl7calf.wire.mllp import enframe
from hl7calf.wire.orders import note_insertion, patient_parts, placer_key, read_orders
from hl7calf.wire.text import read_text

A = b"MSH|^~\\&|A|||||||1\rPID|1\r"
B = b"MSH|^~\\&|B|||||||2\rPID|2\r"
FHS, FTS = b"FHS|^~\\&|A|||||||||F1\r", b"FTS|1\r"
BHS, BTS = b"BHS|^~\\&|A|||||||||B1\r", b"BTS|2\r"


def split(data: bytes, keep_batches: bool = False) -> list[tuple[bytes, str]]:
    pieces = split_messages(data, keep_batches)
    assert [piece.number for piece in pieces] == list(range(1, len(pieces) + 1))
    return [(piece.payload, piece.kind) for piece in pieces]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_several_messages_are_cut_at_each_msh(end: bytes) -> None:
    first, second = A.replace(b"\r", end), B.replace(b"\r", end)
    assert split(first + second + first) == [(first, "message"), (second, "message"), (first, "message")]
    assert split(first + end + end + second) == [(first + end + end, "message"), (second, "message")]
    assert split(first[: -len(end)]) == [(first[: -len(end)], "message")]


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b"\r\n", b"\xef\xbb\xbf\r\n", b" \t"])
def test_a_bom_and_white_space_stay_with_their_message(lead: bytes) -> None:
    assert split(lead + A) == [(lead + A, "message")]
    assert split(A + b"\xef\xbb\xbf" + B) == [(A, "message"), (b"\xef\xbb\xbf" + B, "message")]


@pytest.mark.parametrize("empty", [b"", b" \r\n\x00"])
def test_an_empty_file_holds_nothing(empty: bytes) -> None:
    assert split(empty) == []


@pytest.mark.parametrize(
    "odd", [b"hello", b"PID|1\r", b"BTS|1\r", b"MSHX|1\r", b"MSH", b"text MSH|^~\\&|A\r", "MSH|".encode("utf-16")]
)
def test_what_holds_no_message_is_given_out_to_be_refused(odd: bytes) -> None:
    assert split(odd) == [(odd, "unreadable")]


def test_text_before_the_first_message_is_a_piece_of_its_own() -> None:
    assert split(b"# exported\r\n" + A) == [(b"# exported\r\n", "unreadable"), (A, "message")]


def test_msh_inside_a_line_cuts_nothing() -> None:
    odd = A + b"OBX|1|TX|see MSH|^~\\&\r MSH|x\rMSHA|1\r"
    assert split(odd) == [(odd, "message")]


def test_frames_are_payloads_exactly() -> None:
    assert split(enframe(A) + enframe(B)) == [(A, "frame"), (B, "frame")]
    assert split(b"\r\n" + enframe(A + B) + b"\n") == [(A + B, "frame")]
    assert split(b"\x0b" + A + b"\x1c") == [(A, "frame")]
    long = A + b"x" * 200_000
    assert split(b"\x0b" + long) == [(long, "unreadable")]


def test_a_batch_is_one_payload_as_on_the_wire() -> None:
    batch = FHS + BHS + A + B + BTS + FTS
    assert split(batch, keep_batches=True) == [(batch, "batch")]
    assert split(batch + A, keep_batches=True) == [(batch, "batch"), (A, "message")]
    assert split(BHS + A + BTS + BHS + B + BTS, keep_batches=True) == [
        (BHS + A + BTS, "batch"),
        (BHS + B + BTS, "batch"),
    ]
    assert split(BHS + A + BHS + B, keep_batches=True) == [(BHS + A, "batch"), (BHS + B, "batch")]
    assert split(FHS + BHS + A, keep_batches=True) == [(FHS + BHS + A, "batch")]


def test_the_messages_of_a_batch_are_read_one_by_one() -> None:
    batch = b"\xef\xbb\xbf" + FHS + BHS + A + B + BTS + b"BTS\r" + FTS
    assert split(batch) == [(A, "message"), (B, "message")]
    assert split(A + BHS + B + BTS + A) == [(A, "message"), (B, "message"), (A, "message")]
    assert split(FHS + BHS + BTS + FTS) == [(FHS + BHS + BTS + FTS, "batch")]


@given(
    st.lists(st.sampled_from([A, B, b"x\r", b"\n", b"\xef\xbb\xbf", b"MSH", b"OBX|1\r\n", b" ", b"PID|1"]), max_size=10)
)
def test_the_pieces_of_a_bare_file_are_the_file(parts: list[bytes]) -> None:
    data = b"".join(parts)
    pieces = split_messages(data)
    assert b"".join(piece.payload for piece in pieces) == (data if data.strip(b"\r\n\x00 \t") else b"")


def test_size_costs_linear_time() -> None:
    started = time.process_time()
    assert len(split_messages(A * 20_000)) == 20_000
    assert len(split_messages((BHS + A) * 10_000)) == 10_000
    assert len(split_messages((BHS + A) * 10_000, keep_batches=True)) == 10_000
    assert len(split_messages(A + b"\r" * 1_000_000)) == 1
    assert len(split_messages(A + b"OBX|1|" + b"x" * 5_000_000)) == 1
    assert time.process_time() - started < 4


def visit(message: Message) -> None:
    """Ask everything of a message; its spans must concatenate to the payload."""
    payload, position = message.payload, message.header.start
    assert not payload[:position].strip(b"\xef\xbb\xbf \t\r\n\x00")
    for segment in message.segments:
        assert not payload[position : segment.start].strip(b"\r\n")
        position = segment.end
        spans = message.fields(segment)
        if segment.name and segment.name not in ("MSH", "FHS", "BHS"):
            joined = message.delimiters.field.join([segment.name.encode(), *map(message.bytes, spans)])
            assert joined == message.bytes(segment)
        for span in spans[:60]:
            text = read_text(message, span)
            assert len(text.offsets) == len(text.value) + 1
    assert not payload[position:].strip(b"\r\n")
    patient_parts(message)
    for order in read_orders(message):
        placer_key(message, order)
        if order.obr:
            note_insertion(message, order)


def pieces_of(data: bytes) -> list[Piece]:
    whole = split_messages(data, keep_batches=True)
    if whole and whole[0].kind != "frame":
        assert b"".join(piece.payload for piece in whole) == data
    return whole + [piece for piece in split_messages(data) if piece not in whole]


def test_every_corpus_file_is_readable_or_faulted(shared_folder: Path) -> None:
    corpus = shared_folder / "corpus"
    manifest = (corpus / "MANIFEST.tsv").read_text(encoding="utf-8").splitlines()[1:]
    files = [corpus / line.split("\t")[0] for line in manifest]
    read = faulted = 0
    for path in files:
        for piece in pieces_of(path.read_bytes()):
            for end in (None, b"\r", b"\n", b"\r\n"):
                payload = piece.payload if end is None else end.join(piece.payload.splitlines())
                try:
                    message = read_message(payload)
                except WireError:
                    faulted += end is None
                    continue
                visit(message)
                read += end is None
    assert read >= len(files)
    assert faulted <= 20


def test_envelope_ends_without_a_beginning_stay_with_their_message() -> None:
    data = A + BTS + FTS + B
    assert split(data, keep_batches=True) == [(A + BTS + FTS, "message"), (B, "message")]
    assert split(data) == [(A, "message"), (B, "message")]


def test_an_empty_batch_ends_at_its_own_end() -> None:
    assert split(FHS + FTS + A, keep_batches=True) == [(FHS + FTS, "batch"), (A, "message")]


def test_batches_are_taken_apart_unless_asked_otherwise() -> None:
    assert [piece.payload for piece in split_messages(BHS + A + BTS)] == [A]
