from hl7calf.console.limits import LONGEST_BODY
from tests.console.asking import HOST, ORIGIN, Browser, signed_in
from tests.console.stage import PASSWORD, Stage

HEAD = (
    f"POST /sign-in HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {ORIGIN}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


def test_a_body_longer_than_any_form_is_refused_before_it_is_sent(stage: Stage) -> None:
    answer = Browser(stage.desk).send(f"{HEAD}Content-Length: {LONGEST_BODY + 1}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_without_a_length_is_refused(stage: Stage) -> None:
    answer = Browser(stage.desk).send(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_what_follows_a_refused_head_is_not_taken_for_a_request(stage: Stage) -> None:
    smuggled = f"GET /sign-in HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    answer = Browser(stage.desk).send(f"{HEAD}Content-Length: 9999999\r\n\r\n".encode() + smuggled)
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_at_the_limit_is_taken(stage: Stage) -> None:
    browser = signed_in(stage.desk, "otto", PASSWORD)
    body = f"token={browser.token}&reason=".encode()
    assert browser.ask("POST", "/hide", body=body + b"x" * (LONGEST_BODY - len(body))).status == 303


def test_two_lengths_are_refused(stage: Stage) -> None:
    answer = Browser(stage.desk).send(f"{HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!".encode())
    assert answer.startswith(b"HTTP/1.1 400 ")
