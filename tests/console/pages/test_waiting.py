import pytest

from hl7calf.console.options import Role
from hl7calf.console.pages import waiting
from hl7calf.console.sessions import LISTS
from hl7calf.service.journal.jobs import Event
from tests.console.stage import NOW, Stage, arrival, do, shipped_tables, vet


def test_parked_quarantined_and_queued_are_listed(stage: Stage) -> None:
    body = waiting.show(stage.desk, stage.visit()).body
    for told in ("/message/5", "held for review", "/message/6", "H_NO_MSH", "nobody has looked", "/message/3"):
        assert told in body, told


def test_identifiers_are_masked_until_revealed(stage: Stage) -> None:
    assert "REV-X21-01" not in waiting.show(stage.desk, stage.visit()).body
    visit = stage.visit()
    visit.session.reveal(LISTS, visit.tick + 10)
    assert "REV-X21-01" in waiting.show(stage.desk, visit).body


def test_an_operator_decides_here_and_others_do_not(stage: Stage) -> None:
    assert 'value="skip"' in waiting.show(stage.desk, stage.visit()).body
    body = waiting.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
    assert 'value="skip"' not in body
    assert 'value="seen"' in body
    assert "<button" not in waiting.show(stage.desk, stage.visit(role=Role.VIEWER)).body.partition("<main")[2].replace(
        "Reveal identifiers", ""
    ).replace('<button class="plain" title', "")


def test_what_was_seen_says_so(stage: Stage) -> None:
    do(stage.store, Event("review", NOW, {"message": "6", "about": "quarantine", "decision": "seen"}, user="rahel"))
    body = waiting.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
    assert "nobody has looked" not in body
    assert 'value="seen"' not in body


def test_an_empty_store_waits_for_nothing(empty_stage: Stage) -> None:
    assert waiting.show(empty_stage.desk, empty_stage.visit()).body.count("None.") == 3


def test_of_many_unreadable_messages_the_newest_are_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    tables = shipped_tables()
    for number in range(5):
        junk = b"MSX|%d" % number
        do(stage.store, arrival(junk, NOW, vet(junk, tables)))
    body = waiting.show(stage.desk, stage.visit()).body
    assert [number for number in range(6, 12) if f"/message/{number}" in body] == [9, 10, 11]
    assert body.index("/message/11") < body.index("/message/9")
    assert "The newest 3 are shown." in body
