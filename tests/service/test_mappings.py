from pathlib import Path

import pytest

from hl7calf.errors import MappingError
from hl7calf.service.mappings import MAX_BYTES, read_mappings, shipped_mappings, shipped_samples


def test_tables_and_texts_are_read_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "note.txt", "README.md", ".hidden.csv", "a.csv.bak"):
        (tmp_path / name).write_text(name)
    (tmp_path / "sub.csv").mkdir()
    assert read_mappings(tmp_path) == {"a.csv": "a.csv", "b.csv": "b.csv", "note.txt": "note.txt"}


def test_a_byte_order_mark_is_taken_off_and_line_ends_stay(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfphrase\r\nkalk\r\n")
    assert read_mappings(tmp_path)["a.csv"] == "phrase\r\nkalk\r\n"


def test_a_wrong_encoding_is_a_defect_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"phrase\nverk\xe4lkung\n")
    (tmp_path / "b.csv").write_bytes(b"\xff")
    with pytest.raises(MappingError) as caught:
        read_mappings(tmp_path)
    assert [(d.file, d.line, d.column, d.code) for d in caught.value.defects] == [
        ("a.csv", 2, 5, "T_ENCODING"),
        ("b.csv", 1, 1, "T_ENCODING"),
    ]


def test_a_missing_or_empty_folder_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="no such mappings folder"):
        read_mappings(tmp_path / "nowhere")
    with pytest.raises(MappingError, match="holds no tables"):
        read_mappings(tmp_path)


def test_a_file_that_is_no_table_by_its_size_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(MappingError, match="T_TOO_LARGE"):
        read_mappings(tmp_path)


def test_what_is_shipped_is_found_in_this_checkout() -> None:
    assert (shipped_mappings() / "note.txt").is_file()
    assert shipped_samples().name == "sample_messages"
