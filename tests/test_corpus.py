"""Messages written by others: every file of ../shared/corpus is read and none of its messages is changed (P4, P6)."""

from functools import lru_cache
from pathlib import Path

import pytest

from hl7calf.calf.tables import Tables, load_tables
from hl7calf.calf.vetting import vet
from hl7calf.service.mappings import read_mappings, shipped_mappings
from hl7calf.wire.files import split_messages
from tests.conftest import SHARED, shared_folder

CORPUS = SHARED / "corpus"
FOLDERS = sorted(path.name for path in CORPUS.iterdir() if path.is_dir()) if CORPUS.is_dir() else ["absent"]
LISTS = ("INDEX.md", "MANIFEST.tsv", "ORDERS.tsv")


@lru_cache(maxsize=1)
def tables() -> Tables:
    return load_tables(read_mappings(shipped_mappings()))


def files_below(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in LISTS]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_message_of_others_is_changed(folder: str) -> None:
    whole = shared_folder("corpus") / folder
    changed, wrong, messages = [], [], 0
    for path in files_below(whole):
        for piece in split_messages(path.read_bytes(), keep_batches=False):
            messages += 1
            quick, verdict = vet(piece.payload, tables(), thorough=False), vet(piece.payload, tables())
            if verdict.outbound is not piece.payload or quick.outbound is not piece.payload:
                changed.append(f"{path.relative_to(whole)}#{piece.number}: {verdict.reasons}")
            if quick.action != verdict.action:
                wrong.append(f"{path.relative_to(whole)}#{piece.number}: {quick.action}, not {verdict.action}")
    assert messages
    assert changed == []
    assert wrong == []


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\r\n"])
def test_no_message_is_changed_whatever_its_segments_end_with(end: bytes) -> None:
    for path in files_below(shared_folder("corpus")):
        for piece in split_messages(path.read_bytes(), keep_batches=False):
            payload = end.join(piece.payload.splitlines()) + end
            assert vet(payload, tables(), thorough=False).outbound is payload, path.name


def test_a_file_read_as_one_payload_is_not_changed_either() -> None:
    for path in files_below(shared_folder("corpus")):
        payload = path.read_bytes()
        assert vet(payload, tables()).outbound is payload, path.name


def test_the_pieces_of_a_file_are_its_own_bytes() -> None:
    for path in files_below(shared_folder("corpus")):
        data = path.read_bytes()
        assert all(piece.payload in data for piece in split_messages(data, keep_batches=True)), path.name
