from hl7calf.console.sessions import LISTS, LONGEST_S, MOST_SESSIONS, Sessions


def test_a_session_is_found_by_its_cookie_alone() -> None:
    sessions = Sessions(900)
    cookie, session = sessions.open("otto", 0.0)
    assert sessions.find(cookie, 1.0) is session
    assert sessions.find(cookie + "x", 1.0) is None
    assert sessions.find(None, 1.0) is None
    assert sessions.find("", 1.0) is None


def test_no_cookie_is_kept_as_it_is() -> None:
    sessions = Sessions(900)
    cookie, _ = sessions.open("otto", 0.0)
    assert cookie.encode() not in sessions._by_digest


def test_an_idle_session_ends_and_looking_does_not_count_as_activity() -> None:
    sessions = Sessions(900)
    cookie, _ = sessions.open("otto", 0.0)
    assert sessions.find(cookie, 899.0)
    assert sessions.find(cookie, 901.0) is None
    assert sessions.find(cookie, 0.0) is None


def test_activity_keeps_it_alive_but_not_beyond_a_shift() -> None:
    sessions = Sessions(900)
    cookie, session = sessions.open("otto", 0.0)
    at = 0.0
    while at < LONGEST_S:
        assert sessions.find(cookie, at)
        session.active_at = at
        at += 600
    assert sessions.find(cookie, LONGEST_S + 1) is None


def test_signing_out_ends_every_session_of_a_user() -> None:
    sessions = Sessions(900)
    cookies = [sessions.open("otto", 0.0)[0] for _ in range(3)]
    other, _ = sessions.open("vera", 0.0)
    assert sessions.close_all_of("otto") == 3
    assert not any(sessions.find(cookie, 1.0) for cookie in cookies)
    assert sessions.find(other, 1.0)
    sessions.close(other)
    assert sessions.find(other, 1.0) is None


def test_the_number_of_sessions_is_bounded() -> None:
    sessions = Sessions(900)
    for _ in range(MOST_SESSIONS + 10):
        sessions.open("otto", 0.0)
    assert len(sessions._by_digest) == MOST_SESSIONS
    sessions.open("otto", 10_000.0)
    assert len(sessions._by_digest) == 1


def test_a_reveal_holds_for_its_message_and_its_time() -> None:
    _, session = Sessions(900).open("rahel", 0.0)
    session.reveal(5, 600.0)
    assert session.may_see(5, 599.0)
    assert not session.may_see(5, 600.0)
    assert not session.may_see(6, 1.0)
    assert not session.may_see(LISTS, 1.0)
    session.hide()
    assert not session.may_see(5, 1.0)


def test_what_was_said_is_said_once() -> None:
    _, session = Sessions(900).open("rahel", 0.0)
    session.said = "done"
    assert (session.take_said(), session.take_said()) == ("done", "")


def test_a_session_lasts_a_shift_at_most_and_signs_in_by_password_unless_told_otherwise() -> None:
    from hl7calf.console.sessions import LISTS, LONGEST_S, MOST_SESSIONS, Session

    assert (LONGEST_S, MOST_SESSIONS, LISTS) == (12 * 60 * 60, 1000, 0)
    assert not Session("otto", "t", 0.0, 0.0).by_proxy
