import os
import stat
import tomllib
from pathlib import Path

import pytest

from hl7calf.console.options import Role
from hl7calf.console.users import FILE_NAME, User, Users, check_name, hash_password, read_users, verify_password
from hl7calf.errors import SettingsError

OTTO = User("otto", Role.OPERATOR, "$argon2id$v=19$m=65536,t=3,p=4$abc$def", "JBSWY3DPEHPK3PXP")


def test_users_are_kept_and_found_again(tmp_path: Path) -> None:
    Users(tmp_path).put(OTTO)
    Users(tmp_path).put(User("vera@example.org", Role.VIEWER))
    assert Users(tmp_path).find("otto") == OTTO
    assert sorted(Users(tmp_path).all()) == ["otto", "vera@example.org"]


def test_the_file_is_for_its_owner_alone_and_leaves_no_other_behind(tmp_path: Path) -> None:
    Users(tmp_path).put(OTTO)
    Users(tmp_path).put(OTTO)
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Users(tmp_path).put(OTTO)
    os.chmod(tmp_path / FILE_NAME, 0o640)
    with pytest.raises(SettingsError, match="others may read it"):
        Users(tmp_path).all()


def test_a_running_console_sees_changes_at_once(tmp_path: Path) -> None:
    running = Users(tmp_path)
    assert running.find("otto") is None
    Users(tmp_path).put(OTTO)
    assert running.find("otto") == OTTO
    assert Users(tmp_path).remove("otto")
    assert running.find("otto") is None
    assert not Users(tmp_path).remove("otto")


def test_the_file_holds_a_hash_and_never_the_password(tmp_path: Path) -> None:
    Users(tmp_path).put(User("otto", Role.OPERATOR, hash_password("correct horse battery")))
    text = (tmp_path / FILE_NAME).read_text()
    assert "correct horse" not in text
    assert tomllib.loads(text)["user"]["otto"]["password"].startswith("$argon2id$")


def test_the_right_password_alone_is_right() -> None:
    user = User("otto", Role.OPERATOR, hash_password("correct horse battery"))
    assert verify_password(user, "correct horse battery")
    assert not verify_password(user, "correct horse batterY")
    assert not verify_password(user, "")


def test_nobody_and_whoever_has_no_password_cannot_sign_in_by_one() -> None:
    assert not verify_password(None, "nobody signs in with this")
    assert not verify_password(User("otto", Role.OPERATOR), "nobody signs in with this")
    assert not verify_password(User("otto", Role.OPERATOR), "")
    assert not verify_password(User("otto", Role.OPERATOR, "damaged"), "x")


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_too_short_or_too_long_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="10 to 1024"):
        hash_password(password)


def test_names_are_lower_case_and_plain() -> None:
    assert check_name(" Otto ") == "otto"
    for name in ("", "a b", 'a"b', "a]b", "ä", "-a", "x" * 65, "a\nb"):
        with pytest.raises(ValueError, match="at most 64"):
            check_name(name)


@pytest.mark.parametrize(
    "text",
    ['[user.otto]\nrole = "king"', "[user.otto]\nrole = 3", '[user.otto]\nrole = "viewer"\nsecret = "x"', "[user]\notto = 1",
     '[user."a b"]\nrole = "viewer"', "not toml", "[user.otto]"],
)  # fmt: skip
def test_a_broken_file_is_refused_without_naming_its_values(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(SettingsError) as refused:
        read_users(tmp_path / FILE_NAME)
    assert "king" not in str(refused.value)
