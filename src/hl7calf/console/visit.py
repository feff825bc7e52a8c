"""One request as a page sees it, and the answer a page gives. Law: values only, nothing of Twisted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hl7calf.console.options import Role
from hl7calf.console.sessions import Session

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that has passed the door: its person is signed in and may ask for this page.

    `args` are the named parts of the path, `query` and `form` the first value of each field. `now` is Unix seconds,
    `tick` monotonic ones.
    """

    path: str
    session: Session
    role: Role
    now: float
    tick: float
    args: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """Who asks."""
        return self.session.user

    def number(self, name: str) -> int:
        """Return a number out of the path; the route table lets digits through only."""
        return int(self.args[name])


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back.

    `location` makes it a redirect; `cookie` is a value to set, "" to take it away; `refresh` is a Refresh header;
    `lasting` answers may be kept by the browser.
    """

    body: str = ""
    status: int = 200
    content_type: str = HTML
    location: str = ""
    cookie: str | None = None
    refresh: str = ""
    lasting: bool = False


def see(location: str) -> Answer:
    """Send the browser on to a page after a form was accepted, so that reloading does not send it twice."""
    return Answer(status=303, location=location)
