from typing import Any

from hl7calf.console.queries import Entry, Wanted
from hl7calf.console.summary import code_change, entry_summary, notes_inserted
from tests.console.stage import Stage


def order(**more: Any) -> dict[str, Any]:
    return {"position": 1, "order_control": "NW", "placer_order_number": "P-1^CPOE", "service": "USVENLTDL^^L",
            "action": "upgrade", "indicated": "upgrade", "gates": [], "modifications": [], **more}  # fmt: skip


def change(path: str, before: str, after: str) -> dict[str, Any]:
    return {"path": path, "before": before, "after": after, "offset": 0, "length": len(before), "why": ""}


def test_identifiers_are_masked_until_they_are_revealed(stage: Stage) -> None:
    [entry] = stage.desk.archive.log_page(Wanted(action="upgrade")).entries
    hidden, revealed = entry_summary(entry, False), entry_summary(entry, True)
    assert (hidden.control_id, revealed.control_id) == ("•••-01", "UPG-EPIC-01")
    assert (hidden.orders[0].placer, revealed.orders[0].placer) == ("•••", "E700101^EPC")


def test_the_code_before_and_after_is_told() -> None:
    changed = order(modifications=[change("OBR[1]-4", "USVENLTDL^US^L", "USVENCOML^US^L")])
    assert code_change(changed) == ("USVENLTDL", "USVENCOML")
    assert code_change(order()) == ("USVENLTDL", "USVENLTDL")
    assert code_change(order(service="")) == ("", "")


def test_inserted_note_lines_are_counted() -> None:
    assert notes_inserted(order(modifications=[change("NTE", "", "\rNTE|1|O|a\rNTE|2|O|b")])) == 2
    assert notes_inserted(order(modifications=[change("NTE", "", "\r\nNTE|1|O|a\r\nNTE|2|O|NTE|")])) == 2
    assert notes_inserted(order()) == 0


def test_a_decision_about_a_message_leads_to_it() -> None:
    entry = Entry(5, 0.0, "reveal", "", "", None, {"details": {"message": "17"}, "user": "rahel"}, b"")
    assert entry_summary(entry, False).message_id == 17
    odd = Entry(5, 0.0, "reveal", "", "", None, {"details": {"message": "17<b>"}}, b"")
    assert entry_summary(odd, False).message_id is None


def test_what_a_decision_says_is_made_safe_to_show() -> None:
    entry = Entry(5, 0.0, "mode", "", "", None, {"kind": "mode", "details": {}, "reason": "look\x1b"}, b"")
    assert entry_summary(entry, False).told == "look\\x1b"
