"""The one resource: checks who asks before anything of the body is read, then lets a page answer.

Law: in this order: Host, method, Origin, signed in, form small and plain, token, role. Whoever fails one learns
nothing about the next. A page runs in the worker thread; what it raises becomes a page without a traceback and a log
line without any text of it.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from hl7calf.console import guard
from hl7calf.console.answering import cookie_name, plain, write
from hl7calf.console.desk import Desk
from hl7calf.console.pages import signing_in
from hl7calf.console.places import Place, find_place
from hl7calf.console.rendering import static_files
from hl7calf.console.sessions import Session
from hl7calf.console.visit import PLAIN, Answer, Visit, see
from hl7calf.errors import JournalError, SettingsError

MOST_FIELDS = 40
_FORM = "application/x-www-form-urlencoded"
_log = Logger(namespace="hl7calf")
Run = Callable[[Callable[[], Answer]], "Deferred[Answer]"]


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """Whoever asked may not; `answer` says so."""

    answer: Answer


class Door(Resource):
    """Answers every request.

    Args:
        run: calls a function in the worker thread.
    """

    isLeaf = True

    def __init__(self, desk: Desk, run: Run) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types here
        self._desk = desk
        self._run = run
        self._hosts = guard.hosts_of(desk.options.origins)
        self._static = static_files()
        self._is_https = desk.options.is_https
        self._cookie = cookie_name(self._is_https)

    def render(self, request: Request) -> bytes | int:
        """Answer, now or when the page is drawn."""
        try:
            draw = self._admit(request)
        except Refused as refused:
            return write(request, refused.answer, self._is_https)
        except SettingsError as wrong:
            return write(request, plain(500, str(wrong)), self._is_https)
        gone: list[Any] = []
        request.notifyFinish().addErrback(gone.append)

        def finish(answer: Answer) -> None:
            if not gone:
                request.write(write(request, answer, self._is_https))
                request.finish()

        self._run(draw).addErrback(self._failed).addCallback(finish)
        return NOT_DONE_YET

    # --- checks, outermost first

    def _admit(self, request: Request) -> Callable[[], Answer]:
        """Return what draws the answer.

        Raises:
            Refused: with the answer, when there is nothing to draw.
        """
        why = guard.refuse_host(_header(request, "host"), self._hosts)
        if why:
            raise Refused(plain(403, why))
        method, path = request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
        if method not in ("GET", "HEAD", "POST"):
            raise Refused(plain(405, "GET and POST only."))
        if method == "POST":
            why = guard.refuse_origin(
                _header(request, "origin"), _header(request, "sec-fetch-site"), self._desk.options.origins
            )
            if why:
                raise Refused(plain(403, why))
        elif path.startswith("/static/"):
            raise Refused(self._static_answer(path.removeprefix("/static/")))
        cookie = _cookie_of(request, self._cookie)
        session, fresh = self._session(request, cookie, method)
        if path == "/sign-in":
            return self._stranger(request, method, cookie)
        if session is None:
            raise Refused(self._sign_in_first(request, method))
        return self._visit(request, "GET" if method == "HEAD" else method, path, session, fresh)

    def _visit(
        self, request: Request, method: str, path: str, session: Session, fresh: str | None
    ) -> Callable[[], Answer]:
        desk = self._desk
        user = desk.users.find(session.user)
        form = self._form(request, session.token) if method == "POST" else {}
        found = find_place(method, path)
        if user is None or found is None:
            raise Refused(plain(404, "There is no such page."))
        place, args = found
        if not user.role.may(place.role):
            raise Refused(plain(403, f"This needs the role {place.role}; {user.name} is {user.role}."))
        tick = desk.monotonic()
        if not place.live:
            session.active_at = tick
        visit = Visit(path, session, user.role, desk.wall(), tick, args, _query(request), form)
        return lambda: _with_cookie(_drawn(place, desk, visit, fresh is not None), fresh)

    def _session(self, request: Request, cookie: str | None, method: str) -> tuple[Session | None, str | None]:
        """Return the session of the cookie or of the proxy's header, and a cookie to set for a new one."""
        desk, proxy_user = self._desk, self._proxy_user(request)
        session = desk.sessions.find(cookie, desk.monotonic())
        known = session is not None and desk.users.find(session.user) is not None
        if session is not None and (not known or (session.by_proxy and session.user != proxy_user)):
            desk.sessions.close(cookie)
            session = None
        if session is None and proxy_user and method != "POST" and desk.users.find(proxy_user) is not None:
            fresh, session = desk.sessions.open(proxy_user, desk.monotonic(), by_proxy=True)
            return session, fresh
        return session, None

    def _proxy_user(self, request: Request) -> str:
        """Return whom the trusted proxy names; nobody when the request does not come from one."""
        proxy = self._desk.options.proxy
        if proxy is None:
            return ""
        try:
            peer = ip_address(_peer(request))
        except ValueError:
            return ""
        values = request.requestHeaders.getRawHeaders(proxy.header) or []
        trusted = any(peer in network for network in proxy.networks)
        return values[0].strip().lower() if trusted and len(values) == 1 else ""

    def _stranger(self, request: Request, method: str, cookie: str | None) -> Callable[[], Answer]:
        """Return what draws the sign-in page, or takes a name and a password."""
        desk = self._desk
        given = cookie or ""
        form = self._form(request, guard.form_token(desk.form_key, given)) if method == "POST" and given else {}
        if method == "POST" and not given:
            raise Refused(plain(403, "The form has no token. Load the page again."))
        stranger = signing_in.Stranger(given, _peer(request), desk.monotonic(), desk.wall(), form, _query(request))
        return lambda: signing_in.answer(desk, stranger)

    def _sign_in_first(self, request: Request, method: str) -> Answer:
        if method == "POST":
            return plain(403, "Sign in first.")
        if _header(request, "hx-request"):
            return Answer(status=401, content_type=PLAIN, location="/sign-in?why=idle", body="Signed out.")
        return see("/sign-in")

    def _form(self, request: Request, token: str) -> Mapping[str, str]:
        """Return the form's fields, once its token was found right.

        Raises:
            Refused: it is not a plain form, or the token is missing or wrong.
        """
        kind = (_header(request, "content-type") or "").partition(";")[0].strip().lower()
        if kind != _FORM:
            raise Refused(plain(415, "Plain forms only."))
        try:
            body = request.content.read().decode("utf-8") if request.content else ""
            pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
            fields = dict(reversed(pairs))
        except (UnicodeDecodeError, ValueError):
            raise Refused(plain(400, "The form cannot be read.")) from None
        if not guard.same_secret(fields.pop("token", None), token):
            raise Refused(plain(403, "The form has no valid token. Load the page again."))
        return fields

    # --- answers

    def _static_answer(self, name: str) -> Answer:
        known = self._static.get(name)
        if known is None:
            return plain(404, "There is no such file.")
        return Answer(known[1].decode("utf-8"), content_type=known[0], lasting=True)

    def _failed(self, failure: Any) -> Answer:
        """Answer for a page that failed, without a word of what it was about."""
        if failure.check(JournalError):
            return plain(503, f"The journal cannot be read now: {failure.value}")
        if failure.check(Refused):
            answer: Answer = failure.value.answer
            return answer
        frames = traceback.extract_tb(failure.getTracebackObject())
        place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else "?"
        _log.emit(LogLevel.error, "{code}", code="K_PAGE", details={"error": failure.type.__name__, "at": place})
        return plain(500, f"The console failed here ({failure.type.__name__} at {place}). Nothing was changed.")


def _drawn(place: Place, desk: Desk, visit: Visit, came_by_proxy: bool) -> Answer:
    if came_by_proxy:
        signing_in.note(desk, "sign-in", visit.user, {"by": "reverse proxy"})
    return place.draw(desk, visit)


def _with_cookie(answer: Answer, cookie: str | None) -> Answer:
    if cookie is None:
        return answer
    return Answer(answer.body, answer.status, answer.content_type, answer.location, cookie, answer.refresh)


def _header(request: Request, name: str) -> str | None:
    """Return a header that stands there once, None otherwise."""
    values = request.requestHeaders.getRawHeaders(name)
    return values[0] if values is not None and len(values) == 1 else None


def _cookie_of(request: Request, name: str) -> str | None:
    found = request.getCookie(name.encode("ascii"))
    return found.decode("ascii", "replace") if found else None


def _peer(request: Request) -> str:
    return str(getattr(request.getClientAddress(), "host", ""))


def _query(request: Request) -> dict[str, str]:
    """Return the first value of each field in the address; what is no UTF-8 is written out."""
    return {
        name.decode("utf-8", "replace"): values[0].decode("utf-8", "replace")
        for name, values in request.args.items()
    }  # fmt: skip
