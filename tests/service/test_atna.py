"""Log entries as audit messages: who, what, when, which entry; never an identifier of an order."""

from base64 import b64decode
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from hl7calf.service.atna import MESSAGE_ID, audit_message, is_audited

TIME = "2026-01-01T00:00:00.000000Z"


def entry(kind: str, message_id: int | None = None, **content: Any) -> Any:
    content = {"kind": kind, "node": "node-1", "time": TIME, **content}
    return SimpleNamespace(sequence=7, kind=kind, message_id=message_id, content=content, hash=b"\x01" * 32)


def read(one: Any) -> ElementTree.Element:
    return ElementTree.fromstring(audit_message(one))


@pytest.mark.parametrize(("kind", "action", "event", "types"), [
    ("start", "E", "110100", ["110120", "start"]),
    ("message", "U", "110109", ["message"]),
    ("raised", "U", "110109", ["raised"]),
    ("reveal", "R", "110109", ["reveal"]),
    ("review", "R", "110109", ["review"]),
    ("queue", "E", "110109", ["queue"]),
    ("replayed", "E", "110109", ["replayed"]),
    ("mode", "E", "110113", ["110131", "mode"]),
    ("sign-in", "E", "110114", ["110122", "sign-in"]),
    ("sign-out", "E", "110114", ["110123", "sign-out"]),
    ("purge", "E", "110113", ["110131", "purge"]),
    ("a kind of tomorrow", "E", "110113", ["110131", "a kind of tomorrow"]),
])  # fmt: skip
def test_each_kind_has_its_event(kind: str, action: str, event: str, types: list[str]) -> None:
    root = read(entry(kind))
    found = root.find("EventIdentification")
    assert root.tag == "AuditMessage" and found is not None
    assert (found.get("EventActionCode"), found.get("EventDateTime"), found.get("EventOutcomeIndicator")) == (
        action, TIME, "0",
    )  # fmt: skip
    assert [one.get("csd-code") for one in found.findall("EventID")] == [event]
    assert [one.get("csd-code") for one in found.findall("EventTypeCode")] == types


WHOLE = (
    '<AuditMessage>'
    f'<EventIdentification EventActionCode="E" EventDateTime="{TIME}" EventOutcomeIndicator="0">'
    '<EventID csd-code="110100" codeSystemName="DCM" originalText="Application Activity" />'
    '<EventTypeCode csd-code="110120" codeSystemName="DCM" originalText="Application Start" />'
    '<EventTypeCode csd-code="start" codeSystemName="hl7calf" originalText="start" /></EventIdentification>'
    '<ActiveParticipant UserID="rahel" UserIsRequestor="true" />'
    '<ActiveParticipant UserID="hl7calf@node-1" UserIsRequestor="false">'
    '<RoleIDCode csd-code="110150" codeSystemName="DCM" originalText="Application" /></ActiveParticipant>'
    '<AuditSourceIdentification AuditSourceID="hl7calf@node-1"><AuditSourceTypeCode csd-code="4" />'
    '</AuditSourceIdentification>'
    '<ParticipantObjectIdentification ParticipantObjectID="7" ParticipantObjectTypeCode="2" '
    'ParticipantObjectTypeCodeRole="13"><ParticipantObjectIDTypeCode csd-code="entry" codeSystemName="hl7calf" '
    'originalText="number in the modification log" /><ParticipantObjectName>message 12</ParticipantObjectName>'
    '<ParticipantObjectDetail type="hash" value="AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=" />'
    '</ParticipantObjectIdentification></AuditMessage>'
)  # fmt: skip


def test_a_message_is_this_whole() -> None:
    assert audit_message(entry("start", 12, user="rahel")) == WHOLE
    assert MESSAGE_ID == "IHE+RFC-3881"


def test_each_event_has_its_name() -> None:
    named = {kind: [one.get("originalText") for one in read(entry(kind)).iter("EventID")] for kind in ("queue", "mode")}
    assert named == {"queue": ["Order Record"], "mode": ["Security Alert"]}
    types = [one.get("originalText") for one in read(entry("mode")).iter("EventTypeCode")]
    assert types == ["Software Configuration", "mode"]
    assert read(entry("mode")).findtext(".//ParticipantObjectName") == "mode"


def test_the_parts_stand_in_the_order_of_the_standard() -> None:
    assert [part.tag for part in read(entry("mode", user="otto"))] == [
        "EventIdentification", "ActiveParticipant", "ActiveParticipant", "AuditSourceIdentification",
        "ParticipantObjectIdentification",
    ]  # fmt: skip


def test_a_person_asks_and_we_act_or_we_do_both() -> None:
    told = [
        (p.get("UserID"), p.get("UserIsRequestor")) for p in read(entry("mode", user="otto")).iter("ActiveParticipant")
    ]
    assert told == [("otto", "true"), ("hl7calf@node-1", "false")]
    told = [(p.get("UserID"), p.get("UserIsRequestor")) for p in read(entry("start")).iter("ActiveParticipant")]
    assert told == [("hl7calf@node-1", "true")]


def test_the_entry_is_named_by_number_and_hash() -> None:
    thing = read(entry("raised", 12)).find("ParticipantObjectIdentification")
    assert thing is not None and thing.get("ParticipantObjectID") == "7"
    assert thing.findtext("ParticipantObjectName") == "message 12"
    detail = thing.find("ParticipantObjectDetail")
    assert detail is not None and b64decode(detail.get("value", "")) == b"\x01" * 32


def test_no_identifier_and_no_free_text_of_an_order_is_told() -> None:
    secret = {
        "control_id": "CANARY1", "orders": [{"placer_order_number": "CANARY2", "modifications": [{"after": "CANARY3"}]}],
        "reason": "CANARY4", "sending_facility": "CANARY5",
    }  # fmt: skip
    for kind in ("message", "raised", "reveal", "queue"):
        assert "CANARY" not in audit_message(entry(kind, 12, user="rahel", **secret))


@pytest.mark.parametrize("user", ["a<b>&\"'", "\x00\x1b[31m\r\n", "\ud800", "J\u00f6rg \u202e"])
def test_whatever_a_user_is_called_it_stays_one_line_of_ascii_xml(user: str) -> None:
    told = audit_message(entry("mode", user=user))
    assert told.isascii() and told.isprintable()
    asked = ElementTree.fromstring(told).find("ActiveParticipant")
    assert asked is not None and len(asked.get("UserID", "")) == len(user)


@pytest.mark.parametrize(("one", "is_told"), [
    (entry("message", 1, changed=True), True),
    (entry("message", 1, changed=False), False),
    (entry("raised", 1, changed=True), True),
    (entry("parked", 1), False),
    (entry("sent-again", 1), False),
    (entry("reveal"), True),
    (entry("start"), True),
])  # fmt: skip
def test_what_persons_decide_and_every_change_is_told(one: Any, is_told: bool) -> None:
    assert is_audited(one) is is_told
