"""Who is signed in, since when, and which messages they have revealed.

Law: pure; times are handed in (monotonic seconds). Sessions live in this process only: a restart signs everyone
out. Pages that refresh by themselves do not count as activity, else an open page would never be logged out.
"""

from dataclasses import dataclass, field

from hl7calf.console.guard import digest_of, new_token

LONGEST_S = 12 * 3600.0  # a shift; then sign in again, also when busy
MOST_SESSIONS = 1000
LISTS = 0  # the number under which the identifiers in lists are revealed; messages are numbered from 1


@dataclass(slots=True)
class Session:
    """One browser of one user.

    `token` stands in its forms. `search` are the identifiers looked for in the log (control ID, placer order
    number): they are kept here so that no address line and no proxy log ever holds them.
    """

    user: str
    token: str
    created_at: float
    active_at: float
    by_proxy: bool = False
    revealed: dict[int, float] = field(default_factory=dict)
    search: tuple[str, str] = ("", "")
    said: str = ""

    def reveal(self, message_id: int, until: float) -> None:
        """Show this message's patient data until then."""
        self.revealed[message_id] = until

    def hide(self) -> None:
        """Show nothing of any patient any more."""
        self.revealed.clear()

    def may_see(self, message_id: int, now: float) -> bool:
        """Tell whether the patient data of this message were revealed, and not too long ago."""
        return self.revealed.get(message_id, 0.0) > now

    def take_said(self) -> str:
        """Return what the last form has to tell its user, once."""
        said, self.said = self.said, ""
        return said


class Sessions:
    """All sessions of this process, found by a digest of their cookie.

    Args:
        idle_s: without a page asked for by hand for this long, the session ends.
    """

    def __init__(self, idle_s: float) -> None:
        self.idle_s = idle_s
        self._by_digest: dict[bytes, Session] = {}

    def open(self, user: str, now: float, by_proxy: bool = False) -> tuple[str, Session]:
        """Begin a session; return its cookie's value and itself."""
        self._expire(now)
        cookie = new_token()
        session = Session(user, new_token(), now, now, by_proxy)
        self._by_digest[digest_of(cookie)] = session
        while len(self._by_digest) > MOST_SESSIONS:
            del self._by_digest[next(iter(self._by_digest))]
        return cookie, session

    def find(self, cookie: str | None, now: float) -> Session | None:
        """Return the session of a cookie while it lives; looking is not yet activity."""
        if not cookie:
            return None
        digest = digest_of(cookie)
        session = self._by_digest.get(digest)
        if session is None:
            return None
        if now - session.active_at > self.idle_s or now - session.created_at > LONGEST_S:
            del self._by_digest[digest]
            return None
        return session

    def close(self, cookie: str | None) -> None:
        """End a session, if there is one."""
        self._by_digest.pop(digest_of(cookie or ""), None)

    def close_all_of(self, user: str) -> int:
        """End every session of a user; return how many there were."""
        ended = [digest for digest, session in self._by_digest.items() if session.user == user]
        for digest in ended:
            del self._by_digest[digest]
        return len(ended)

    def _expire(self, now: float) -> None:
        for digest, session in list(self._by_digest.items()):
            if now - session.active_at > self.idle_s or now - session.created_at > LONGEST_S:
                del self._by_digest[digest]
