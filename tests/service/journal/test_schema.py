"""Migrations: in order, whole or not at all, never backwards."""

from pathlib import Path

import apsw
import pytest

from hl7calf.errors import JournalBroken, JournalTooNew
from hl7calf.service.journal import schema
from hl7calf.service.journal.statements import migration_texts


class Killed(BaseException):
    """Stands for the process being killed."""


def killed(step: str) -> None:
    raise Killed(step)


def connection(tmp_path: Path) -> apsw.Connection:
    return apsw.Connection(str(tmp_path / "x.sqlite3"))


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _ in migration_texts()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert schema.newest_version() == numbers[-1]


def test_an_empty_file_becomes_the_newest_and_a_new_one_stays_as_it_is(tmp_path: Path) -> None:
    one = connection(tmp_path)
    assert schema.migrate(one) == 0
    assert schema.version_of(one) == schema.newest_version()
    changes = one.total_changes()
    assert schema.migrate(one) == schema.newest_version()
    assert one.total_changes() == changes
    one.close()


def test_a_migration_that_is_interrupted_leaves_the_old_file(tmp_path: Path) -> None:
    one = connection(tmp_path)
    with pytest.raises(Killed):
        schema.migrate(one, killed)
    assert schema.version_of(one) == 0
    assert one.execute("SELECT count(*) FROM sqlite_schema").get == 0
    schema.migrate(one)
    one.close()


def test_only_what_is_missing_is_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = connection(tmp_path)
    schema.migrate(one)
    texts = [*migration_texts(), (schema.newest_version() + 1, "CREATE TABLE later (a)")]
    monkeypatch.setattr(schema, "migration_texts", lambda: texts)
    assert schema.migrate(one) == len(texts) - 1
    assert schema.version_of(one) == len(texts)
    assert one.execute("SELECT count(*) FROM later").get == 0
    one.close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    one = connection(tmp_path)
    schema.migrate(one)
    one.execute(f"PRAGMA user_version = {schema.newest_version() + 1}")
    with pytest.raises(JournalTooNew):
        schema.migrate(one)
    one.close()


@pytest.mark.parametrize("theirs", ["CREATE TABLE t (a)", "PRAGMA user_version = 1"])
def test_the_file_of_another_program_is_refused(tmp_path: Path, theirs: str) -> None:
    one = connection(tmp_path)
    one.execute(theirs)
    with pytest.raises(JournalBroken):
        schema.version_of(one)
    one.close()
