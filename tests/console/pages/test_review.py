from hl7calf.console.options import Role
from hl7calf.console.pages import review
from hl7calf.console.pages.review import decided_messages, undecided, unseen_quarantined
from hl7calf.service.journal.jobs import Event
from tests.console.stage import DAY_S, NOW, Stage, do, hold_back


def decide(stage: Stage, number: int, about: str = "review", decision: str = "keep") -> None:
    details = {"message": str(number), "about": about, "decision": decision}
    do(stage.store, Event("review", NOW, details, user="rahel", reason="seen the film"))


def test_undecided_orders_are_listed_with_their_gates_those_held_back_first_then_the_oldest(stage: Stage) -> None:
    add = hold_back(stage.store, "review/x13-follow-up-of-known-dvt.hl7")
    assert [entry.message_id for entry in undecided(stage.desk, NOW)] == [3, 5, add]
    body = review.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
    assert body.index("/message/5") < body.index(f"/message/{add}") < body.index("/message/3")
    assert "X21" in body
    assert "held back" in body


def test_a_decided_order_leaves_the_queue_and_is_told_below(stage: Stage) -> None:
    decide(stage, 3)
    assert [entry.message_id for entry in undecided(stage.desk, NOW)] == [5]
    body = review.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
    assert "seen the film" in body
    assert decided_messages(stage.desk, NOW - 1) == {"3"}


def test_when_all_is_decided_it_says_so(stage: Stage) -> None:
    decide(stage, 3)
    decide(stage, 5)
    assert "Nothing is undecided." in review.show(stage.desk, stage.visit()).body


def test_old_matters_are_let_go(stage: Stage) -> None:
    assert undecided(stage.desk, NOW + 15 * DAY_S) == []


def test_a_viewer_sees_the_queue_without_buttons(stage: Stage) -> None:
    body = review.show(stage.desk, stage.visit(role=Role.VIEWER)).body
    assert "/message/3" in body
    assert "/decide" not in body


def test_identifiers_are_masked(stage: Stage) -> None:
    body = review.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
    assert "REV-X16-01" not in body
    assert "P-260090" not in body


def test_unreadable_messages_are_unseen_until_somebody_says_so(stage: Stage) -> None:
    assert unseen_quarantined(stage.desk, NOW) == [6]
    decide(stage, 6, "quarantine", "seen")
    assert unseen_quarantined(stage.desk, NOW) == []
