"""A staged store with a console over it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from tests.console.stage import Stage, close_stage, one_of_each, open_stage


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Argon2 as it is meant takes 50 ms a time; only the tests of it need that."""
    if request.module.__name__.rpartition(".")[2] not in ("test_users", "test_in_a_browser"):
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        monkeypatch.setattr("hl7calf.console.users._hasher", cheap)
        monkeypatch.setattr("hl7calf.console.users._NOBODY", cheap.hash("nobody signs in with this"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """One of each kind of message."""
    opened = open_stage(tmp_path, one_of_each)
    yield opened
    close_stage(opened)


@pytest.fixture
def empty_stage(tmp_path: Path) -> Iterator[Stage]:
    """A store in which nothing has happened yet."""
    opened = open_stage(tmp_path)
    yield opened
    close_stage(opened)
