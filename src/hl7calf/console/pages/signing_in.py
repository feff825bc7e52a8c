"""Signing in and out.

Law: the answer to a wrong name, a wrong password and a wrong code is the same sentence after the same work; only
waiting is said aloud. A new session has a new cookie, so none that somebody planted before is ever signed in.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from hl7calf.console.desk import Desk
from hl7calf.console.guard import form_token, new_token
from hl7calf.console.text import age
from hl7calf.console.totp import matching_step
from hl7calf.console.users import User, verify_password
from hl7calf.console.visit import Answer, Visit
from hl7calf.errors import JournalError

WRONG = "That did not work. Check the name, the password and, if you use one, the code."
WHY = {"idle": "You were signed out because nothing was asked for by hand for a while.", "out": "You are signed out."}


@dataclass(frozen=True, slots=True)
class Stranger:
    """A request to /sign-in. `form` is empty when the page is only asked for; its token was checked at the door."""

    cookie: str
    address: str
    tick: float
    now: float
    form: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


def answer(desk: Desk, stranger: Stranger) -> Answer:
    """Show the form, or take it."""
    if not stranger.form:
        return _show(desk, stranger, WHY.get(stranger.query.get("why", ""), ""))
    name = stranger.form.get("name", "").strip().lower()[:64]
    pause = desk.throttle.pause_s(name, stranger.address, stranger.tick)
    if pause:
        return _show(desk, stranger, f"Too many tries. Wait {age(pause)}, then try again.", 429)
    user = desk.users.find(name)
    if not _is_right(desk, user, stranger):
        desk.throttle.failed(name, stranger.address, stranger.tick)
        return _show(desk, stranger, WRONG, 401)
    desk.throttle.succeeded(name, stranger.address)
    desk.sessions.close(stranger.cookie)
    cookie, _ = desk.sessions.open(name, stranger.tick)
    note(desk, "sign-in", name, {"by": "password and code" if user is not None and user.totp else "password"})
    return Answer(status=303, location="/", cookie=cookie)


def leave(desk: Desk, visit: Visit) -> Answer:
    """End every session of this user: whoever leaves one screen means all."""
    desk.sessions.close_all_of(visit.user)
    note(desk, "sign-out", visit.user, {})
    return Answer(status=303, location="/sign-in?why=out", cookie="")


def note(desk: Desk, kind: str, user: str, details: Mapping[str, str]) -> None:
    """Write into the log who came and went; a journal that cannot be written keeps nobody out.

    Who was refused is not written: it would tell known names from unknown ones by the time it takes.
    """
    with suppress(JournalError):
        desk.journal.record(kind, user, "", details)


def _is_right(desk: Desk, user: User | None, stranger: Stranger) -> bool:
    right = verify_password(user, stranger.form.get("password", ""))
    if not right or user is None:
        return False
    if not user.totp:
        return True
    step = matching_step(user.totp, stranger.form.get("code", ""), stranger.now, desk.totp_steps.get(user.name, -1))
    if step is None:
        return False
    desk.totp_steps[user.name] = step
    return True


def _show(desk: Desk, stranger: Stranger, why: str, status: int = 200) -> Answer:
    """Draw the form. Its token belongs to a cookie that the browser gets with it, if it has none."""
    cookie = stranger.cookie or new_token()
    drawn = desk.templates.draw("sign_in.html", token=form_token(desk.form_key, cookie), why=why, status=status)
    return Answer(drawn, status, cookie=None if stranger.cookie else cookie)
