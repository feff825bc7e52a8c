"""The journal's files: rights and ownership."""

import os
import stat
from pathlib import Path

import pytest

from hl7calf.errors import JournalError, JournalLocked
from hl7calf.service.journal.files import (
    DATABASE,
    LOCK,
    is_owned,
    make_private_file,
    open_connection,
    own,
    prepare_folder,
    take_lock,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_that_is_made_is_private(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "a" / "var")
    assert mode(tmp_path / "a" / "var") == 0o700
    assert mode(tmp_path / "a" / "var" / LOCK) == 0o600


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(JournalError, match="chmod 700"):
        prepare_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_others_can_read_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    prepare_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_file_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"kept")
    path.chmod(0o644)
    make_private_file(path)
    assert (mode(path), path.read_bytes()) == (0o600, b"kept")


def test_a_link_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / DATABASE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match="cannot be used"):
        own(tmp_path)
    assert not is_owned(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    os.chown(folder, 12_345, 12_345)
    with pytest.raises(JournalError, match="12345"):
        prepare_folder(folder)


def test_the_journal_has_one_owner_and_anyone_can_ask_whether_there_is_one(tmp_path: Path) -> None:
    assert not is_owned(tmp_path)
    prepare_folder(tmp_path)
    assert not is_owned(tmp_path)
    descriptor = take_lock(tmp_path)
    assert is_owned(tmp_path)
    with pytest.raises(JournalLocked):
        take_lock(tmp_path)
    os.close(descriptor)
    assert not is_owned(tmp_path)
    os.close(take_lock(tmp_path))


def test_looking_for_an_owner_does_not_make_one(tmp_path: Path) -> None:
    is_owned(tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_there_is_nothing_to_open_before_the_service_ran(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        open_connection(tmp_path)
    os.close(own(tmp_path))
    assert mode(tmp_path / DATABASE) == 0o600
    with pytest.raises(JournalError, match="no journal"):
        open_connection(tmp_path, read_only=True)


def test_a_second_owner_is_refused_before_the_database_is_touched(tmp_path: Path) -> None:
    descriptor = own(tmp_path)
    (tmp_path / DATABASE).chmod(0o640)
    with pytest.raises(JournalLocked):
        own(tmp_path)
    assert mode(tmp_path / DATABASE) == 0o640
    os.close(descriptor)
