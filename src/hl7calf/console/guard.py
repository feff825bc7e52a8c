"""Who may ask at all: Host, Origin, token, and the headers of every answer.

Law: pure. The checks need the head of a request only, so they are made before its body is read (docs/promises.md S6
and S7). A comparison of secrets takes the same time whatever is compared.

Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet; Content Security Policy Level 3; Fetch §3.2 for
why the referrer policy is `same-origin`: under `no-referrer` a browser sends `Origin: null` with its own forms.
"""

import hmac
import secrets
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import urlsplit

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "hl7calf",
}
HSTS = "max-age=31536000"
DEFAULT_PORTS = {"http": 80, "https": 443}


def hosts_of(origins: Iterable[str]) -> frozenset[str]:
    """Return the Host values that belong to the origins, lower case; a default port may be left out or given."""
    hosts: set[str] = set()
    for origin in origins:
        parts = urlsplit(origin.lower())
        hosts.add(parts.netloc)
        default = DEFAULT_PORTS.get(parts.scheme)
        if parts.port is None and default:
            hosts.add(f"{parts.netloc}:{default}")
        elif parts.port == default:
            hosts.add(parts.netloc.rpartition(":")[0])
    return frozenset(hosts)


def refuse_host(host: str | None, hosts: frozenset[str]) -> str:
    """Return why the Host header is not ours (a rebound DNS name, a scan), or ""."""
    return "" if host is not None and host.lower() in hosts else "This address is not one of the console's own."


def refuse_origin(origin: str | None, fetch_site: str | None, origins: Iterable[str]) -> str:
    """Return why a POST does not come from one of our own pages, or "".

    Args:
        origin: the Origin header; every browser sends it with a POST, so a missing one is refused.
        fetch_site: the Sec-Fetch-Site header where the browser sends it.
    """
    if origin is None or origin.lower() not in {known.lower().rstrip("/") for known in origins}:
        return "The form does not come from the console's own pages."
    if fetch_site is not None and fetch_site != "same-origin":
        return "The form comes from another site."
    return ""


def new_token() -> str:
    """Return 256 random bits for a cookie or a form."""
    return secrets.token_urlsafe(32)


def same_secret(given: str | None, right: str) -> bool:
    """Tell whether the secret given is the right one, in a time that does not depend on where they differ."""
    return hmac.compare_digest((given or "").encode("utf-8", "replace"), right.encode("utf-8"))


def form_token(key: bytes, cookie: str) -> str:
    """Return the token of a form that is shown before anyone signed in: it belongs to that browser's cookie."""
    return hmac.digest(key, cookie.encode("utf-8", "replace"), "sha256").hex()


def digest_of(secret: str) -> bytes:
    """Return what is kept of a cookie, so that a look into the memory or a timing gives no cookie away."""
    return sha256(secret.encode("utf-8", "replace")).digest()
