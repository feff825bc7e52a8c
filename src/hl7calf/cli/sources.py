"""Where messages come from: files, folders and standard input, as payloads with a name.

Law: the bytes of each payload are exactly those in the file. A folder is read in name order, so that
two runs give the same order; siblings that say what is expected are not messages to send.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hl7calf.cli.failures import Unusable
from hl7calf.wire.files import split_messages

SIBLINGS = (".expected.hl7", ".ack.hl7")
HL7_SUFFIXES = (".hl7", ".er7", ".mllp")
_MARKS = (b"MSH", b"FHS", b"BHS")


@dataclass(frozen=True, slots=True)
class Source:
    """One payload and where it stands: `name` is `file.hl7#1`; `path` is None for standard input.

    `number` (1-based) of `count` in its file; `below` is the file's path below the folder that was named.
    """

    name: str
    path: Path | None
    number: int
    payload: bytes
    count: int = 1
    below: Path = Path("stdin.hl7")


def read_sources(places: Sequence[str], keep_batches: bool = False) -> Iterator[Source]:
    """Yield the payloads of every place, `-` being standard input, in the order given.

    Args:
        keep_batches: a batch (FHS/BHS ... BTS/FTS) is one payload, as on the wire, not its messages.

    Raises:
        Unusable: a place does not exist, or holds no message at all.
    """
    for place in places:
        if place == "-":
            yield from _payloads(None, Path("stdin.hl7"), sys.stdin.buffer.read(), keep_batches)
            continue
        path = Path(place)
        if not path.exists():
            raise Unusable(f"{place}: no such file or folder. Give a file, a folder, or - for standard input.")
        for file in files_in(path):
            below = file.relative_to(path) if path.is_dir() else Path(file.name)
            yield from _payloads(file, below, file.read_bytes(), keep_batches)


def files_in(path: Path) -> list[Path]:
    """Return the message files of a folder in name order, or the file itself.

    Raises:
        Unusable: the folder holds none.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if _is_message_file(file, path))
    if not found:
        raise Unusable(f"{path}: no message files in this folder ({', '.join(HL7_SUFFIXES)}, or files with an MSH).")
    return found


def sibling(path: Path, kind: str) -> Path:
    """Return the path beside a sample that says what is expected: kind is `expected` or `ack`."""
    return path.with_name(f"{path.stem}.{kind}.hl7")


def _is_message_file(file: Path, top: Path) -> bool:
    """Tell whether a file in a folder is meant as messages: by its name, else by an MSH near its start."""
    if any(part.startswith(".") for part in file.relative_to(top).parts) or not file.is_file():
        return False
    if file.name.endswith(SIBLINGS):
        return False
    if file.suffix.lower() in HL7_SUFFIXES:
        return True
    if file.suffix.lower() in (".md", ".py", ".json", ".csv", ".toml"):
        return False
    with file.open("rb") as opened:
        start = opened.read(64)
    return any(mark in start for mark in _MARKS)


def _payloads(path: Path | None, below: Path, data: bytes, keep_batches: bool) -> Iterator[Source]:
    """Yield the payloads in one file's bytes.

    Raises:
        Unusable: there is none.
    """
    name = "-" if path is None else str(path)
    pieces = split_messages(data, keep_batches=keep_batches)
    if not pieces:
        raise Unusable(f"{name}: no HL7 message in it. Give a file that has an MSH segment.")
    for number, piece in enumerate(pieces, 1):
        yield Source(f"{name}#{number}", path, number, piece.payload, len(pieces), below)
