import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hl7calf.cli.console import console
from hl7calf.cli.failures import Unusable
from hl7calf.console.options import Role
from hl7calf.console.totp import code_at
from hl7calf.console.users import FILE_NAME, Users, verify_password

SETTINGS = """
[service]
data_dir = "var"
mode = "observe"
[[route]]
name = "orders"
listen = "tcp:2575:interface=127.0.0.1"
forward = "tcp:127.0.0.1:2576"
"""
PASSWORD = "correct horse battery"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "var").mkdir(mode=0o700)
    (tmp_path / "hl7calf.toml").write_text(SETTINGS)
    return tmp_path


def run(site: Path, *arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(console, ["-c", str(site / "hl7calf.toml"), *arguments], input=typed)


def users(site: Path) -> Users:
    return Users(site / "var")


def test_a_person_is_added_with_a_password_that_is_typed_twice(site: Path) -> None:
    result = run(site, "user", "add", "Otto", "--role", "operator", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert "otto may sign in as operator." in result.output
    assert PASSWORD not in result.output
    otto = users(site).find("otto")
    assert otto is not None
    assert otto.role is Role.OPERATOR
    assert verify_password(otto, PASSWORD)
    assert stat.S_IMODE((site / "var" / FILE_NAME).stat().st_mode) == 0o600


def test_a_new_person_is_a_viewer_unless_told_otherwise(site: Path) -> None:
    run(site, "user", "add", "vera", typed=f"{PASSWORD}\n{PASSWORD}\n")
    vera = users(site).find("vera")
    assert vera is not None
    assert vera.role is Role.VIEWER


@pytest.mark.parametrize(("name", "typed"), [("otto", "short\nshort\n"), ("a b", f"{PASSWORD}\n{PASSWORD}\n")])
def test_a_bad_name_or_password_is_refused(site: Path, name: str, typed: str) -> None:
    result = run(site, "user", "add", name, typed=typed)
    assert result.exit_code == 2
    assert users(site).all() == {}


def test_a_person_of_the_proxy_has_no_password(site: Path) -> None:
    assert run(site, "user", "add", "rahel", "--role", "reviewer", "--no-password").exit_code == 0
    rahel = users(site).find("rahel")
    assert rahel is not None
    assert rahel.password == ""


def test_people_are_listed_without_their_secrets(site: Path) -> None:
    assert "Nobody may sign in yet." in run(site, "user", "list").output
    run(site, "user", "add", "otto", "--role", "operator", typed=f"{PASSWORD}\n{PASSWORD}\n")
    run(site, "user", "add", "rahel", "--no-password")
    run(site, "user", "totp", "otto")
    listed = run(site, "user", "list").output
    assert "otto" in listed
    assert "password and code" in listed
    assert "reverse proxy" in listed
    assert "argon2" not in listed


def test_a_secret_for_codes_is_shown_once_works_and_survives_a_new_password(site: Path) -> None:
    import base64

    run(site, "user", "add", "otto", typed=f"{PASSWORD}\n{PASSWORD}\n")
    shown = run(site, "user", "totp", "otto").output
    otto = users(site).find("otto")
    assert otto is not None
    assert otto.totp in shown
    assert "otpauth://totp/hl7calf:otto" in shown
    assert len(code_at(base64.b32decode(otto.totp), 1)) == 6
    run(site, "user", "add", "otto", typed=f"{PASSWORD}2\n{PASSWORD}2\n")
    again = users(site).find("otto")
    assert again is not None
    assert again.totp == otto.totp
    assert "signs in without a code" in run(site, "user", "totp", "otto", "--off").output
    assert users(site).all()["otto"].totp == ""


def test_a_person_is_removed(site: Path) -> None:
    run(site, "user", "add", "otto", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert run(site, "user", "remove", "OTTO").exit_code == 0
    assert users(site).all() == {}


@pytest.mark.parametrize("command", ["remove", "totp"])
def test_a_person_who_is_not_there_is_told(site: Path, command: str) -> None:
    result = run(site, "user", command, "nobody")
    assert result.exit_code == 1
    assert "There is no user nobody." in result.output


def test_without_a_store_folder_there_are_no_users_to_keep(tmp_path: Path) -> None:
    (tmp_path / "hl7calf.toml").write_text(SETTINGS)
    result = run(tmp_path, "user", "list")
    assert result.exit_code == 2
    assert "hl7calf serve" in result.output


def test_it_says_when_nobody_may_sign_in_and_listens_where_told(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(
        "hl7calf.console.serve.run", lambda desk, listen, say: seen.append((listen, desk.options.origins)) or 0
    )
    monkeypatch.setattr("hl7calf.cli.console._keep_quiet", lambda level: None)
    result = run(site, "--listen", "tcp:9999:interface=127.0.0.1")
    assert "Nobody may sign in yet" in result.output
    assert seen == [
        ("tcp:9999:interface=127.0.0.1", ("http://127.0.0.1:9999", "http://localhost:9999", "http://[::1]:9999"))
    ]


def test_beyond_loopback_it_wants_an_https_address(site: Path) -> None:
    result = run(site, "--listen", "tcp:9576")
    assert result.exit_code != 0
    assert isinstance(result.exception, Unusable | SystemExit)
    assert "--public-url https://" in result.output
