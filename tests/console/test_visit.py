from hl7calf.console.options import Role
from hl7calf.console.sessions import Session
from hl7calf.console.visit import HTML, Answer, Visit, see


def test_an_answer_is_a_page_unless_it_says_otherwise() -> None:
    assert (Answer("x").status, Answer("x").content_type, Answer("x").cookie) == (200, HTML, None)


def test_after_a_form_the_browser_is_sent_on() -> None:
    assert (see("/log").status, see("/log").location) == (303, "/log")


def test_a_visit_knows_its_user_and_its_number() -> None:
    visit = Visit("/message/7", Session("otto", "t", 0, 0), Role.OPERATOR, 0.0, 0.0, {"number": "7"})
    assert (visit.user, visit.number("number")) == ("otto", 7)
