import base64

import pytest

from hl7calf.console.totp import DIGITS, SECRET_BYTES, code_at, matching_step, new_secret, setup_uri

# RFC 6238, appendix B, the rows of SHA-1; RFC 4226, appendix D
RFC_SECRET = b"12345678901234567890"
RFC_6238 = [
    (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
    (2000000000, "69279037"), (20000000000, "65353130"),
]  # fmt: skip
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
SECRET = base64.b32encode(RFC_SECRET).decode()
NOW = 1_772_600_400.0


@pytest.mark.parametrize(("at", "code"), RFC_6238)
def test_the_vectors_of_rfc_6238_come_out(at: int, code: str) -> None:
    assert code_at(RFC_SECRET, at // 30, digits=8) == code


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_the_vectors_of_rfc_4226_come_out(counter: int, code: str) -> None:
    assert code_at(RFC_SECRET, counter) == code


@pytest.mark.parametrize(("shift", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_a_code_is_good_for_its_step_and_one_either_side(shift: int, good: bool) -> None:
    code = code_at(RFC_SECRET, int(NOW + shift) // 30)
    assert (matching_step(SECRET, code, NOW) is not None) is good


def test_a_code_is_good_once() -> None:
    code = code_at(RFC_SECRET, int(NOW) // 30)
    step = matching_step(SECRET, code, NOW)
    assert step is not None
    assert matching_step(SECRET, code, NOW + 5, after_step=step) is None


def test_spaces_and_case_of_what_was_typed_do_not_matter() -> None:
    code = code_at(RFC_SECRET, int(NOW) // 30)
    assert matching_step(SECRET.lower(), f"{code[:3]} {code[3:]}", NOW) is not None


@pytest.mark.parametrize("typed", ["", "000000", "12345", "１２３４５６", "\x00", "9" * 100])
def test_what_is_no_code_is_refused(typed: str) -> None:
    assert matching_step(SECRET, typed, 59.0) is None


def test_a_damaged_secret_lets_nobody_in() -> None:
    assert matching_step("not base32!", "000000", NOW) is None


def test_a_new_secret_has_160_bits_and_differs_each_time() -> None:
    assert len(base64.b32decode(new_secret())) == SECRET_BYTES == 20
    assert new_secret() != new_secret()
    assert DIGITS == 6


def test_the_setup_address_escapes_the_user_name() -> None:
    assert setup_uri("ABC", "a b@c") == "otpauth://totp/hl7calf:a%20b%40c?secret=ABC&issuer=hl7calf"
