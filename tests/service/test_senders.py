from hl7calf.service.senders import MOST_KEPT_BYTES, may_send, not_its_own
from tests.service.doubles import message

OWN = frozenset([b"CPOE|WARD"])


def test_msh_3_and_msh_4_must_be_those_of_the_certificate() -> None:
    assert may_send(message(), OWN)
    assert not may_send(message().replace(b"|CPOE|", b"|HIS|"), OWN)
    assert not may_send(message().replace(b"|WARD|", b"|WARD2|"), OWN)


def test_the_messages_own_separator_does_not_matter() -> None:
    assert may_send(message().replace(b"|", b"#"), OWN)


def test_what_cannot_be_read_is_refused_elsewhere() -> None:
    assert may_send(b"GARBAGE", OWN)


def test_a_message_under_a_foreign_name_is_kept_and_answered() -> None:
    fault = not_its_own(b"x" * 100_000)
    assert (fault.code, fault.answer, fault.close, len(fault.kept)) == ("H_WRONG_SENDER", True, False, MOST_KEPT_BYTES)
