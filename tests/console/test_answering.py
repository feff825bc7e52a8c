import pytest

from hl7calf.console.answering import cookie_name, plain, set_cookie
from hl7calf.console.visit import PLAIN


def test_a_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    assert set_cookie("abc", is_https=False) == "hl7calf=abc; Path=/; HttpOnly; SameSite=Strict"


def test_over_tls_it_is_bound_to_tls_and_host() -> None:
    assert set_cookie("abc", is_https=True) == "__Host-hl7calf=abc; Path=/; HttpOnly; SameSite=Strict; Secure"


def test_an_empty_value_takes_it_away() -> None:
    assert set_cookie("", is_https=False).endswith("; Max-Age=0")


@pytest.mark.parametrize(("is_https", "name"), [(True, "__Host-hl7calf"), (False, "hl7calf")])
def test_the_name_tells_browsers_what_it_is_bound_to(is_https: bool, name: str) -> None:
    assert cookie_name(is_https) == name


def test_a_short_answer_is_plain_text() -> None:
    answer = plain(403, "<b>no</b>")
    assert (answer.status, answer.body, answer.content_type) == (403, "<b>no</b>\n", PLAIN)
