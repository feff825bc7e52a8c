"""How an answer goes onto the wire: status, security headers, cookie.

Law: every answer passes here, so no page can be without its headers, and none that was drawn for a person is ever
kept by a browser or a proxy.
"""

from twisted.web.server import Request

from hl7calf.console import guard
from hl7calf.console.visit import PLAIN, Answer


def plain(status: int, why: str) -> Answer:
    """Return a short answer in plain text."""
    return Answer(why + "\n", status, PLAIN)


def cookie_name(is_https: bool) -> str:
    """Return the cookie's name; with `__Host-` browsers hold it to TLS and this host (RFC 6265bis §4.1.3.2)."""
    return "__Host-hl7calf" if is_https else "hl7calf"


def write(request: Request, answer: Answer, is_https: bool) -> bytes:
    """Set status and headers and return the body."""
    body = answer.body.encode("utf-8", "replace")
    request.setResponseCode(answer.status)
    for name, value in guard.HEADERS.items():
        request.setHeader(name, value)
    if is_https:
        request.setHeader("Strict-Transport-Security", guard.HSTS)
    if answer.lasting:
        request.setHeader("Cache-Control", "public, max-age=86400")
    if answer.refresh:
        request.setHeader("Refresh", answer.refresh)
    if answer.location:
        # htmx follows a Location by itself and would put the sign-in page into the fragment's place
        request.setHeader("HX-Redirect" if answer.status == 401 else "Location", answer.location)
    if answer.cookie is not None:
        request.responseHeaders.addRawHeader("Set-Cookie", set_cookie(answer.cookie, is_https))
    request.setHeader("Content-Type", answer.content_type)
    request.setHeader("Content-Length", str(len(body)))
    return b"" if request.method == b"HEAD" else body


def set_cookie(value: str, is_https: bool) -> str:
    """Return the Set-Cookie value; an empty one takes the cookie away."""
    secure = "; Secure" if is_https else ""
    gone = "; Max-Age=0" if not value else ""
    return f"{cookie_name(is_https)}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{gone}"
