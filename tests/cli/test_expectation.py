from pathlib import Path

import pytest

from hl7calf.cli.expectation import Expected, compare_ack, compare_received, read_expected
from hl7calf.cli.failures import Unusable
from hl7calf.cli.sources import Source

IN = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5.1\rOBR|1|||OLD\r"
OUT = IN.replace(b"OLD", b"NEW")
ACK = b"MSH|^~\\&|C|D|A|B|%s||ACK^O01^ACK|%s|P|2.5.1\rMSA|AR|1\rERR|||101\r"


def source(folder: Path, payload: bytes = IN, number: int = 1, **siblings: bytes) -> Source:
    path = folder / "a.hl7"
    path.write_bytes(payload)
    for kind, data in siblings.items():
        (folder / f"a.{kind}.hl7").write_bytes(data)
    return Source(f"a.hl7#{number}", path, number, payload)


def test_without_siblings_the_very_bytes_sent_must_arrive(tmp_path: Path) -> None:
    assert read_expected(source(tmp_path)) == Expected(IN, None)


def test_an_expected_sibling_is_what_must_arrive(tmp_path: Path) -> None:
    assert read_expected(source(tmp_path, expected=OUT)) == Expected(OUT, None)


def test_an_ack_sibling_alone_means_that_nothing_arrives(tmp_path: Path) -> None:
    assert read_expected(source(tmp_path, ack=ACK % (b"1", b"2"))).received is None


def test_the_second_message_of_a_file_has_the_second_of_the_sibling(tmp_path: Path) -> None:
    two = source(tmp_path, number=2, expected=OUT + OUT.replace(b"NEW", b"ALSO"))
    assert b"ALSO" in (read_expected(two).received or b"")


def test_a_sibling_with_too_few_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="holds 1 messages"):
        read_expected(source(tmp_path, number=2, expected=OUT))


def test_an_ack_may_differ_in_time_and_own_control_id_alone() -> None:
    expected = Expected(None, ACK % (b"20260101", b"X1"))
    assert compare_ack(expected, ACK % (b"20271231", b"Y9"), positive=False) is None
    wrong = compare_ack(expected, (ACK % (b"1", b"2")).replace(b"|101", b"|100"), positive=False)
    assert wrong is not None and "- ERR|||101" in wrong and "+ ERR|||100" in wrong


def test_another_message_type_in_an_ack_is_wrong() -> None:
    expected = Expected(None, ACK % (b"1", b"2"))
    assert compare_ack(expected, (ACK % (b"1", b"2")).replace(b"ACK^O01^ACK", b"ACK"), positive=False) is not None


def test_no_answer_where_one_was_expected_is_wrong() -> None:
    assert compare_ack(Expected(None, ACK), b"", positive=False) is not None
    assert compare_ack(Expected(IN, None), b"", positive=False) is not None
    assert compare_ack(Expected(IN, None), ACK, positive=True) is None


def judged(wanted: bytes | None, *received: bytes) -> tuple[str | None, int]:
    faults, unexpected = compare_received([Source("a#1", None, 1, IN)], [Expected(wanted, None)], received)
    return faults[0], unexpected


def test_the_bytes_expected_are_right() -> None:
    assert judged(OUT, OUT) == (None, 0)


def test_one_byte_off_is_wrong_and_shown() -> None:
    fault, unexpected = judged(OUT, OUT.replace(b"NEW", b"NEX"))
    assert fault is not None and "- OBR|1|||NEW" in fault and "+ OBR|1|||NEX" in fault and unexpected == 0


def test_other_segment_ends_are_other_bytes() -> None:
    fault, _ = judged(OUT, OUT.replace(b"\r", b"\n"))
    assert fault is not None and "other segment ends" in fault


def test_what_did_not_arrive_is_wrong() -> None:
    assert judged(OUT) == ("it did not arrive at the receiver", 0)


def test_what_arrived_and_should_not_have_is_wrong() -> None:
    fault, unexpected = judged(None, IN)
    assert fault is not None and unexpected == 1


def test_a_second_copy_is_one_that_nobody_expected() -> None:
    assert judged(OUT, OUT, OUT) == (None, 1)


def test_two_messages_with_one_control_id_are_told_apart_by_their_bytes() -> None:
    first, second = Source("a#1", None, 1, IN), Source("b#1", None, 1, OUT)
    faults, unexpected = compare_received([first, second], [Expected(IN, None), Expected(OUT, None)], [OUT, IN])
    assert (faults, unexpected) == ([None, None], 0)
