"""Asks a console over a transport in memory: real HTTP bytes in, real HTTP bytes out, no socket and no thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from hl7calf.console.app import build_console
from hl7calf.console.desk import Desk

HOST = "127.0.0.1:9576"
ORIGIN = f"http://{HOST}"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, list[str]]
    body: str

    def header(self, name: str) -> str:
        return ", ".join(self.headers.get(name.lower(), []))

    @property
    def cookie(self) -> str:
        """The name and value of the cookie that was set."""
        return self.header("set-cookie").partition(";")[0]


class Browser:
    """Keeps a cookie and the last form token, as a browser does."""

    def __init__(self, desk: Desk, peer: str = "127.0.0.1") -> None:
        self._site = build_console(desk, lambda draw: maybeDeferred(draw))
        self._site.reactor = Clock()
        self._peer = IPv4Address("TCP", peer, 40_000)
        self.cookie = ""
        self.token = ""

    def send(self, raw: bytes) -> bytes:
        protocol = self._site.buildProtocol(self._peer)
        transport = StringTransport(peerAddress=self._peer)
        protocol.makeConnection(transport)
        protocol.dataReceived(raw)
        answer: bytes = transport.value()
        return answer

    def ask(self, method: str, path: str, headers: Mapping[str, str | None] | None = None, body: bytes = b"") -> Reply:
        sent: dict[str, str | None] = {"Host": HOST, "Cookie": self.cookie or None, **(headers or {})}
        if method == "POST":
            sent = {"Origin": ORIGIN, "Content-Type": "application/x-www-form-urlencoded",
                    "Content-Length": str(len(body)), **sent}  # fmt: skip
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in sent.items() if value is not None),
        ]
        reply = read_reply(self.send("\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body))
        if reply.cookie:
            self.cookie = reply.cookie if not reply.cookie.endswith("=") else ""
        if 'name="token" value="' in reply.body:
            self.token = reply.body.partition('name="token" value="')[2].partition('"')[0]
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, headers: Mapping[str, str | None] | None = None, **form: str) -> Reply:
        return self.ask("POST", path, headers, urlencode({"token": self.token, **form}).encode())

    def sign_in(self, name: str, password: str, code: str = "") -> Reply:
        self.get("/sign-in")
        reply = self.post("/sign-in", name=name, password=password, code=code)
        if reply.status == 303:
            self.get("/")
        return reply


def read_reply(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Reply(int(first.split()[1]), headers, body.decode("utf-8"))


def signed_in(desk: Desk, name: str, password: str, **more: Any) -> Browser:
    browser = Browser(desk, **more)
    assert browser.sign_in(name, password).status == 303
    return browser
