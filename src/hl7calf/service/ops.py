"""The ops port: /healthz, /readyz, /metrics and POST /vet.

Law: nothing here changes anything or shows a message that was not sent in the same request. It has no login, so it
listens on loopback, or for the networks named in the settings. Bodies are bounded before they are read.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.web.http import Request as HttpRequest
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from hl7calf.service.admission import AllowList
from hl7calf.service.events import emit
from hl7calf.service.metrics import Metrics

_TEXT = b"text/plain; charset=utf-8"
_JSON = b"application/json"


class OpsSite(Site):
    """The web site of the ops port.

    Args:
        allow: networks that may use it; none: loopback.
        max_body_bytes: a longer body is refused before it is read.
    """

    noisy = False

    def __init__(self, root: Resource, allow: AllowList, max_body_bytes: int, clock: Any) -> None:
        def make(*args: Any, **kwargs: Any) -> HttpRequest:
            return _Bounded(max_body_bytes, *args, **kwargs)

        web: Any = super()  # twisted.web carries no types
        web.__init__(root, requestFactory=make, reactor=clock, timeout=60)
        self.displayTracebacks = False
        self._allow = allow

    def buildProtocol(self, addr: Any) -> Any:
        """Let in who may."""
        host = str(getattr(addr, "host", ""))
        if not self._allow.permits(host):
            emit("C_NOT_ALLOWED", "warn", route="ops", peer=host)
            return None
        web: Any = super()
        return web.buildProtocol(addr)

    def log(self, request: object) -> None:
        """Keep no access log: addresses and paths of a health check are nobody's business."""


class _Bounded(Request):
    """A request whose body may have so many bytes and no more."""

    def __init__(self, max_body_bytes: int, *args: Any, **kwargs: Any) -> None:
        web: Any = super()
        web.__init__(*args, **kwargs)
        self._max_body_bytes = max_body_bytes

    def gotLength(self, length: int | None) -> None:
        """Refuse what is too long, and what does not say how long it is."""
        if length is None or length > self._max_body_bytes:
            channel: Any = self.channel
            channel.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n")
            channel.loseConnection()
            length = 0
        web: Any = super()
        web.gotLength(length)


class _Root(Resource):
    """A place below which nothing is but what was put there."""

    def getChild(self, path: bytes, request: HttpRequest) -> Any:
        return notFound()


class Page(_Root):
    """A page made anew at each GET.

    Args:
        make: returns status, content type and body.
    """

    def __init__(self, make: Callable[[], tuple[int, bytes, bytes]]) -> None:
        web: Any = super()
        web.__init__()
        self._make = make

    def render(self, request: Request) -> bytes:
        """Answer a GET."""
        if request.method not in (b"GET", b"HEAD"):
            return not_allowed(request, b"GET")
        status, kind, body = self._make()
        request.setResponseCode(status)
        request.setHeader(b"content-type", kind)
        request.setHeader(b"cache-control", b"no-store")
        request.setHeader(b"x-content-type-options", b"nosniff")
        return body


def not_allowed(request: Request, method: bytes) -> bytes:
    """Say that only one method is understood here."""
    request.setResponseCode(405)
    request.setHeader(b"allow", method)
    request.setHeader(b"content-type", _TEXT)
    return b"only " + method + b" is understood here\n"


def healthz() -> tuple[int, bytes, bytes]:
    """Say that the process lives."""
    return 200, _TEXT, b"alive\n"


def readyz(checks: Mapping[str, Callable[[], bool]], alarms: Callable[[], list[str]]) -> tuple[int, bytes, bytes]:
    """Say whether messages are taken, by which checks, and which alarms need a person."""
    found = {name: check() for name, check in checks.items()}
    ready = all(found.values())
    body = json.dumps({"ready": ready, "checks": found, "alarms": alarms()}) + "\n"
    return 200 if ready else 503, _JSON, body.encode("ascii")


def exposition(metrics: Metrics) -> tuple[int, bytes, bytes]:
    """Show all metrics."""
    return 200, b"text/plain; version=0.0.4; charset=utf-8", metrics.exposition()


def ops_root(
    metrics: Metrics, checks: Mapping[str, Callable[[], bool]], alarms: Callable[[], list[str]], vet: Resource
) -> Resource:
    """Join the pages of the ops port."""
    make_root: Callable[[], Resource] = _Root
    root = make_root()
    root.putChild(b"healthz", Page(healthz))
    root.putChild(b"readyz", Page(lambda: readyz(checks, alarms)))
    root.putChild(b"metrics", Page(lambda: exposition(metrics)))
    root.putChild(b"vet", vet)
    return root
