"""Most of signing in is tested through the door; here what only the page knows."""

import pytest

from hl7calf.console.guard import form_token
from hl7calf.console.pages.signing_in import Stranger, answer, leave
from hl7calf.errors import JournalError
from tests.console.stage import PASSWORD, Stage


def test_the_form_is_shown_with_a_cookie_and_its_token(stage: Stage) -> None:
    shown = answer(stage.desk, Stranger("", "127.0.0.1", 0.0, 0.0))
    assert shown.cookie
    assert form_token(stage.desk.form_key, shown.cookie) in shown.body
    assert answer(stage.desk, Stranger("known", "127.0.0.1", 0.0, 0.0)).cookie is None


def test_why_one_is_here_is_told_in_our_own_words_alone(stage: Stage) -> None:
    for why, told in (("idle", "signed out because"), ("out", "You are signed out"), ("<b>evil", "Sign in")):
        shown = answer(stage.desk, Stranger("c", "127.0.0.1", 0.0, 0.0, query={"why": why}))
        assert told in shown.body
        assert "evil" not in shown.body


def test_a_name_is_taken_in_any_case(stage: Stage) -> None:
    taken = answer(stage.desk, Stranger("c", "127.0.0.1", 0.0, 0.0, {"name": " OTTO ", "password": PASSWORD}))
    assert (taken.status, taken.location) == (303, "/")


def entries(stage: Stage) -> list[tuple[str, str, dict[str, str]]]:
    found = stage.desk.archive.decisions(("sign-in", "sign-out"), 0.0)
    return [(entry.kind, entry.content["user"], entry.content["details"]) for entry in found]


def test_who_comes_and_goes_is_in_the_log_and_who_is_refused_is_not(stage: Stage) -> None:
    answer(stage.desk, Stranger("c", "127.0.0.1", 0.0, 0.0, {"name": "otto", "password": "wrong"}))
    answer(stage.desk, Stranger("c", "127.0.0.1", 0.0, 0.0, {"name": "otto", "password": PASSWORD}))
    leave(stage.desk, stage.visit())
    assert entries(stage) == [("sign-in", "otto", {"by": "password"}), ("sign-out", "otto", {})]


def test_a_journal_that_cannot_be_written_keeps_nobody_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise JournalError("no room")

    monkeypatch.setattr(type(stage.desk.journal), "record", full)
    taken = answer(stage.desk, Stranger("c", "127.0.0.1", 0.0, 0.0, {"name": "otto", "password": PASSWORD}))
    assert taken.status == 303 and entries(stage) == []


def test_leaving_one_screen_leaves_all(stage: Stage) -> None:
    cookies = [stage.desk.sessions.open("otto", 0.0)[0] for _ in range(2)]
    assert leave(stage.desk, stage.visit()).cookie == ""
    assert not any(stage.desk.sessions.find(cookie, 1.0) for cookie in cookies)
