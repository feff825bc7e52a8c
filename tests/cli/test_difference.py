import re

import pytest

from hl7calf.calf.verdict import Action, Evidence, Facts, Fault, Gate, Modification, OrderVerdict, Verdict
from hl7calf.cli.difference import difference, explain_change, headline
from hl7calf.cli.terminal import Terminal

BEFORE = b"MSH|^~\\&|CPOE|A|RIS|B|20260101||ORM^O01|A1|P|2.5.1\rPID|1||123||CANARY^JANE\rORC|NW|P-1^CPOE\rOBR|1|P-1^CPOE||OLD^US VENOUS LIMITED LEFT^L|||||||||calcs in the left calf\rDG1|1\r"
NOTE = b"NTE|1|O|first line\rNTE|2|O|second line\r"
AFTER = BEFORE.replace(b"OLD^US VENOUS LIMITED LEFT", b"NEW^US VENOUS COMPLETE LEFT").replace(b"DG1", NOTE + b"DG1")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def order(**more: object) -> OrderVerdict:
    return OrderVerdict(
        1,
        "P-1^CPOE",
        "NW",
        "OLD",
        Action.UPGRADE,
        more.pop("action", Action.UPGRADE),
        more.pop("gates", ()),
        Facts(missing=("duration",)),  # type: ignore[arg-type]
        (Evidence("calcification", "affirmed", "OBR[1]-13", "calcs", "calcification.csv:12", 1, 5),),
        (Modification("OBR[1]-4", 0, 3, b"OLD", b"NEW", "mapped by study_map.csv:3"),),
    )


def changed() -> Verdict:
    return Verdict(BEFORE, AFTER, "A1", "ORM^O01", "2.5.1", Action.UPGRADE, (order(),))


def unchanged(**more: object) -> Verdict:
    return Verdict(BEFORE, BEFORE, "A1", "ORM^O01", "2.5.1", more.pop("action", Action.PASS), **more)  # type: ignore[arg-type]


def test_only_the_segments_that_change_are_shown() -> None:
    assert difference(BEFORE, AFTER, Terminal()) == [
        "--- as received",
        "+++ as it would be sent",
        "@@ segment 4: OBR @@",
        "-OBR|1|P-1^CPOE||OLD^US VENOUS LIMITED LEFT^L|||||||||calcs in the left calf",
        "+OBR|1|P-1^CPOE||NEW^US VENOUS COMPLETE LEFT^L|||||||||calcs in the left calf",
        "+NTE|1|O|first line",
        "+NTE|2|O|second line",
    ]


def test_what_stands_between_two_changes_is_not_shown() -> None:
    two = BEFORE + BEFORE[BEFORE.index(b"ORC") :]
    shown = "".join(difference(two, two.replace(b"OLD", b"NEW"), Terminal()))
    assert shown.count("@@ segment") == 2
    assert "DG1" not in shown and "ORC" not in shown


def test_no_patient_name_is_on_the_screen() -> None:
    assert "CANARY" not in explain_change(changed(), "x#1", Terminal())


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_any_segment_end_gives_the_same_difference(end: bytes) -> None:
    assert difference(BEFORE.replace(b"\r", end), AFTER.replace(b"\r", end), Terminal()) == difference(
        BEFORE, AFTER, Terminal()
    )


def test_an_inserted_note_alone_says_where_it_goes() -> None:
    after = BEFORE.replace(b"DG1", NOTE + b"DG1")
    assert difference(BEFORE, after, Terminal())[2:] == [
        "@@ inserted before segment 5: NTE @@",
        "+NTE|1|O|first line",
        "+NTE|2|O|second line",
    ]


@pytest.mark.parametrize("width", [24, 40, 80])
def test_a_narrow_window_folds_lines_and_loses_nothing(width: int) -> None:
    lines = difference(BEFORE, AFTER, Terminal(width=width))
    assert max(map(len, lines)) <= max(width, len("@@ inserted before segment 5: NTE @@"))
    assert "".join(line[1:] for line in lines[3:]) == "".join(
        line[1:] for line in difference(BEFORE, AFTER, Terminal())[3:]
    )


def test_colour_only_adds_colour() -> None:
    assert [COLOUR.sub("", line) for line in difference(BEFORE, AFTER, Terminal(colour=True, width=60))] == difference(
        BEFORE, AFTER, Terminal(width=60)
    )


def test_in_colour_the_changed_field_stands_out_and_its_neighbours_do_not() -> None:
    line = difference(BEFORE, AFTER, Terminal(colour=True))[3]
    assert "\x1b[31m\x1b[1m\x1b[7mOLD^US VENOUS LIMITED LEFT^L|" in line
    assert "\x1b[7mOBR" not in line


def test_a_changed_message_tells_order_evidence_gate_and_reason() -> None:
    shown = explain_change(changed(), "x.hl7#1", Terminal())
    assert shown.startswith("x.hl7#1  ORM^O01  A1  upgrade\n---")
    assert "order 1 (P-1^CPOE NW): upgrade" in shown
    assert '  found  calcification affirmed: "calcs" at OBR[1]-13 (calcification.csv:12)' in shown
    assert "  why    mapped by study_map.csv:3" in shown
    assert "  note   not provided by the orderer: duration" in shown


def test_what_the_rule_said_is_told_where_less_was_done() -> None:
    verdict = Verdict(
        BEFORE,
        AFTER,
        "A1",
        "ORM^O01",
        "2.5.1",
        Action.ANNOTATE,
        (order(action=Action.ANNOTATE, gates=(Gate("X23", "no map entry"),)),),
    )
    shown = explain_change(verdict, "x#1", Terminal())
    assert "order 1 (P-1^CPOE NW): annotate, though the rule says upgrade" in shown
    assert "  gate   X23: no map entry" in shown


def test_an_unchanged_message_is_one_line() -> None:
    assert (
        explain_change(unchanged(reasons=("not an order message",)), "x#1", Terminal())
        == "x#1  ORM^O01  A1  pass  not an order message"
    )


def test_a_fault_is_told_with_its_code() -> None:
    verdict = Verdict(b"x", b"x", "", "", "", Action.REFUSE, fault=Fault("H_NO_MSH", "there is no MSH"))
    assert headline(verdict, "x#1", Terminal()) == "x#1  refuse  there is no MSH [H_NO_MSH]"


@pytest.mark.parametrize("width", [24, 40])
def test_the_headline_folds_in_a_narrow_window(width: int) -> None:
    lines = headline(
        unchanged(action=Action.REVIEW, reasons=("a cast, splint or wound limits the exam",)),
        "folder/sample.hl7#1",
        Terminal(width=width),
    ).split("\n")
    assert max(map(len, lines)) <= width
    assert any(line.startswith("  review") for line in lines)


def test_terminal_escapes_in_a_message_are_written_out() -> None:
    hostile = BEFORE.replace(b"calcs", b"\x1b]0;owned\x07calcs")
    verdict = Verdict(
        hostile, hostile.replace(b"OLD", b"NEW"), "A\x1b[2J", "ORM^O01", "2.5.1", Action.UPGRADE, (order(),)
    )
    assert "\x1b" not in explain_change(verdict, "x#1", Terminal())
