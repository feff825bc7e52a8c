import pytest

from hl7calf.console.guard import (
    CSP,
    HEADERS,
    digest_of,
    form_token,
    hosts_of,
    new_token,
    refuse_host,
    refuse_origin,
    same_secret,
)

ORIGINS = ("https://calf.example.org", "http://127.0.0.1:9576")


def test_hosts_are_those_of_the_origins_with_and_without_a_default_port() -> None:
    assert hosts_of(ORIGINS) == {"calf.example.org", "calf.example.org:443", "127.0.0.1:9576"}
    assert hosts_of(["http://h:80"]) == {"h", "h:80"}


@pytest.mark.parametrize("host", ["calf.example.org", "CALF.example.org:443", "127.0.0.1:9576"])
def test_an_own_host_is_answered(host: str) -> None:
    assert refuse_host(host, hosts_of(ORIGINS)) == ""


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "calf.example.org.evil.example", "127.0.0.1", "calf.example.org:80"]
)
def test_a_foreign_host_is_refused(host: str | None) -> None:
    assert refuse_host(host, hosts_of(ORIGINS))


@pytest.mark.parametrize("origin", ["https://calf.example.org", "HTTPS://CALF.EXAMPLE.ORG", "http://127.0.0.1:9576"])
def test_an_own_origin_may_post(origin: str) -> None:
    assert refuse_origin(origin, "same-origin", ORIGINS) == ""
    assert refuse_origin(origin, None, ORIGINS) == ""


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "http://calf.example.org", "https://evil.example", "https://calf.example.org.evil.example"],
)
def test_a_foreign_or_missing_origin_is_refused(origin: str | None) -> None:
    assert refuse_origin(origin, "same-origin", ORIGINS)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_what_the_browser_says_comes_from_elsewhere_is_refused(site: str) -> None:
    assert refuse_origin(ORIGINS[0], site, ORIGINS)


def test_tokens_have_256_bits_and_differ() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == 43 for token in tokens)


def test_secrets_are_compared_whole() -> None:
    assert same_secret("abc", "abc")
    assert not any(same_secret(given, "abc") for given in (None, "", "ab", "abcd", "abC", "\udcff"))


def test_a_form_token_belongs_to_one_cookie_and_one_key() -> None:
    assert form_token(b"k", "cookie") == form_token(b"k", "cookie")
    assert len({form_token(b"k", "a"), form_token(b"k", "b"), form_token(b"l", "a")}) == 3


def test_a_cookie_is_kept_as_a_digest() -> None:
    assert len(digest_of("cookie")) == 32
    assert b"cookie" not in digest_of("cookie")


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    assert CSP.startswith("default-src 'self'")
    assert "unsafe" not in CSP
    assert "http" not in CSP
    assert "frame-ancestors 'none'" in CSP
    assert "form-action 'self'" in CSP
    assert "base-uri 'none'" in CSP


def test_every_answer_forbids_sniffing_framing_and_keeping() -> None:
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["X-Frame-Options"] == "DENY"
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["Referrer-Policy"] == "same-origin"  # under no-referrer browsers send `Origin: null` with our forms


def test_the_policy_lets_a_page_have_its_own_files_and_nothing_else() -> None:
    from hl7calf.console.guard import CSP, HSTS

    rules = dict(rule.strip().split(" ", 1) for rule in CSP.split(";"))
    own, none = "'self'", "'none'"
    assert rules == {
        "default-src": own, "script-src": own, "style-src": own, "img-src": own, "connect-src": own,
        "form-action": own, "font-src": none, "object-src": none, "base-uri": none, "frame-ancestors": none,
    }  # fmt: skip
    assert HSTS == "max-age=31536000"
