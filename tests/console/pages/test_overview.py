from dataclasses import replace
from datetime import date

import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.console.options import PolicyShown
from hl7calf.console.pages import overview
from hl7calf.console.pages.overview import mode_shown, policy_days
from hl7calf.service.journal.jobs import Event, SetMode, SetPaused
from tests.console.browsing import answering
from tests.console.stage import NOW, Stage, close_stage, do, open_stage


def test_it_tells_mode_policy_service_and_books(stage: Stage) -> None:
    body = overview.show(stage.desk, stage.visit()).body
    for told in (
        "RAD-US-017",
        "approved by Chief of Radiology",
        "set by otto",
        "“go live”",
        "running",
        "balanced",
        "tcp:10.20.0.40:2576",
    ):
        assert told in body, told


def test_it_names_what_needs_a_person(stage: Stage) -> None:
    body = overview.show(stage.desk, stage.visit()).body
    for told in (
        "orders: 1 order held back for a reviewer",
        "a message has waited",
        "1 message could not be read",
        "2 order messages for review",
    ):
        assert told in body, told


def test_an_empty_store_needs_nobody(empty_stage: Stage) -> None:
    assert "Nothing needs a person" in overview.show(empty_stage.desk, empty_stage.visit()).body


def test_a_paused_or_stopped_service_is_grave(empty_stage: Stage) -> None:
    do(empty_stage.store, SetPaused(True, "otto", "restored a backup", NOW))
    body = overview.part(empty_stage.desk, empty_stage.visit()).body
    assert "Forwarding is paused" in body
    assert 'class="needs grave"' in body


def test_a_service_that_does_not_run_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = replace(stage.desk.journal.status(), running=False)  # type: ignore[type-var]
    monkeypatch.setattr(stage.desk.journal, "status", lambda: stopped)
    assert "The service does not run" in overview.show(stage.desk, stage.visit()).body


@pytest.mark.parametrize(
    ("wanted", "valid_until", "in_force", "why"),
    [
        (None, date(2027, 1, 1), "upgrade", ""),
        (Mode.OBSERVE, date(2027, 1, 1), "observe", ""),
        (Mode.UPGRADE, date(2026, 3, 3), "annotate", "the policy has lapsed"),
        (Mode.UPGRADE, date(2026, 3, 4), "upgrade", ""),
        (Mode.ANNOTATE, date(2026, 3, 3), "annotate", ""),
        (Mode.UPGRADE, None, "annotate", "no policy is named in the settings"),
    ],
)
def test_the_mode_in_force_is_held_down_to_what_the_policy_allows(
    tmp_path: object, wanted: Mode | None, valid_until: date | None, in_force: str, why: str
) -> None:
    policy = PolicyShown("P", "1", "chief", valid_until) if valid_until else None
    stage = open_stage(tmp_path, policy_shown=policy)  # type: ignore[arg-type]
    if wanted:
        do(stage.store, SetMode(wanted, "otto", "because", NOW))
    shown = mode_shown(stage.desk.options, stage.desk.journal.status(), stage.desk.today())
    assert (shown.in_force, shown.lowered) == (in_force, why)
    close_stage(stage)


def test_a_policy_that_lapses_soon_is_told(tmp_path: object) -> None:
    stage = open_stage(tmp_path, policy_shown=PolicyShown("P", "1", "chief", date(2026, 3, 14)))  # type: ignore[arg-type]
    assert policy_days(stage.desk.options, stage.desk.today()) == 10
    assert "lapses in 10 days" in overview.show(stage.desk, stage.visit()).body
    close_stage(stage)


def test_the_mode_is_asked_of_the_service_with_who_and_why(stage: Stage) -> None:
    visit = stage.visit("/mode", form={"mode": "observe", "reason": "odd notes"})
    with answering(stage.store):
        answer = overview.set_mode(stage.desk, visit)
    assert (answer.status, answer.location) == (303, "/")
    assert visit.session.said == "mode is observe"
    control = stage.desk.journal.status().control
    assert (str(control.mode), control.mode_user, control.mode_reason) == ("observe", "otto", "odd notes")


@pytest.mark.parametrize(
    "form", [{"mode": "observe"}, {"mode": "observe", "reason": "  "}, {"mode": "destroy", "reason": "x"}, {}]
)
def test_a_mode_without_a_reason_is_not_set(stage: Stage, form: dict[str, str]) -> None:
    visit = stage.visit("/mode", form=form)
    overview.set_mode(stage.desk, visit)
    assert "nothing was changed" in visit.session.said
    assert str(stage.desk.journal.status().control.mode) == "upgrade"


def test_a_service_that_does_not_answer_is_said(stage: Stage) -> None:
    visit = stage.visit("/mode", form={"mode": "observe", "reason": "x"})
    overview.set_mode(stage.desk, visit)
    assert "has not answered" in visit.session.said


def test_a_route_of_the_settings_without_messages_is_listed(stage: Stage) -> None:
    body = overview.show(stage.desk, stage.visit()).body
    do(stage.store, Event("note", NOW))
    assert body.count("<b>orders</b>") == 1


def test_what_may_change_the_mode_is_for_operators(stage: Stage) -> None:
    from hl7calf.console.options import Role

    assert "Change the mode" in overview.show(stage.desk, stage.visit()).body
    assert "Change the mode" not in overview.show(stage.desk, stage.visit(role=Role.REVIEWER)).body
