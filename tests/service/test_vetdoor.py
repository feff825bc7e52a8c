import io
import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.web.server import NOT_DONE_YET

from hl7calf.calf.verdict import Fault, nothing_remembered
from hl7calf.service.vetdoor import VetDoor, header_text
from tests.service.doubles import InlineWorker, message, order, rule, simple_vet, upgraded


class Request:
    def __init__(self, body: bytes, **headers: str) -> None:
        self.content = io.BytesIO(body)
        self.method = b"POST"
        self.sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        self.headers: dict[bytes, bytes] = {}
        self.code = 200
        self.body = b""
        self.finished = False
        self.leaving: Deferred[Any] = Deferred()

    def getHeader(self, name: bytes) -> bytes | None:
        return self.sent.get(name)

    def setHeader(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value

    def setResponseCode(self, code: int) -> None:
        self.code = code

    def notifyFinish(self) -> "Deferred[Any]":
        return self.leaving

    def write(self, data: bytes) -> None:
        self.body += data

    def finish(self) -> None:
        self.finished = True


def door(worker: InlineWorker | None = None, **more: Any) -> Any:
    describe = lambda verdict: {"action": verdict.action.value, "outbound": len(verdict.outbound)}  # noqa: E731  # short
    return VetDoor(more.get("the_rule") or rule(), worker or InlineWorker(), nothing_remembered, describe)  # type: ignore[arg-type]


def ask(request: Request, **more: Any) -> Request:
    answer = door(**more).render(request)
    if answer != NOT_DONE_YET:
        request.body = answer
    return request


def test_the_answer_is_the_message_as_it_would_be_sent() -> None:
    request = ask(Request(order(), content_type="application/hl7-v2; charset=utf-8"))
    assert (request.code, request.body, request.finished) == (200, upgraded(order()).outbound, True)
    assert request.headers[b"x-hl7calf-action"] == b"upgrade"
    assert request.headers[b"x-hl7calf-reasons"] == b"upgraded"
    assert request.headers[b"content-type"] == b"application/hl7-v2; charset=utf-8"


def test_what_is_not_for_us_comes_back_as_it_came() -> None:
    odd = order(text="caf\u00e9").replace("\u00e9".encode(), b"\xe9\x1c")
    assert ask(Request(odd)).body == odd


def test_json_is_answered_where_it_is_asked_for() -> None:
    request = ask(Request(order(), accept="application/json"))
    assert json.loads(request.body) == {"action": "upgrade", "outbound": len(order())}
    assert request.headers[b"content-type"] == b"application/json"


@pytest.mark.parametrize("accept", ["", "application/json"])
def test_what_cannot_be_read_is_answered_400_with_the_fault(accept: str) -> None:
    request = ask(Request(b"KANARIENVOGEL", accept=accept))
    assert request.code == 400 and b"H_NO_MSH" in request.body
    assert b"KANARIENVOGEL" not in request.body
    if accept:
        assert json.loads(request.body)["fault"]["code"] == "H_NO_MSH"


def test_when_vetting_fails_the_original_comes_back_with_the_reason() -> None:
    worker = InlineWorker(at_once=False)
    request = Request(order())
    assert door(worker=worker).render(request) == NOT_DONE_YET
    worker.asked[0][1](None, Fault("V_TIMEOUT", "took too long", "AA"), 1.0)
    assert (request.code, request.body) == (200, order())
    assert request.headers[b"x-hl7calf-action"] == b"pass"
    assert request.headers[b"x-hl7calf-reasons"] == b"took too long"


def test_only_post_is_understood() -> None:
    request = Request(b"")
    request.method = b"GET"
    assert b"POST" in door().render(request)
    assert (request.code, request.headers[b"allow"]) == (405, b"POST")


def test_who_left_meanwhile_is_not_written_to() -> None:
    worker = InlineWorker(at_once=False)
    request = Request(order())
    door(worker=worker).render(request)
    request.leaving.errback(ConnectionError())
    worker.work()
    assert not request.finished


def test_it_works_while_the_rule_is_off_and_never_switches_it_off() -> None:
    one = rule(vet=simple_vet)
    for _ in range(5):
        one.failed("V_FAILED", "orders", 0.0)
    assert ask(Request(order()), the_rule=one).headers[b"x-hl7calf-action"] == b"upgrade"


def test_a_reason_becomes_a_header_without_any_trick() -> None:
    assert header_text("a\r\nSet-Cookie: x\u00e9") == b"a??Set-Cookie: x?"
    assert len(header_text("x" * 5000)) == 2000
    assert message()
