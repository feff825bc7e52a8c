"""A log entry in a line: what was decided and changed, with identifiers masked until they are revealed.

Law: pure. Of an order the codes, the gates and the identifiers; nothing of the patient. Identifiers stay masked
because senders put record numbers into them (docs/promises.md P16).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hl7calf.console.queries import Entry
from hl7calf.console.text import kept_text, masked
from hl7calf.console.wording import told


@dataclass(frozen=True, slots=True)
class GateShown:
    """A gate's code and reason."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class OrderShown:
    """One order of an entry. `before` and `after` are codes, equal when it was left alone."""

    position: int
    control: str
    placer: str
    action: str
    indicated: str
    before: str
    after: str
    notes: int
    gates: tuple[GateShown, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """One entry in a list. `told` is what a decision's entry says; a message's entry has orders instead."""

    sequence: int
    at: float
    kind: str
    route: str
    sender: str
    control_id: str
    message_id: int | None
    action: str
    orders: tuple[OrderShown, ...]
    told: str
    user: str
    fault: str


def entry_summary(entry: Entry, may_see: bool) -> Summary:
    """Return one entry for a list; `may_see` tells that identifiers were revealed."""
    content = entry.content
    fault = content.get("fault")
    return Summary(
        entry.sequence, entry.at, entry.kind, entry.route, kept_text(content.get("sending_facility", "")),
        identifier(content.get("control_id", ""), may_see), entry.message_id or _named_message(content), entry.action,
        tuple(order_shown(order, may_see) for order in content.get("orders", ())), kept_text(told(content)),
        kept_text(str(content.get("user") or "")), kept_text(f"{fault['code']}: {fault['why']}") if fault else "",
    )  # fmt: skip


def order_shown(order: Mapping[str, Any], may_see: bool) -> OrderShown:
    """Return one order of an entry."""
    before, after = code_change(order)
    return OrderShown(
        order["position"], kept_text(order["order_control"]), identifier(order["placer_order_number"], may_see),
        order["action"], order["indicated"], before, after, notes_inserted(order),
        tuple(GateShown(kept_text(gate["code"]), kept_text(gate["why"])) for gate in order["gates"]),
    )  # fmt: skip


def identifier(value: str, may_see: bool) -> str:
    """Return an identifier of the log as it may be shown."""
    text = kept_text(value)
    return text if may_see else masked(text)


def code_change(order: Mapping[str, Any]) -> tuple[str, str]:
    """Return the code in OBR-4 before and after."""
    service = kept_text(order["service"]).partition("^")[0]
    for changed in order["modifications"]:
        if changed["path"].endswith(("-4", "-4.1")) and changed["length"]:
            return _code(changed["before"]) or service, _code(changed["after"])
    return service, service


def notes_inserted(order: Mapping[str, Any]) -> int:
    """Return how many NTE segments were inserted."""
    text = "".join(changed["after"].replace("\n", "\r") for changed in order["modifications"] if not changed["length"])
    return sum(line.startswith("NTE") for line in text.split("\r"))


def _code(components: str) -> str:
    for end, character in enumerate(components):
        if not (character.isalnum() or character in "._-/"):
            return kept_text(components[:end])
    return kept_text(components)


def _named_message(content: Mapping[str, Any]) -> int | None:
    number = str((content.get("details") or {}).get("message", ""))
    return int(number) if number.isdigit() and len(number) < 19 else None
