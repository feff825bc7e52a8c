import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from hl7calf.cli.failures import Unusable
from hl7calf.cli.sources import read_sources, sibling

ONE = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5.1\rPID|1\r"
TWO = ONE.replace(b"|1|P", b"|2|P")


def names(*places: object) -> list[str]:
    return [source.name for source in read_sources([str(place) for place in places])]


def test_a_file_of_several_messages_gives_each_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "two.hl7"
    file.write_bytes(ONE + TWO)
    found = list(read_sources([str(file)]))
    assert [(source.name, source.payload, source.count) for source in found] == [
        (f"{file}#1", ONE, 2),
        (f"{file}#2", TWO, 2),
    ]


def test_a_folder_is_read_in_name_order_without_what_is_expected(tmp_path: Path) -> None:
    for name in (
        "b.hl7",
        "a.hl7",
        "a.expected.hl7",
        "c.ack.hl7",
        ".hidden.hl7",
        "sub/d.er7",
        "README.md",
        "notes.txt",
        "e.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"plain words" if name == "notes.txt" else ONE)
    assert names(tmp_path) == [f"{tmp_path}/{name}#1" for name in ("a.hl7", "b.hl7", "e.txt", "sub/d.er7")]


def test_a_file_in_a_folder_knows_its_path_below_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.hl7").write_bytes(ONE)
    (source,) = read_sources([str(tmp_path)])
    assert source.below == Path("sub/a.hl7")


def test_framed_files_give_the_payloads_between_the_blocks(tmp_path: Path) -> None:
    (tmp_path / "f.mllp").write_bytes(b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r")
    assert [source.payload for source in read_sources([str(tmp_path / "f.mllp")])] == [ONE, TWO]


def test_a_batch_is_its_messages_or_one_payload_as_on_the_wire(tmp_path: Path) -> None:
    file = tmp_path / "batch.hl7"
    batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ONE + TWO + b"BTS|2\rFTS|1\r"
    file.write_bytes(batch)
    assert len(list(read_sources([str(file)]))) == 2
    assert [source.payload for source in read_sources([str(file)], keep_batches=True)] == [batch]


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(ONE)))
    (source,) = read_sources(["-"])
    assert (source.name, source.path, source.payload) == ("-#1", None, ONE)


@pytest.mark.parametrize("content", [None, b"", b"\r\n \n"])
def test_a_place_without_a_message_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "x.hl7"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Unusable):
        names(file)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no message files"):
        names(tmp_path)


def test_what_is_no_hl7_is_still_given_out_so_that_it_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.hl7").write_bytes(b'{"not": "hl7"}')
    assert names(tmp_path / "x.hl7") == [f"{tmp_path}/x.hl7#1"]


def test_a_sibling_has_the_same_name_with_its_kind() -> None:
    assert sibling(Path("d/a.b.hl7"), "expected") == Path("d/a.b.expected.hl7")
