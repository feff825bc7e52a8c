"""Log entries as audit messages in the form that IHE ATNA asks for.

Law: pure. An audit message says who did what to which log entry, when and on which node; the entry's hash ties the two
together. No identifier of an order or a patient stands in it: whoever may read those looks the entry up. What a person
or the site decided is told, and every order that was changed; that an order was left alone is not.

Source: message format DICOM PS3.15 §A.5.1, event codes PS3.16 CID 400 and CID 401 [DICOM-Audit]; transport ITI-20
[IHE-ATNA].
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from xml.etree import ElementTree

MESSAGE_ID = "IHE+RFC-3881"  # MSGID of an audit message, ITI-20
OURSELVES = "hl7calf"


class Told(Protocol):
    """What is needed of a log entry here."""

    @property
    def sequence(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def message_id(self) -> int | None: ...

    @property
    def content(self) -> Mapping[str, Any]: ...

    @property
    def hash(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Event:
    """How one kind of entry is told: action (Create, Read, Update, Delete, Execute), event and its type."""

    action: str
    event: tuple[str, str]
    kind: tuple[str, str] | None = None


_ACTIVITY, _ORDER = ("110100", "Application Activity"), ("110109", "Order Record")
_AUTHENTICATION = ("110114", "User Authentication")
_ALERT, _CONFIGURATION = ("110113", "Security Alert"), ("110131", "Software Configuration")
_EVENTS: Mapping[str, _Event] = {
    "start": _Event("E", _ACTIVITY, ("110120", "Application Start")),
    "message": _Event("U", _ORDER),
    "raised": _Event("U", _ORDER),
    "reveal": _Event("R", _ORDER),
    "review": _Event("R", _ORDER),
    "queue": _Event("E", _ORDER),
    "sign-in": _Event("E", _AUTHENTICATION, ("110122", "Login")),
    "sign-out": _Event("E", _AUTHENTICATION, ("110123", "Logout")),
    "replayed": _Event("E", _ORDER),
}
_OTHER = _Event("E", _ALERT, _CONFIGURATION)  # mode, pause, resume, reload, restore, purge, and what is yet to come
_OF_NO_PERSON = frozenset({"parked", "sent-again"})


def is_audited(entry: Told) -> bool:
    """Tell whether an entry is worth an audit message."""
    if entry.kind == "message":
        return bool(entry.content.get("changed"))
    return entry.kind not in _OF_NO_PERSON


def audit_message(entry: Told) -> str:
    """Return one entry as an audit message, in ASCII."""
    content, how = entry.content, _EVENTS.get(entry.kind, _OTHER)
    node = f"{OURSELVES}@{content.get('node', '')}"
    root = ElementTree.Element("AuditMessage")
    event = _add(root, "EventIdentification", EventActionCode=how.action, EventDateTime=str(content.get("time", "")),
                 EventOutcomeIndicator="0")  # fmt: skip
    _code(event, "EventID", "DCM", *how.event)
    if how.kind is not None:
        _code(event, "EventTypeCode", "DCM", *how.kind)
    _code(event, "EventTypeCode", OURSELVES, entry.kind, entry.kind)
    user = str(content.get("user") or "")
    if user:
        _add(root, "ActiveParticipant", UserID=user, UserIsRequestor="true")
    us = _add(root, "ActiveParticipant", UserID=node, UserIsRequestor="false" if user else "true")
    _code(us, "RoleIDCode", "DCM", "110150", "Application")
    source = _add(root, "AuditSourceIdentification", AuditSourceID=node)
    _add(source, "AuditSourceTypeCode", **{"csd-code": "4"})  # application server; such a digit has no code system
    _object(root, entry)
    written: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=False)
    return written.decode("ascii")


def _object(root: ElementTree.Element, entry: Told) -> None:
    """Add the log entry that tells the whole, by number and hash."""
    thing = _add(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=str(entry.sequence),
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole="13",
    )  # system object, security resource
    _code(thing, "ParticipantObjectIDTypeCode", OURSELVES, "entry", "number in the modification log")
    name = f"message {entry.message_id}" if entry.message_id is not None else entry.kind
    _add(thing, "ParticipantObjectName").text = name
    _add(thing, "ParticipantObjectDetail", type="hash", value=b64encode(entry.hash).decode("ascii"))


def _add(parent: ElementTree.Element, name: str, **attributes: str) -> ElementTree.Element:
    kept = {key: "".join(c if c.isprintable() else "?" for c in value) for key, value in attributes.items()}
    return ElementTree.SubElement(parent, name, kept)


def _code(parent: ElementTree.Element, name: str, system: str, code: str, text: str) -> None:
    ElementTree.SubElement(parent, name, {"csd-code": code, "codeSystemName": system, "originalText": text})
