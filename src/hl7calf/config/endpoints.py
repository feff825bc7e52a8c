"""Twisted endpoint strings: what kind, which host, which port, and whether they stay on this machine.

Law: this reads and judges, it opens nothing. Accepted kinds: `tcp`, `tcp6` and, for listening,
`systemd`; `ssl:` and `tls:` are refused because their strings cannot require client certificates
(the route's `tls` table can).
"""

import ipaddress
import re
from dataclasses import dataclass

_PARTS = re.compile(r"((?:\\.|[^:\\])*)(?::|$)")
_LISTEN_KEYS = {"port", "interface", "backlog"}
_CONNECT_KEYS = {"host", "port", "timeout", "bindAddress"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint string, read. `host` is the interface on the listening side; "" means all."""

    kind: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Tell whether nothing beyond this machine can be on the other side."""
        if self.kind == "systemd":
            return False
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_listen(text: str) -> Endpoint:
    """Read a server endpoint such as `tcp:2575:interface=127.0.0.1`.

    Raises:
        ValueError: with the sentence to show.
    """
    kind, positional, named = _split(text, _LISTEN_KEYS)
    if kind == "systemd":
        return Endpoint(kind, "", 0)
    if len(positional) > 2:
        raise ValueError("has too many parts; write tcp:PORT:interface=ADDRESS")
    port = _port(positional[0] if positional else named.get("port", ""), lowest=0)
    interface = positional[1] if len(positional) > 1 else named.get("interface", "")
    if interface:
        try:
            ipaddress.ip_address(interface)
        except ValueError:
            raise ValueError("interface must be an IP address of this machine") from None
    return Endpoint(kind, interface, port)


def read_connect(text: str) -> Endpoint:
    """Read a client endpoint such as `tcp:127.0.0.1:2576` or `tcp:host=ris.example:port=2576`.

    Raises:
        ValueError: with the sentence to show.
    """
    kind, positional, named = _split(text, _CONNECT_KEYS)
    if kind == "systemd":
        raise ValueError("systemd sockets can listen, not connect")
    host = positional[0] if positional else named.get("host", "")
    if not host:
        raise ValueError("names no host; write tcp:HOST:PORT")
    return Endpoint(kind, host, _port(positional[1] if len(positional) > 1 else named.get("port", ""), lowest=1))


def _split(text: str, keys: set[str]) -> tuple[str, list[str], dict[str, str]]:
    parts = [match for match in _PARTS.findall(text)][: text.count(":") + 1]
    kind = parts[0] if parts else ""
    if kind in ("ssl", "tls"):
        raise ValueError("cannot require client certificates as a string; write tcp: and add a tls table")
    if kind == "systemd":
        return kind, [], {}
    if kind not in ("tcp", "tcp6"):
        raise ValueError("is not an endpoint; write tcp:PORT:interface=ADDRESS or tcp:HOST:PORT")
    positional: list[str] = []
    named: dict[str, str] = {}
    for part in parts[1:]:
        key, equals, value = part.partition("=")
        if equals and key in keys:
            named[key] = _plain(value)
        elif equals:
            raise ValueError(f"has an unknown part {key}; known are {', '.join(sorted(keys))}")
        elif part:
            positional.append(_plain(part))
    return kind, positional, named


def _plain(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part)


def _port(text: str, lowest: int) -> int:
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= 65535:
        raise ValueError(f"needs a port between {lowest} and 65535")
    return int(text)
