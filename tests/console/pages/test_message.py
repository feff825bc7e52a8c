import pytest

from hl7calf.console.options import Role
from hl7calf.console.pages import message
from hl7calf.console.pages.message import actions_for, can_review
from hl7calf.console.pages.review import decided_messages
from hl7calf.console.sessions import Session
from hl7calf.console.visit import Answer
from hl7calf.service.journal.jobs import Limits, Purge
from tests.console.browsing import answering
from tests.console.stage import NOW, Stage, do, hold_back

UPGRADED, ANNOTATED, REVIEW, PASSED, PARKED, BROKEN = 1, 2, 3, 4, 5, 6
PATIENT = ("SAMPLE", "ANNA", "T1001", "19620415", "SAMPLE STREET", "EXAMPLE^DORA", "V2026-0302", "Right calf pain")


def show(stage: Stage, number: int, role: Role = Role.OPERATOR, **more: object) -> Answer:
    return message.show(stage.desk, stage.visit(f"/message/{number}", role, args={"number": str(number)}, **more))


def post(stage: Stage, page: str, number: int, role: Role = Role.OPERATOR, **form: str) -> tuple[Answer, str]:
    visit = stage.visit(f"/message/{number}/{page}", role, args={"number": str(number)}, form=form)
    answer = getattr(message, page)(stage.desk, visit)
    return answer, visit.session.said


def test_what_was_decided_is_shown_and_nothing_of_the_patient(stage: Stage) -> None:
    body = show(stage, UPGRADED).body
    for told in (
        "IMG5521",
        "IMG5531",
        "NTE|1|O|HL7CALF",
        "answered <b>AA</b>",
        "delivered",
        "EPIC / NORTHGEN",
        "witness ok",
        "limited protocol",
    ):
        assert told in body, told
    for secret in (*PATIENT, "UPG-EPIC-01", "E700101"):
        assert secret not in body, secret


def test_every_message_can_be_shown(stage: Stage) -> None:
    for number in range(1, 7):
        assert show(stage, number).status == 200
    assert "could not" not in show(stage, PASSED).body
    assert "H_NO_MSH" in show(stage, BROKEN).body


def test_a_message_that_is_not_there_is_404(stage: Stage) -> None:
    assert show(stage, 999).status == 404


def test_revealing_needs_a_purpose_is_recorded_first_and_shows_all_marked(stage: Stage) -> None:
    visit = stage.visit(role=Role.REVIEWER, args={"number": "1"}, form={"purpose": "A call about this order"})
    assert message.reveal(stage.desk, visit).location == "/message/1"
    [entry] = stage.desk.archive.decisions(("reveal",), 0.0)
    assert entry.content["user"] == "rahel"
    assert entry.content["reason"] == "A call about this order"
    assert entry.content["details"] == {"what": "message", "message": "1"}
    answer = show(stage, 1, Role.REVIEWER, session=visit.session)
    for told in (
        "Right <mark",
        "UPG-EPIC-01",
        'class="gone"',
        'class="new"',
        'class="seen"',
        "R/O</mark>",
        "this was recorded",
    ):
        assert told in answer.body, told
    assert answer.refresh == "601"
    assert "SAMPLE^ANNA" not in answer.body, "PID is not part of the order"


def test_a_reveal_is_for_one_message_and_one_while(stage: Stage) -> None:
    visit = stage.visit(role=Role.REVIEWER, args={"number": "1"}, form={"purpose": "x"})
    message.reveal(stage.desk, visit)
    assert "ANN-X6-01" not in show(stage, 2, Role.REVIEWER, session=visit.session).body
    stage.tick[0] += stage.desk.options.reveal_s
    assert "UPG-EPIC-01" not in show(stage, 1, Role.REVIEWER, session=visit.session).body


def test_hiding_hides_at_once(stage: Stage) -> None:
    visit = stage.visit(role=Role.REVIEWER, args={"number": "1"}, form={"purpose": "x"})
    message.reveal(stage.desk, visit)
    visit.session.search = ("A", "B")
    assert message.hide(stage.desk, visit).location == "/"
    assert "UPG-EPIC-01" not in show(stage, 1, Role.REVIEWER, session=visit.session).body
    assert visit.session.search == ("", "")


def test_without_a_purpose_nothing_is_revealed(stage: Stage) -> None:
    answer, said = post(stage, "reveal", 1, purpose=" ")
    assert "nothing was revealed" in said
    assert stage.desk.archive.decisions(("reveal",), 0.0) == []
    assert answer.status == 303


def test_what_cannot_be_recorded_is_not_revealed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(type(stage.desk.journal), "record", fail)
    visit = stage.visit(role=Role.REVIEWER, args={"number": "1"}, form={"purpose": "x"})
    with pytest.raises(OSError, match="disk full"):
        message.reveal(stage.desk, visit)
    assert not visit.session.may_see(1, visit.tick)


def test_the_raw_message_is_plain_text_and_only_after_reveal(stage: Stage) -> None:
    visit = stage.visit(role=Role.REVIEWER, args={"number": "1"}, form={"purpose": "x"})
    assert message.raw(stage.desk, visit).status == 403
    message.reveal(stage.desk, visit)
    answer = message.raw(stage.desk, visit)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.body.startswith("MSH|^~\\&|EPIC|NORTHGEN|")
    assert "PID|1||T1001^^^NORTHGEN^MRN||SAMPLE^ANNA" in answer.body


def test_a_message_without_an_order_is_shown_whole_after_reveal(stage: Stage) -> None:
    visit = stage.visit(role=Role.REVIEWER, args={"number": str(BROKEN)}, form={"purpose": "x"})
    assert "nothing of HL7" not in show(stage, BROKEN).body
    message.reveal(stage.desk, visit)
    assert "MSX|nothing of HL7" in show(stage, BROKEN, Role.REVIEWER, session=visit.session).body


# ---------------------------------------------------------------------------------- what people decide


@pytest.mark.parametrize(("do_", "state"), [("release", "queued"), ("retry", "queued"), ("skip", "rejected")])
def test_an_operator_moves_a_parked_message(stage: Stage, do_: str, state: str) -> None:
    with answering(stage.store):
        answer, said = post(stage, "decide", PARKED, do=do_, reason="agreed with CT", back="waiting")
    assert answer.location == "/waiting"
    assert f"message {PARKED}: parked -> {state}" in said
    moved = stage.desk.journal.message(PARKED)
    assert moved is not None
    assert moved.line.state == state
    assert moved.history[-1].user == "otto"


def test_an_operator_parks_what_is_queued(stage: Stage) -> None:
    with answering(stage.store):
        _, said = post(stage, "decide", REVIEW, do="park", reason="wait for a call")
    assert "queued -> parked" in said


def test_a_reviewer_releases_what_waits_for_review_and_nothing_else(stage: Stage) -> None:
    with answering(stage.store):
        _, said = post(stage, "decide", PARKED, Role.REVIEWER, do="release", reason="fine as ordered")
        assert "parked -> queued" in said
        _, said = post(stage, "decide", REVIEW, Role.REVIEWER, do="skip", reason="x")
        assert "not possible" in said
    [entry] = stage.desk.archive.decisions(("queue",), 0.0)
    assert (entry.message_id, entry.content["details"]["do"]) == (PARKED, "release")
    assert str(PARKED) in decided_messages(stage.desk, 0.0)


@pytest.mark.parametrize("decision", ["keep", "ask-upgrade"])
def test_a_reviewer_notes_a_decision_which_is_in_the_log(stage: Stage, decision: str) -> None:
    answer, said = post(stage, "decide", REVIEW, Role.REVIEWER, do=decision, reason="seen the film", back="review")
    assert answer.location == "/review"
    assert "recorded" in said
    [entry] = stage.desk.archive.decisions(("review",), 0.0)
    assert (entry.content["user"], entry.content["reason"]) == ("rahel", "seen the film")
    assert entry.content["details"]["decision"] == decision
    assert "Somebody has decided about this message before" in show(stage, REVIEW).body


def test_a_quarantined_message_is_marked_as_seen(stage: Stage) -> None:
    _, said = post(stage, "decide", BROKEN, Role.REVIEWER, do="seen", reason="told the sender")
    assert "recorded" in said
    [entry] = stage.desk.archive.decisions(("review",), 0.0)
    assert entry.content["details"]["about"] == "quarantine"


@pytest.mark.parametrize(
    ("number", "role", "do_"),
    [
        (UPGRADED, Role.OPERATOR, "retry"),
        (UPGRADED, Role.OPERATOR, "keep"),
        (BROKEN, Role.REVIEWER, "release"),
        (BROKEN, Role.OPERATOR, "retry"),
        (PARKED, Role.REVIEWER, "skip"),
        (REVIEW, Role.REVIEWER, "park"),
        (PARKED, Role.OPERATOR, "delete"),
        (PARKED, Role.OPERATOR, ""),
    ],
)
def test_what_is_not_possible_is_refused(stage: Stage, number: int, role: Role, do_: str) -> None:
    before = stage.desk.journal.status().head
    _, said = post(stage, "decide", number, role, do=do_, reason="x")
    assert "not possible" in said
    assert stage.desk.journal.status().head == before


@pytest.mark.parametrize(("do_", "state"), [("release", "queued"), ("skip", "rejected")])
def test_an_operator_forwards_an_unreadable_message_as_it_came_or_gives_it_up(
    stage: Stage, do_: str, state: str
) -> None:
    with answering(stage.store):
        _, said = post(stage, "decide", BROKEN, do=do_, reason="agreed with RIS")
    assert f"quarantined -> {state}" in said


def test_without_a_reason_nothing_is_done(stage: Stage) -> None:
    _, said = post(stage, "decide", PARKED, do="skip", reason=" ")
    assert "Say why" in said
    _, said = post(stage, "decide", 999, do="skip", reason="x")
    assert "no such message" in said


def test_roles_see_the_buttons_they_may_use(stage: Stage) -> None:
    parked, reviewed = stage.desk.journal.message(PARKED), stage.desk.journal.message(REVIEW)
    assert parked is not None
    assert reviewed is not None
    assert set(actions_for(parked, Role.OPERATOR)) == {"release", "retry", "skip"}
    assert set(actions_for(parked, Role.REVIEWER)) == {"release"}
    assert actions_for(parked, Role.VIEWER) == {}
    assert not can_review(reviewed, Role.VIEWER)
    assert 'value="skip"' not in show(stage, PARKED, Role.REVIEWER).body
    assert "Reveal for" not in show(stage, PARKED, Role.VIEWER).body


# ------------------------------------------------------------------------------------ released upgraded

CAST, NO_SIDE = "review/x16-cast.hl7", "review/x21-no-side.hl7"


def revealed(stage: Stage, number: int, role: Role = Role.REVIEWER) -> Session:
    visit = stage.visit(role=role, args={"number": str(number)}, form={"purpose": "Deciding a review"})
    message.reveal(stage.desk, visit)
    return visit.session


def test_a_reviewer_who_has_read_a_held_order_releases_it_upgraded(stage: Stage) -> None:
    number = hold_back(stage.store, CAST)
    session = revealed(stage, number)
    before = show(stage, number, Role.REVIEWER, session=session).body
    assert 'value="raise"' in before and "Released upgraded, the code becomes" in before
    visit = stage.visit(role=Role.REVIEWER, args={"number": str(number)}, session=session,
                        form={"do": "raise", "reason": "cast comes off first"})  # fmt: skip
    with answering(stage.store):
        message.decide(stage.desk, visit)
    assert session.said == f"message {number}: parked -> queued; 0 others affected"
    after = stage.desk.journal.message(number)
    assert after is not None and after.outbound != after.inbound and after.intact
    page = show(stage, number, Role.REVIEWER, session=session).body
    assert "rahel: cast comes off first" in page and 'value="raise"' not in page
    assert str(number) in decided_messages(stage.desk, 0.0)
    [entry] = stage.desk.archive.decisions(("raised",), 0.0)
    assert entry.content["user"] == "rahel"


def test_nobody_releases_upgraded_what_they_have_not_read(stage: Stage) -> None:
    number = hold_back(stage.store, CAST)
    body = show(stage, number, Role.REVIEWER).body
    assert 'value="raise"' not in body and "reveal it and read it first" in body
    _, said = post(stage, "decide", number, Role.REVIEWER, do="raise", reason="x")
    assert "read it first; nothing was done" in said


def test_why_an_order_cannot_be_released_upgraded_is_told(stage: Stage) -> None:
    number = hold_back(stage.store, NO_SIDE)
    body = show(stage, number, Role.REVIEWER, session=revealed(stage, number)).body
    assert 'value="raise"' not in body
    assert "cannot be released upgraded: order 1: X21 the side is missing" in body


@pytest.mark.parametrize(("role", "place"), [(Role.VIEWER, CAST), (Role.REVIEWER, "")])
def test_release_upgraded_is_for_reviewers_and_for_what_is_held(stage: Stage, role: Role, place: str) -> None:
    number = hold_back(stage.store, place) if place else REVIEW
    before = stage.desk.journal.status().head
    _, said = post(stage, "decide", number, role, do="raise", reason="x")
    assert "not possible" in said and stage.desk.journal.status().head == before


def test_what_is_held_is_released_and_not_just_noted(stage: Stage) -> None:
    number = hold_back(stage.store, CAST)
    _, said = post(stage, "decide", number, Role.REVIEWER, do="keep", reason="x")
    assert "not possible" in said


# --------------------------------------------------------------------------------------- log entries


def test_an_entry_stays_when_its_message_was_forgotten(stage: Stage) -> None:
    do(stage.store, Purge(NOW + 1, Limits(message_age_s=0.0)))
    assert show(stage, UPGRADED).status == 404
    answer = message.show_entry(stage.desk, stage.visit(args={"number": "2"}))
    assert "its bytes were forgotten" in answer.body
    assert "IMG5531" in answer.body
    assert "UPG-EPIC-01" not in answer.body


def test_an_entry_of_a_decision_is_shown(stage: Stage) -> None:
    body = message.show_entry(stage.desk, stage.visit(args={"number": "1"})).body
    assert "go live" in body
    assert message.show_entry(stage.desk, stage.visit(args={"number": "999"})).status == 404


def test_damaged_bytes_are_told(stage: Stage) -> None:
    import apsw

    connection = apsw.Connection(str(stage.desk.database))
    connection.execute("UPDATE payload SET inbound = x'00' WHERE message_id = 1")
    connection.close()
    assert "do not match their checksum" in show(stage, UPGRADED).body
