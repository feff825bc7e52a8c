"""Advice: what is wrong is named by path, nothing raises or prints, no text of the message is shown."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.wire.conformance import advise, compare
from hl7calf.wire.files import split_messages

GOOD = (
    b"MSH|^~\\&|CPOE|H|RIS|R|20260102||ORM^O01^ORM_O01|C1|P|2.5.1\r"
    b"PID|1||12^^^MRN||DOE^JANE\r"
    b"PV1|1|O\r"
    b"ORC|NW|P1\r"
    b"OBR|1|P1||L1^US VENOUS LIMITED^L\r"
    b"NTE|1|O|please\r"
    b"DG1|1||M61.4|||A\r"
    b"OBX|1|TX|A^B||text||||||F\r"
    b"ZDS|1.2.3\r"
)


def test_a_message_as_hl7_wants_it_has_no_finding() -> None:
    assert advise(GOOD).findings == ()
    assert advise(GOOD).count == 0
    assert advise(GOOD.replace(b"\r", b"\n")).findings == ()
    assert advise(b"\xef\xbb\xbf" + GOOD).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"L1^US VENOUS LIMITED^L", b"", "OBR[1]-4: Universal Service Identifier is required"),
        (b"L1^US", b"L1^US^L^a^b^c^d", "OBR[1]-4: has more components than the 6 of CE"),
        (b"US VENOUS", b"V" * 250, "OBR[1]-4: Universal Service Identifier is longer than 250 characters"),
        (b"LIMITED^L\r", b"LIMITED^L~x\r", "OBR[1]-4: Universal Service Identifier may not repeat"),
        (b"ORC|NW", b"ORC|QQ", "ORC[1]-1: is not in table 0119"),
        (b"OBR|1|", b"OBR|one|", "OBR[1]-1: is no set ID"),
        (b"NTE|1|O", b"NTE|1^2|O", "NTE[1]-1: has components, but SI has none"),
        (b"OBX|1|TX|A^B||text|||", b"OBX|1|TX|A^B||text||||high|", "OBX[1]-9: is no number"),
        (b"ORC|NW|P1\rOBR", b"OBR", "OBR[1]: ORM_O01 does not expect it there"),
        (b"ZDS|1.2.3", b"MSA|AA|1", "MSA[1]: is not in ORM_O01 of version 2.5.1"),
        (b"ZDS|1.2.3", b"QQQ|1", "segment 9: version 2.5.1 has none of that name"),
        (b"ZDS|1.2.3", b"some stray text", "1 lines are no segments"),
        (b"NTE|1|O|please", b"NTE|1|O|please|RE|x|y|z", "NTE[1]: has fields after the last of version 2.5.1, NTE-4"),
        (b"2.5.1", b"2.9", "MSH[1]-12: no version the advisor knows, read as 2.5.1"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(old: bytes, new: bytes, finding: str) -> None:
    assert old in GOOD
    found = advise(GOOD.replace(old, new, 1)).findings
    assert finding in found
    assert len(found) <= (5 if b"ORC|NW|P1" in old else 2)  # without ORC nothing of the order fits


def test_other_delimiters_are_read() -> None:
    header, _, body = GOOD.partition(b"\r")
    swapped = bytes.maketrans(b"|^~\\&", b"#*!%@")
    assert advise((header + b"\r" + body).translate(swapped)).findings == ()


def test_an_unreadable_message_has_its_fault_as_finding() -> None:
    assert advise(b"").findings == ("MSH: the payload is empty",)
    assert advise(b"MSH|blah|").count == 1


def test_a_batch_is_judged_segment_by_segment() -> None:
    assert advise(b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + GOOD + b"BTS|1\rFTS|1\r").findings == ()


def test_a_change_that_makes_nothing_worse_has_nothing_new() -> None:
    bad = GOOD.replace(b"NTE|1|O|please", b"NTE|x|O|please").replace(b"ORC|NW", b"ORC|QQ")
    after = bad.replace(b"LIMITED^L", b"COMPLETE^L").replace(b"DG1", b"NTE|2|O|one\rNTE|3|O|two\rDG1")
    found = compare(bad, after)
    assert (found.before, found.after, found.new) == (2, 2, ())


def test_what_a_change_makes_worse_is_new() -> None:
    after = GOOD.replace(b"DG1", b"NTE|x|O|one\rNTE|3|O|two\rDG1").replace(b"L1^US", b"L1^a^b^c^d^e^f^US")
    found = compare(GOOD, after)
    assert (found.before, found.after) == (0, 2)
    assert set(found.new) == {"NTE[2]-1: is no set ID", "OBR[1]-4: has more components than the 6 of CE"}
    assert compare(after, GOOD).new == ()
    assert compare(GOOD, GOOD).new == ()


def test_a_finding_of_the_same_kind_at_another_place_counts_once_more() -> None:
    bad = GOOD.replace(b"NTE|1|O|please", b"NTE|x|O|please")
    found = compare(bad, bad.replace(b"DG1", b"NTE|y|O|one\rDG1"))
    assert (found.before, found.after, len(found.new)) == (1, 2, 1)


def test_no_finding_shows_text_of_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    canary = b"CANARY"
    for place in range(len(GOOD)):
        odd = GOOD[:place] + canary + GOOD[place:]
        assert "CANARY" not in "".join(advise(odd).findings)
    for name in (b"DOE|JANE\r", b"DOE\r"):
        assert "DOE" not in "".join(advise(GOOD + name).findings)
    assert capsys.readouterr() == ("", "")


@given(st.binary(max_size=300))
def test_nothing_makes_the_advisor_raise_or_give_up(data: bytes) -> None:
    for payload in (data, GOOD + data, GOOD[:60] + data, b"MSH|^~\\&|A||||||ORM^O01|1|P|2.3\r" + data):
        assert not any("gave up" in finding for finding in advise(payload).findings)


def test_a_large_message_is_judged_in_bounded_time() -> None:
    started = time.process_time()
    advise(GOOD + b"OBX|1|TX|A||text\r" * 100_000)
    advise(GOOD + b"PV2|x\r" * 5_000)
    advise(GOOD + b"OBX|1|TX|A||" + b"~" * 5_000_000)
    advise(GOOD + b"|" * 500_000)
    assert time.process_time() - started < 5


def test_no_corpus_message_makes_the_advisor_give_up(shared_folder: Path) -> None:
    for path in sorted(path for path in shared_folder.glob("corpus/*/**/*") if path.is_file()):
        for piece in split_messages(path.read_bytes()):
            assert not any("gave up" in finding for finding in advise(piece.payload).findings), path.name


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("12", True), ("12.", True), ("+1.5", True), ("-.5", True), ("1.5.", True),
        ("", True), ("1..", False), ("1.5.2", False), ("1x", False), (".", False), ("9" * 200_000 + "x", False),
    ],
)  # fmt: skip
def test_a_number_is_told_from_what_is_none_in_linear_time(number: str, good: bool) -> None:
    payload = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|1|P|2.5\rPV1|1|O" + b"|" * 44 + number.encode() + b"\r"
    assert any("PV1[1]-46" in finding for finding in advise(payload).findings) is not good
