"""The shapes the console asks for are those the store has: the type checker says so, and here a real store does."""

import typing

import hl7calf.console.journal as shapes
from hl7calf.cli.console_journal import StoredJournal
from hl7calf.service.journal import jobs, views
from tests.console.stage import Stage

PAIRS = {
    shapes.Envelope: jobs.Envelope, shapes.Attempt: views.Attempt, shapes.MessageLine: views.MessageLine,
    shapes.LogEntry: views.LogEntry, shapes.Message: views.Message, shapes.Books: views.Books,
    shapes.RouteStatus: views.RouteStatus, shapes.Control: views.Control, shapes.Status: views.Status,
}  # fmt: skip


def test_every_attribute_the_pages_use_is_there() -> None:
    for shape, real in PAIRS.items():
        wanted = {name for name, value in vars(shape).items() if isinstance(value, property)}
        assert wanted
        assert not wanted - set(dir(real)), shape


def test_the_stored_journal_has_every_method(stage: Stage) -> None:
    journal: shapes.Journal = StoredJournal(stage.desk.options.data_dir)
    names = {name for name in vars(shapes.Journal) if not name.startswith("_")}
    assert names == {"status", "message", "messages", "remembered", "ask", "record"}
    assert all(callable(getattr(journal, name)) for name in names)
    assert typing.get_type_hints(shapes.Journal.ask)["return"] == tuple[bool, str]
