"""The closed sets agree with each other."""

from hl7calf.wire import codes


def test_positive_and_rejecting_codes_are_acknowledgment_codes_and_differ() -> None:
    assert set(codes.AckCode) >= codes.POSITIVE | codes.REJECTED
    assert not codes.POSITIVE & codes.REJECTED
    assert {code.value for code in codes.AckCode} == {"AA", "AE", "AR", "CA", "CE", "CR"}


def test_what_is_judged_is_neither_a_cancel_nor_a_reply() -> None:
    judged = codes.REQUESTS | codes.CHANGES
    assert {"NW", "RO", "XO"} <= judged
    assert not judged & (codes.CANCELS | codes.REPLIES | codes.NUMBER_REQUESTS | codes.PARENTS)
    assert not codes.CANCELS & codes.REPLIES
    assert codes.FILLER_CHANGES <= codes.REPLIES


def test_every_error_code_is_a_number_with_a_text() -> None:
    assert all(code.isdigit() and text for code, text in codes.ERRORS.items())
    assert codes.ERRORS["207"] == "Application internal error"
