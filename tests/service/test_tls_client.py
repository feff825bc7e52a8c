"""TLS towards the destination, on real sockets: who is sent orders, who is not, with the reason in the log (S2, S3, S15).

One service with a route for each destination. A refused destination costs a message nothing: it waits, whole and
untried, and goes out when the destination was mended.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from hl7calf.service.journal.jobs import State
from tests.service.doubles import message
from tests.service.served import Served, echo_ack, parts, serving, target
from tests.service.stage import free_port, until
from tests.service.test_tls_peers import Authority

NOW = datetime.now(UTC)


class Destination:
    """A destination that speaks TLS as `context` says; without one it speaks plainly, or (`mute`) not at all."""

    def __init__(self, context: ssl.SSLContext | None, mute: bool = False, late: bool = False) -> None:
        self.context = context
        self.mute = mute
        self.late = late
        self.port = free_port()
        self.payloads: list[bytes] = []
        self.connections = 0
        self.peers: list[str] = []
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                self.connections += 1
                self._open.append(peer)
                threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        if self.mute:
            return
        with suppress(OSError, ssl.SSLError):
            if self.context is None:
                peer.sendall(b"220 ready\r\n")
            elif self.late:
                self._refuse_late(peer, self.context)
            else:
                peer = self.context.wrap_socket(peer, server_side=True)
                self._open.append(peer)
                shown = peer.getpeercert() or {}  # type: ignore[attr-defined]
                self.peers += [value for _, value in shown.get("subjectAltName", ())]
            self._answer(peer)

    def _refuse_late(self, peer: socket.socket, context: ssl.SSLContext) -> None:
        """Shake hands, say what is wrong with the certificate, and stay until the other side has heard it."""
        came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(came, goes, server_side=True)
        while data := peer.recv(65536):
            came.write(data)
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            finally:
                peer.sendall(goes.read())

    def _answer(self, peer: socket.socket) -> None:
        buffer = b""
        while data := peer.recv(65536):
            buffer += data
            while (end := buffer.find(b"\x1c\r")) >= 0:
                payload, buffer = buffer[1:end], buffer[end + 2 :]
                self.payloads.append(payload)
                peer.sendall(b"\x0b" + echo_ack(payload) + b"\x1c\r")

    def close(self) -> None:
        for one in (self._socket, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Site:
    """The authority that radiology's certificates come from, another one, and server contexts made with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = trustme.CA(), trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        self.own = Authority(folder, "odd certificates")
        self.own.write("odd.pem")
        for name, authority in (("ours", self.authority), ("foreign", self.stranger)):
            made = authority.issue_cert("engine.example.org")
            made.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}.pem")

    def context(self, made: trustme.LeafCert) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # the destination would do anything
        made.configure_cert(context)
        return context

    def good(self) -> ssl.SSLContext:
        return self.context(self.authority.issue_cert("ris.example.org"))

    def odd(self, **more: object) -> ssl.SSLContext:
        self.own.issue("odd-leaf.pem", "ris.example.org", **more)  # type: ignore[arg-type]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.load_cert_chain(self.folder / "odd-leaf.pem")
        return context

    def asking(self, highest: ssl.TLSVersion) -> ssl.SSLContext:
        context = self.good()
        context.verify_mode = ssl.CERT_REQUIRED
        self.authority.configure_trust(context)
        context.maximum_version = highest
        return context


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def weak(context: ssl.SSLContext) -> ssl.SSLContext:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA@SECLEVEL=0")  # no forward secrecy
    return context


def leaf(site: Site, **days: int) -> ssl.SSLContext:
    ends = {name: NOW + timedelta(days=number) for name, number in days.items()}
    return site.context(site.authority.issue_cert("ris.example.org", **ends))


TLS = 'ca = "ca.pem", name = "ris.example.org"'
BAD: dict[str, tuple[str, Callable[[Site], ssl.SSLContext | None], tuple[str, ...]]] = {
    "wrong-ca": (TLS, lambda s: s.context(s.stranger.issue_cert("ris.example.org")), ("authority", "self-signed")),
    "wrong-name": (TLS, lambda s: s.context(s.authority.issue_cert("his.example.org")), ("is for another name",)),
    "wrong-address": ('ca = "ca.pem"', lambda s: s.good(), ("is for another name",)),
    "expired": (TLS, lambda s: leaf(s, not_before=-9, not_after=-1), ("certificate expired",)),
    "early": (TLS, lambda s: leaf(s, not_before=1, not_after=9), ("certificate not yet valid",)),
    "self-signed": ('ca = "odd.pem", name = "ris.example.org"', lambda s: s.odd(self_signed=True), ("self-signed",)),
    "short-key": ('ca = "odd.pem", name = "ris.example.org"', lambda s: s.odd(bits=1024), ("key too small",)),
    "tls-1-1": (TLS, lambda s: old(s.good()), ("protocol version", "unsupported protocol")),
    "weak-suite": (TLS, lambda s: weak(s.good()), ("handshake failure",)),
    "plain": (TLS, lambda s: None, ("wrong version number", "packet length too long")),
    "asks-12": (TLS, lambda s: s.asking(ssl.TLSVersion.TLSv1_2), ("alert", "closed the connection")),
}
ASKED = TLS + ', certificate = "{0}.pem", key = "{0}.pem"'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("forward-tls"))


@pytest.fixture(scope="module")
def destinations(site: Site) -> Iterator[dict[str, Destination]]:
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        made = {name: Destination(context(site)) for name, (_, context, _) in BAD.items()}
    made["good"] = Destination(site.good())
    made["mute"] = Destination(None, mute=True)
    made["by-address"] = Destination(site.context(site.authority.issue_cert("127.0.0.1")))
    made["wildcard"] = Destination(site.context(site.authority.issue_cert("*.example.org")))
    made["asked"] = Destination(site.asking(ssl.TLSVersion.TLSv1_3))
    made["late"] = Destination(site.asking(ssl.TLSVersion.TLSv1_3), late=True)
    made["asked-foreign"] = Destination(site.asking(ssl.TLSVersion.TLSv1_2))
    yield made
    for one in made.values():
        one.close()


@pytest.fixture(scope="module")
def served(site: Site, destinations: dict[str, Destination]) -> Iterator[Served]:
    tls = {name: how for name, (how, _, _) in BAD.items()} | {
        "good": TLS,
        "mute": TLS,
        "by-address": 'ca = "ca.pem"',
        "wildcard": TLS,
        "asked": ASKED.format("ours"),
        "late": ASKED.format("foreign"),
        "asked-foreign": ASKED.format("foreign"),
    }
    ports = {name: free_port() for name in tls}
    tables = "".join(
        f"""
[[route]]
name = "{name}"
listen = "tcp:{ports[name]}:interface=127.0.0.1"
forward = "tcp:127.0.0.1:{destinations[name].port}"
forward_tls = {{{how}}}
retry_initial_s = 0.1
retry_max_s = 0.3
connect_timeout_s = 1.0
"""
        for name, how in tls.items()
    )
    with serving(site.folder, last=tables) as served:
        served.ports |= ports
        yield served


def put(served: Served, route: str, payload: bytes) -> None:
    """Have a message taken by this route."""
    assert parts(served.peer(route).exchange(payload))[0] == b"AA"


def told(served: Served, route: str, event: str) -> list[dict[str, object]]:
    return [one for one in served.stage.events if one["event"] == event and one.get("route") == route]


def stays_away(served: Served, destination: Destination, route: str, words: tuple[str, ...]) -> None:
    """Ask that a message waits untried, that one line says why, and that it goes out when the destination is mended."""
    put(served, route, target(f"FT-{route}"))
    until(lambda: told(served, route, "D_UNREACHABLE"), f"{route} is away")
    tries = destination.connections
    until(lambda: destination.connections >= tries + 2, "it is tried again")
    (line,) = told(served, route, "D_UNREACHABLE")
    assert any(word in str(line["why"]) for word in words), line
    assert destination.payloads == [], "not a byte of an order"
    (waiting,) = [one for one in served.reader.messages(State.QUEUED) if one.route == route]
    assert (waiting.attempts, waiting.possible_duplicate) == (0, False)
    assert any(word in waiting.why for word in words), "`queue list` says it too"


def is_mended(served: Served, site: Site, destination: Destination, route: str) -> None:
    destination.late, destination.context = False, site.good()
    until(lambda: served.reader.books(route).delivered == 1, f"{route} is delivered")
    assert len(destination.payloads) == 1
    assert [one["event"] for one in served.stage.events if one.get("route") == route and one["event"][:2] == "D_"] == [
        "D_UNREACHABLE",
        "D_CONNECTED",
    ]


@pytest.mark.parametrize("route", list(BAD))
def test_a_destination_that_is_not_who_it_should_be_is_sent_nothing(
    served: Served, destinations: dict[str, Destination], site: Site, route: str
) -> None:
    how, _, words = BAD[route]
    stays_away(served, destinations[route], route, words)
    if how == TLS:
        is_mended(served, site, destinations[route], route)


def test_a_destination_that_never_shakes_hands_is_tried_one_connection_at_a_time(
    served: Served, destinations: dict[str, Destination], site: Site
) -> None:
    mute = destinations["mute"]
    peer = served.peer("mute")
    for number in range(20):
        assert parts(peer.exchange(message(f"FT-MUTE{number}")))[0] == b"AA"
    until(lambda: told(served, "mute", "D_UNREACHABLE"), "it is given up in time")
    assert mute.connections <= 3, "twenty messages open no twenty connections"
    assert "no answer in time" in str(told(served, "mute", "D_UNREACHABLE")[0]["why"])
    mute.mute, mute.context = False, site.good()
    until(lambda: len(mute.payloads) == 20)


@pytest.mark.parametrize("route", ["good", "by-address", "wildcard"])
def test_a_destination_with_a_good_certificate_gets_its_orders(
    served: Served, destinations: dict[str, Destination], route: str
) -> None:
    put(served, route, target(f"FT-{route}"))
    put(served, route, message(f"FT-{route}-2"))
    until(lambda: served.reader.books(route).delivered == 2)
    assert destinations[route].connections == 1
    assert destinations[route].payloads[1] == message(f"FT-{route}-2")
    assert told(served, route, "D_UNREACHABLE") == []


def test_our_own_certificate_is_shown_to_a_destination_that_asks(
    served: Served, destinations: dict[str, Destination]
) -> None:
    put(served, "asked", message("FT-ASKED"))
    until(lambda: served.reader.books("asked").delivered == 1)
    assert destinations["asked"].peers == ["engine.example.org"]


def test_a_destination_that_does_not_know_our_certificate_is_away_and_costs_nothing(
    served: Served, destinations: dict[str, Destination]
) -> None:
    stays_away(served, destinations["asked-foreign"], "asked-foreign", ("unknown ca", "closed the connection"))


def test_a_certificate_that_is_refused_after_our_handshake_costs_nothing_either(
    served: Served, destinations: dict[str, Destination], site: Site
) -> None:
    """TLS 1.3: our side takes the handshake for done before the destination has looked at our certificate."""
    late = destinations["late"]
    stays_away(served, late, "late", ("unknown ca",))
    is_mended(served, site, late, "late")


def test_new_files_are_taken_at_a_reload_for_the_way_out_too(tmp_path: Path) -> None:
    import signal

    site = Site(tmp_path)
    destination = Destination(site.asking(ssl.TLSVersion.TLSv1_2))
    (tmp_path / "current.pem").write_bytes((tmp_path / "foreign.pem").read_bytes())
    tls = f"forward_tls = {{{ASKED.format('current')}}}\n"
    port = free_port()
    table = (
        f'\n[[route]]\nname = "tls"\nlisten = "tcp:{port}:interface=127.0.0.1"\n'
        f'forward = "tcp:127.0.0.1:{destination.port}"\nretry_initial_s = 0.1\nretry_max_s = 0.2\n{tls}'
    )
    try:
        with serving(tmp_path, last=table) as served:
            served.ports["tls"] = port
            put(served, "tls", message("FT-RELOAD"))
            until(lambda: told(served, "tls", "D_UNREACHABLE"))
            (tmp_path / "current.pem").write_bytes((tmp_path / "ours.pem").read_bytes())
            served.stage.signal(signal.SIGHUP)
            until(lambda: served.reader.books("tls").delivered == 1)
            ends_soon = site.authority.issue_cert("engine.example.org", not_after=NOW + timedelta(days=9))
            ends_soon.private_key_and_cert_chain_pem.write_to_path(tmp_path / "current.pem")
            served.stage.signal(signal.SIGHUP)
            alarm = until(lambda: told(served, "tls", "C_CERTIFICATE_EXPIRES"))[0]
            assert alarm["days_left"] in (8, 9)
    finally:
        destination.close()
