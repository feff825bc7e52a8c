"""Whoever may not ask learns nothing; whoever may gets every header. Real HTTP bytes, no socket."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from hl7calf.console.options import Proxy, Role
from hl7calf.console.places import PLACES
from hl7calf.console.totp import code_at
from hl7calf.console.users import User, hash_password
from hl7calf.console.visit import Visit
from tests.console.asking import HOST, ORIGIN, Browser, signed_in
from tests.console.stage import PASSWORD, Stage, close_stage, one_of_each, open_stage

ADDRESSES = [place.address.replace("{number}", "1").replace("{name}", "gates.csv") for place in PLACES]
GETS = sorted({a for place, a in zip(PLACES, ADDRESSES, strict=True) if place.method == "GET"})
POSTS = sorted({a for place, a in zip(PLACES, ADDRESSES, strict=True) if place.method == "POST"})


@pytest.fixture
def otto(stage: Stage) -> Browser:
    return signed_in(stage.desk, "otto", PASSWORD)


# ------------------------------------------------------------------------------- Host, Origin, token


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:9577", "localhost.evil.example:9576", ""])
def test_a_foreign_host_gets_403_on_every_page(otto: Browser, host: str) -> None:
    for address in [*GETS, "/sign-in", "/static/console.css", "/no-such-page"]:
        assert otto.ask("GET", address, {"Host": host}).status == 403, address


def test_a_missing_host_gets_403(otto: Browser) -> None:
    assert otto.ask("GET", "/", {"Host": None}).status in (400, 403)


def test_two_hosts_get_403(otto: Browser) -> None:
    assert b" 403 " in otto.send(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\n\r\n".encode())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"https://{HOST}", f"{ORIGIN}.evil.example", None])
def test_a_foreign_or_missing_origin_gets_403_on_every_form(otto: Browser, origin: str | None) -> None:
    for address in [*POSTS, "/sign-in"]:
        assert otto.post(address, {"Origin": origin}).status == 403, address


def test_a_form_sent_from_another_site_gets_403(otto: Browser) -> None:
    assert otto.post("/hide", {"Sec-Fetch-Site": "cross-site"}).status == 403
    assert otto.post("/hide", {"Sec-Fetch-Site": "same-origin"}).status == 303


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
def test_a_wrong_token_gets_403_on_every_form(otto: Browser, token: str) -> None:
    for address in [*POSTS, "/sign-in"]:
        assert otto.post(address, token=token).status == 403, address


def test_a_missing_token_gets_403_on_every_form(otto: Browser) -> None:
    for address in [*POSTS, "/sign-in"]:
        assert otto.ask("POST", address, body=b"reason=x").status == 403, address


def test_the_token_of_another_session_gets_403(stage: Stage, otto: Browser) -> None:
    rahel = signed_in(stage.desk, "rahel", PASSWORD)
    otto.token = rahel.token
    assert otto.post("/hide").status == 403


def test_the_right_token_is_taken(otto: Browser) -> None:
    assert otto.post("/hide").status == 303


# ---------------------------------------------------------------------------------- login before all


def test_a_stranger_sees_the_sign_in_page_and_nothing_else(stage: Stage) -> None:
    for address in [*GETS, "/no-such-page", "/message/999999"]:
        reply = Browser(stage.desk).get(address)
        assert (reply.status, reply.header("location")) == (303, "/sign-in"), address
        assert reply.body == ""


def test_a_stranger_gets_403_on_every_form_whatever_exists(stage: Stage) -> None:
    for address in [*POSTS, "/no-such-page"]:
        assert Browser(stage.desk).post(address, token="x").status == 403, address


def test_the_body_of_a_stranger_is_never_parsed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object, **__: object) -> list[tuple[str, str]]:
        raise AssertionError("parsed before login")

    monkeypatch.setattr("hl7calf.console.door.parse_qsl", parse)
    assert Browser(stage.desk).post("/message/1/decide", do="skip", reason="x").status == 403


def test_a_page_that_refreshes_itself_is_told_to_sign_in(stage: Stage) -> None:
    reply = Browser(stage.desk).get("/part/log", HX_Request="true")
    assert reply.status == 401
    assert reply.header("hx-redirect") == "/sign-in?why=idle"


def test_signed_in_people_get_every_page(otto: Browser) -> None:
    for address in GETS:
        if not address.endswith("/raw"):
            assert otto.get(address).status == 200, address


def test_an_unknown_page_is_404_for_who_is_signed_in(otto: Browser) -> None:
    for address in (
        "/nothing",
        "/message/abc",
        "/message/-1",
        "/mappings/../../etc/passwd",
        "/static/../users.py",
        "/message/1/",
    ):
        assert otto.get(address).status == 404, address


# --------------------------------------------------------------------------------------- signing in


def test_signing_in_sets_a_cookie_that_scripts_and_other_sites_cannot_use(stage: Stage) -> None:
    browser = Browser(stage.desk)
    reply = browser.sign_in("otto", PASSWORD)
    cookie = reply.header("set-cookie")
    assert reply.status == 303
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert "Domain" not in cookie


def test_over_tls_the_cookie_is_for_tls_and_this_host_alone(tmp_path: Path) -> None:
    stage = open_stage(tmp_path, origins=("https://calf.example.org",))
    browser = Browser(stage.desk)
    reply = browser.ask("GET", "/sign-in", {"Host": "calf.example.org"})
    assert reply.header("set-cookie").startswith("__Host-hl7calf=")
    assert "Secure" in reply.header("set-cookie")
    assert reply.header("strict-transport-security") == "max-age=31536000"
    close_stage(stage)


def test_the_cookie_from_before_signing_in_is_worth_nothing_after(stage: Stage) -> None:
    browser = Browser(stage.desk)
    browser.get("/sign-in")
    planted = browser.cookie
    browser.post("/sign-in", name="otto", password=PASSWORD)
    assert browser.cookie != planted
    browser.cookie = planted
    assert browser.get("/").status == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [("otto", "wrong password"), ("nobody", PASSWORD), ("", ""), ("otto", ""), ("<script>", PASSWORD)],
)
def test_wrong_names_and_wrong_passwords_get_the_same_answer(stage: Stage, name: str, password: str) -> None:
    reply = Browser(stage.desk).sign_in(name, password)
    assert reply.status == 401
    assert "That did not work" in reply.body
    assert "script>" not in reply.body


def test_a_code_is_asked_of_who_has_a_secret_and_taken_once(stage: Stage) -> None:
    stage.desk.users.put(User("tina", Role.VIEWER, hash_password(PASSWORD), "JBSWY3DPEHPK3PXP"))
    code = code_at(b"Hello!\xde\xad\xbe\xef", int(stage.now[0]) // 30)
    assert Browser(stage.desk).sign_in("tina", PASSWORD).status == 401
    assert Browser(stage.desk).sign_in("tina", PASSWORD, "000000").status == 401
    assert Browser(stage.desk).sign_in("tina", "wrong password", code).status == 401
    assert Browser(stage.desk).sign_in("tina", PASSWORD, code).status == 303
    assert Browser(stage.desk).sign_in("tina", PASSWORD, code).status == 401


def test_guessing_is_slowed_down_also_with_the_right_password(stage: Stage) -> None:
    for _ in range(5):
        assert Browser(stage.desk).sign_in("otto", "wrong password").status == 401
    reply = Browser(stage.desk).sign_in("otto", PASSWORD)
    assert reply.status == 429
    assert "Too many tries" in reply.body
    stage.tick[0] += 3600
    assert Browser(stage.desk).sign_in("otto", PASSWORD).status == 303


def test_signing_out_ends_the_session_and_takes_the_cookie_away(otto: Browser) -> None:
    cookie = otto.cookie
    reply = otto.post("/sign-out")
    assert (reply.status, reply.header("location")) == (303, "/sign-in?why=out")
    assert "Max-Age=0" in reply.header("set-cookie")
    otto.cookie = cookie
    assert otto.get("/").status == 303


def test_an_idle_session_ends_and_an_open_page_does_not_keep_it(stage: Stage, otto: Browser) -> None:
    for _ in range(10):
        stage.tick[0] += 100
        reply = otto.get("/part/overview", HX_Request="true")
    assert reply.status == 401
    assert otto.get("/").status == 303


def test_a_session_ends_when_its_user_is_removed_and_changes_with_the_role(stage: Stage, otto: Browser) -> None:
    stage.desk.users.put(User("otto", Role.VIEWER, stage.desk.users.all()["otto"].password))
    assert otto.post("/mode", mode="observe", reason="x").status == 403
    stage.desk.users.remove("otto")
    assert otto.get("/").status == 303


# ------------------------------------------------------------------------------------------- roles


@pytest.mark.parametrize("name", ["vera", "rahel", "otto"])
def test_a_place_is_closed_to_lower_roles(stage: Stage, name: str) -> None:
    browser, role = signed_in(stage.desk, name, PASSWORD), stage.desk.users.all()[name].role
    for place, address in zip(PLACES, ADDRESSES, strict=True):
        if role.may(place.role) or place.address == "/sign-out":
            continue
        reply = browser.post(address) if place.method == "POST" else browser.get(address)
        assert reply.status == 403, address
        assert "needs the role" in reply.body


# ----------------------------------------------------------------------------------- reverse proxy


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Stage]:
    stage = open_stage(tmp_path, one_of_each, proxy=Proxy((ip_network("10.1.0.0/24"),), "X-Remote-User"))
    yield stage
    close_stage(stage)


def test_a_trusted_proxy_signs_its_users_in(proxied: Stage) -> None:
    browser = Browser(proxied.desk, peer="10.1.0.9")
    assert browser.get("/", X_Remote_User="Otto").status == 200
    assert browser.post("/hide", {"X-Remote-User": "otto"}).status == 303
    [entry] = proxied.desk.archive.decisions(("sign-in",), 0.0)
    assert (entry.content["user"], entry.content["details"]) == ("otto", {"by": "reverse proxy"})


def test_the_header_of_anyone_else_is_worth_nothing(proxied: Stage) -> None:
    for peer in ("10.1.1.9", "127.0.0.1", "192.0.2.1"):
        assert Browser(proxied.desk, peer=peer).get("/", X_Remote_User="otto").status == 303


def test_a_proxy_user_must_be_in_the_users_file(proxied: Stage) -> None:
    assert Browser(proxied.desk, peer="10.1.0.9").get("/", X_Remote_User="mallory").status == 303
    assert Browser(proxied.desk, peer="10.1.0.9").get("/").status == 303


def test_a_proxy_session_ends_when_the_proxy_names_another(proxied: Stage) -> None:
    browser = Browser(proxied.desk, peer="10.1.0.9")
    browser.get("/", X_Remote_User="otto")
    assert "vera" in browser.get("/", X_Remote_User="vera").body
    assert browser.post("/mode", {"X-Remote-User": "otto"}, mode="observe", reason="x").status == 403


def test_two_user_headers_name_nobody(proxied: Stage) -> None:
    browser = Browser(proxied.desk, peer="10.1.0.9")
    raw = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Remote-User: otto\r\nX-Remote-User: vera\r\n\r\n".encode()
    assert b" 303 " in browser.send(raw)


# ---------------------------------------------------------------------------------- shape of things


def test_only_plain_forms_are_read(otto: Browser) -> None:
    for kind in ("multipart/form-data; boundary=x", "application/json", "text/xml", "text/plain", ""):
        assert otto.post("/hide", {"Content-Type": kind}).status == 415, kind
    assert otto.post("/hide", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}).status == 303


def test_a_form_that_cannot_be_read_is_400(otto: Browser) -> None:
    for body in (b"token=\xff", b"&".join(b"a=1" for _ in range(100)), b"a=%ff"):
        assert otto.ask("POST", "/hide", body=body).status == 400, body[:20]


def test_other_methods_get_405(otto: Browser) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        assert otto.ask(method, "/").status == 405, method


def test_head_has_the_headers_and_no_body(otto: Browser) -> None:
    reply = otto.ask("HEAD", "/")
    assert (reply.status, reply.body) == (200, "")
    assert int(reply.header("content-length")) > 1000


def test_every_answer_has_the_security_headers_and_none_is_kept(stage: Stage, otto: Browser) -> None:
    stranger = Browser(stage.desk)
    replies = [otto.get(a) for a in (*GETS, "/nothing")] + [stranger.get("/"), stranger.get("/sign-in"), otto.post("/hide"),
               otto.ask("GET", "/", {"Host": "evil.example"}), otto.post("/hide", token="wrong")]  # fmt: skip
    for reply in replies:
        assert reply.header("content-security-policy").startswith("default-src 'self'")
        assert "unsafe" not in reply.header("content-security-policy")
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("cache-control") == "no-store"
        assert reply.header("server") == "hl7calf"


def test_static_files_are_served_by_name_alone_and_may_be_kept(stage: Stage) -> None:
    browser = Browser(stage.desk)
    for name, kind in (
        ("console.css", "text/css"),
        ("htmx.min.js", "text/javascript"),
        ("htmx-LICENSE.txt", "text/plain"),
        ("icon.svg", "image/svg"),
    ):
        reply = browser.get(f"/static/{name}")
        assert (reply.status, reply.header("content-type").partition(";")[0].startswith(kind)) == (200, True)
        assert "max-age" in reply.header("cache-control")
    for name in ("", "../door.py", "%2e%2e/door.py", "..%2fdoor.py", "nothing.css"):
        assert browser.get(f"/static/{name}").status == 404, name


def test_a_page_that_fails_tells_its_place_and_nothing_of_the_message(
    stage: Stage, otto: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("CANARY^PATIENT")

    monkeypatch.setattr("hl7calf.console.pages.log.wanted_of", fail)
    reply = otto.get("/log")
    assert reply.status == 500
    assert "KeyError at test_door.py" in reply.body
    assert "CANARY" not in reply.body


def test_a_journal_that_is_not_there_is_503(stage: Stage, otto: Browser) -> None:
    def missing() -> object:
        from hl7calf.errors import JournalError

        raise JournalError("there is no journal in data_dir; has the service run there?")

    stage.desk._journal = None
    stage.desk.open_journal = missing  # type: ignore[assignment]
    reply = otto.get("/")
    assert reply.status == 503
    assert "has the service run there" in reply.body


def test_a_users_file_that_others_may_read_closes_the_console(stage: Stage, otto: Browser) -> None:
    stage.desk.users.path.chmod(0o644)
    stage.desk.users._stamp = None
    assert otto.get("/").status == 500


def test_a_visit_has_the_first_value_of_each_field(
    stage: Stage, otto: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Visit] = []
    real = stage.desk.page
    monkeypatch.setattr(
        type(stage.desk), "page", lambda desk, visit, *a, **k: seen.append(visit) or real(visit, *a, **k)
    )
    otto.get("/log?route=a&route=b&gate=%ff")
    assert dict(seen[0].query) == {"route": "a", "gate": "\ufffd"}
