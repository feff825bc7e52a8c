import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from hl7calf.cli.entries import COLUMNS, LogLines, defused, entry_rows, entry_to_json
from hl7calf.cli.terminal import Terminal
from hl7calf.service.journal.views import LogEntry

ORDER: dict[str, Any] = {
    "position": 1,
    "placer_order_number": "P-1^CPOE",
    "filler_order_number": "",
    "order_control": "NW",
    "service": "USVENLTDL^^L",
    "indicated": "upgrade",
    "action": "upgrade",
    "gates": [],
    "modifications": [
        {
            "path": "OBR[1]-4",
            "offset": 9,
            "length": 3,
            "before": "USVENLTDL^US LIMITED^L",
            "after": "USVENCOML^US COMPLETE^L",
            "why": "",
        },
        {"path": "NTE", "offset": 50, "length": 0, "before": "", "after": "NTE|1|O|a\rNTE|2|O|b\r", "why": ""},
    ],
}


def entry(kind: str = "message", action: str = "upgrade", control_id: str = "A1", **content: Any) -> LogEntry:
    content = {"kind": kind, "sequence": 12, "orders": [ORDER], "action": action, "control_id": control_id, **content}
    return LogEntry(12, 1_800_000_000.0, kind, "orders", action, control_id, 3, content, b"", b"\xab" * 32)


def entry_lines(one: LogEntry, term: Terminal) -> list[str]:
    return list(LogLines(term).of(one))


def heading_line(term: Terminal) -> str:
    return LogLines(term).heading()


def test_an_upgrade_is_one_line_with_the_code_change_and_the_notes() -> None:
    (line,) = entry_lines(entry(), Terminal())
    assert (
        line
        == "2027-01-15 08:00:00  12      orders    A1            P-1^CPOE        upgrade   USVENLTDL -> USVENCOML +2 NTE"
    )
    assert heading_line(Terminal()).index("placer order") == line.index("P-1^CPOE")


def test_the_gate_that_stopped_a_change_is_told() -> None:
    held = {**ORDER, "action": "review", "gates": [{"code": "X16", "why": "a cast"}], "modifications": []}
    (line,) = entry_lines(entry(action="review", orders=[held]), Terminal())
    assert line.endswith("review    X16")


def test_each_order_has_its_line() -> None:
    assert len(list(entry_lines(entry(orders=[ORDER, ORDER, ORDER]), Terminal()))) == 3


def test_the_same_code_with_another_text_is_told_as_such() -> None:
    order = {
        **ORDER,
        "modifications": [{**ORDER["modifications"][0], "before": "93971^LTD^C4", "after": "93971^COMPLETE^C4"}],
    }
    (line,) = entry_lines(entry(orders=[order]), Terminal())
    assert line.endswith("93971, new text")


def test_an_entry_of_another_kind_tells_who_and_why() -> None:
    (line,) = entry_lines(
        entry("mode", "", "", user="kim", reason="night", details={"before": "upgrade", "after": "observe"}), Terminal()
    )
    assert line.endswith("mode      by kim: observe, upgrade before; night")


def test_a_fault_while_vetting_is_told() -> None:
    (line,) = entry_lines(entry(action="pass", orders=[], fault={"code": "V_TIMEOUT", "why": "too slow"}), Terminal())
    assert line.endswith("pass      V_TIMEOUT")


@pytest.mark.parametrize("width", [24, 40, 72])
def test_a_narrow_window_gets_a_few_short_lines(width: int) -> None:
    (text,) = entry_lines(entry(), Terminal(width=width))
    assert heading_line(Terminal(width=width)) == ""
    assert max(map(len, text.split("\n"))) <= width
    assert "USVENCOML" in text


def test_80_columns_keep_the_columns_under_a_line_for_the_day() -> None:
    lines = LogLines(Terminal(width=80))
    day, text = lines.of(entry())
    assert day == "2027-01-15"
    assert text == (
        "08:00:00  12     orders   A1           P-1         upgrade\n          USVENLTDL -> USVENCOML +2 NTE"
    )
    held = {**ORDER, "action": "review", "gates": [{"code": "X16", "why": "a cast"}], "modifications": []}
    (text,) = lines.of(entry(action="review", orders=[held]))
    assert text == "08:00:00  12     orders   A1           P-1         review    X16"
    assert len(lines.heading()) <= 80 and lines.heading().index("action") == text.index("review")


def test_a_line_for_the_day_stands_where_the_day_changes() -> None:
    lines = LogLines(Terminal(width=80))
    days = [next(lines.of(replace(entry(), at=1_800_000_000.0 + hours * 3600))) for hours in (0, 1, 15, 16, 40)]
    assert [day for day in days if len(day) == 10] == ["2027-01-15", "2027-01-16", "2027-01-17"]


def test_long_identifiers_do_not_make_a_line_wider_than_the_window() -> None:
    _, text = entry_lines(entry(control_id="C" * 20), Terminal(width=80))
    assert max(map(len, text.split("\n"))) <= 80
    assert "C" * 20 in text


def test_a_message_cannot_write_to_the_terminal_of_who_reads_the_log() -> None:
    order = {**ORDER, "placer_order_number": "\x1b[2J\u202e"}
    assert "\x1b" not in "".join(
        entry_lines(entry(control_id="A\x1b]0;x\x07\n2027 forged line", orders=[order]), Terminal())
    )
    assert "\n" not in "".join(entry_lines(entry(control_id="A\nforged", orders=[order]), Terminal()))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert defused(start + "cmd|' /C calc'!A0").startswith("'")


def test_an_export_row_reads_back_with_a_cell_for_each_column() -> None:
    written = io.StringIO()
    csv.writer(written).writerows(entry_rows(entry(control_id='=HYPERLINK("x")', user="kim")))
    (row,) = csv.reader(io.StringIO(written.getvalue()))
    told = dict(zip(COLUMNS, row, strict=True))
    assert told["control_id"] == '\'=HYPERLINK("x")'
    assert (told["code_before"], told["code_after"], told["notes_inserted"]) == ("USVENLTDL", "USVENCOML", "2")
    assert told["hash"] == "ab" * 32


def test_an_export_row_of_a_decision_has_its_details() -> None:
    details = {"before": "upgrade", "after": "=observe"}
    (row,) = entry_rows(entry("mode", "", "", orders=[], user="kim", reason="night", details=details))
    told = dict(zip(COLUMNS, row, strict=True))
    assert (told["kind"], told["user"], told["reason"]) == ("mode", "kim", "night")
    assert told["details"] == "before upgrade; after =observe"


def test_json_is_the_entry_with_its_hash_on_one_line() -> None:
    line = entry_to_json(entry(control_id="A\nB\udc80"))
    assert "\n" not in line
    assert json.loads(line)["hash"] == "ab" * 32
