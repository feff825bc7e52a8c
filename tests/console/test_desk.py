import pytest

from hl7calf.calf.rule import Options as RuleOptions
from hl7calf.console.sessions import LISTS
from hl7calf.errors import JournalError
from tests.console.stage import Stage


def test_journal_and_archive_are_opened_once_and_only_when_needed(stage: Stage) -> None:
    assert stage.desk._journal is None
    assert stage.desk.journal is stage.desk.journal
    assert stage.desk.archive is stage.desk.archive


def test_a_journal_that_appears_later_is_found_later(stage: Stage) -> None:
    good, stage.desk.open_journal = stage.desk.open_journal, lambda: (_ for _ in ()).throw(JournalError("not yet"))
    with pytest.raises(JournalError):
        _ = stage.desk.journal
    stage.desk.open_journal = good
    assert stage.desk.journal.status().node == "node-1"


def test_a_page_knows_its_user_role_and_token_and_escapes(stage: Stage) -> None:
    visit = stage.visit()
    page = stage.desk.page(visit, "nothing.html", 404, nav="log", why="<b>&'\"")
    assert page.status == 404
    assert "otto" in page.body
    assert "&lt;b&gt;&amp;&#39;&#34;" in page.body


def test_what_a_form_said_is_shown_once_and_not_lost_to_a_fragment(stage: Stage) -> None:
    visit = stage.visit()
    visit.session.said = "It is done."
    stage.desk.page(visit, "_log.html", entries=[], older="", here="", examined=0, is_first=True)
    assert "It is done." in stage.desk.page(visit, "nothing.html", nav="log", why="").body
    assert "It is done." not in stage.desk.page(visit, "nothing.html", nav="log", why="").body


def test_a_page_with_something_revealed_leaves_by_itself(stage: Stage) -> None:
    visit = stage.visit()
    visit.session.reveal(LISTS, visit.tick + 300)
    page = stage.desk.page(visit, "waiting.html", nav="waiting", most=1, queued_shown=1, lists={}, books=[])
    assert page.refresh == "301"
    assert (
        stage.desk.page(
            stage.visit(), "waiting.html", nav="waiting", most=1, queued_shown=1, lists={}, books=[]
        ).refresh
        == ""
    )


def test_without_options_of_the_rule_its_own_hold(stage: Stage) -> None:
    assert stage.desk.vet_options == RuleOptions()
