import pytest

from hl7calf.console.options import Role
from hl7calf.console.pages import log
from hl7calf.console.pages.log import kept, moment, wanted_of
from hl7calf.console.sessions import LISTS
from tests.console.stage import NOW, Stage


def test_it_shows_decisions_changes_and_gates(stage: Stage) -> None:
    body = log.show(stage.desk, stage.visit("/log")).body
    for told in ("IMG5521", "IMG5531", "upgrade", "X21", "/message/1", "H_NO_MSH", "<b>mode</b> by otto"):
        assert told in body, told


def test_identifiers_are_masked_in_the_list(stage: Stage) -> None:
    body = log.show(stage.desk, stage.visit("/log")).body
    assert "UPG-EPIC-01" not in body
    assert "E700101" not in body
    assert "•••-01" in body


def test_revealing_identifiers_is_recorded_before_they_are_shown_and_ends(stage: Stage) -> None:
    visit = stage.visit("/log/reveal", Role.REVIEWER, form={"action": "upgrade"})
    answer = log.reveal(stage.desk, visit)
    assert answer.location == "/log?action=upgrade"
    [entry] = stage.desk.archive.decisions(("reveal",), NOW - 10**9)
    assert (entry.content["user"], entry.content["details"]) == ("rahel", {"what": "identifiers in lists"})
    shown = stage.visit("/log", Role.REVIEWER, session=visit.session)
    assert "UPG-EPIC-01" in log.show(stage.desk, shown).body
    stage.tick[0] += stage.desk.options.reveal_s
    later = stage.visit("/log", Role.REVIEWER, session=visit.session)
    assert "UPG-EPIC-01" not in log.show(stage.desk, later).body


def test_what_cannot_be_recorded_is_not_revealed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(stage.desk.journal), "record", fail)
    visit = stage.visit("/log/reveal", Role.REVIEWER)
    with pytest.raises(OSError, match="disk full"):
        log.reveal(stage.desk, visit)
    assert not visit.session.may_see(LISTS, visit.tick)


def test_what_is_looked_for_never_stands_in_an_address(stage: Stage) -> None:
    visit = stage.visit("/log/search", form={"control_id": " UPG-EPIC-01 ", "route": "orders"})
    answer = log.search(stage.desk, visit)
    assert answer.location == "/log?route=orders"
    body = log.show(stage.desk, stage.visit("/log", session=visit.session)).body
    assert "Only entries of one control ID are shown" in body
    assert body.count("/message/") == 1
    assert "UPG-EPIC-01" not in body


def test_filters_stand_in_the_address_and_go_with_the_page(stage: Stage) -> None:
    body = log.show(stage.desk, stage.visit("/log", query={"action": "review", "gate": "x21"})).body
    assert "REV-" not in body
    assert body.count('data-label="Decision"') == 1
    assert 'hx-get="/part/log?action=review&amp;gate=x21"' in body


def test_nothing_that_fits_is_said(stage: Stage) -> None:
    assert "No entry fits." in log.part(stage.desk, stage.visit(query={"route": "nowhere"})).body


def test_older_pages_do_not_refresh_themselves(stage: Stage) -> None:
    body = log.show(stage.desk, stage.visit(query={"before": "4"})).body
    assert "hx-get" not in body
    assert "older entries" in body


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("2026-03-04T05:00", NOW),
        ("2026-03-04 05:00", NOW),
        ("2026-03-04", NOW - 5 * 3600),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_as_utc(typed: str, at: float | None) -> None:
    assert moment(typed) == at


def test_what_is_no_filter_is_left_out() -> None:
    wanted = wanted_of({"kind": "odd", "since": "never", "before": "x", "gate": "x5"}, ("C", "P"))
    assert (wanted.kind, wanted.since, wanted.gate, wanted.control_id, wanted.placer) == ("", None, "X5", "C", "P")
    assert kept({"route": "a&b", "evil": "x", "gate": ""}, before="7") == "route=a%26b&before=7"


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "٣"])
def test_a_page_number_that_is_none_is_the_first_page(stage: Stage, before: str) -> None:
    assert log.part(stage.desk, stage.visit(query={"before": before})).status == 200
