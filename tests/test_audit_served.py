"""Audit messages and the anchor, from a running service over TLS to a syslog server, and the proof made with them."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import apsw
import pytest
import trustme

from hl7calf.service.journal.files import DATABASE
from hl7calf.service.journal.reader import Reader
from hl7calf.service.modlog import Anchor
from tests.service.served import target
from tests.service.stage import free_port, receiving, staged, until

FRAME = re.compile(rb"(\d+) ")


class SyslogServer:
    """Takes frames by their octet counts, over TLS, and keeps what was said."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.said: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", port))
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
                with self._context.wrap_socket(peer, server_side=True) as secure:
                    self._take(secure)
            except OSError:
                if self._socket.fileno() < 0:
                    return

    def _take(self, peer: ssl.SSLSocket) -> None:
        buffer = b""
        while data := peer.recv(65536):
            buffer += data
            while (found := FRAME.match(buffer)) and len(buffer) >= found.end() + int(found[1]):
                end = found.end() + int(found[1])
                self.said.append(buffer[found.end() : end].decode("ascii"))
                buffer = buffer[end:]

    def told(self, kind: str) -> list[str]:
        """The texts of one kind of message."""
        return [line.split(" - ", 1)[1] for line in self.said if f" {kind} - " in line]

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@contextmanager
def syslog_server(folder: Path) -> Iterator[tuple[SyslogServer, str]]:
    """A server, and the settings that lead to it."""
    authority, port = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = SyslogServer(port, context)
    yield server, f'[audit]\nsyslog = "tcp:127.0.0.1:{port}"\ntls = {{ca = "{folder / "ca.pem"}"}}\n'
    server.close()


def events_of(server: SyslogServer) -> list[str]:
    """The site's own name of each audited event, in order."""
    found = []
    for text in server.told("IHE+RFC-3881"):
        types = ElementTree.fromstring(text).iter("EventTypeCode")
        found += [one.get("csd-code", "") for one in types if one.get("codeSystemName") == "hl7calf"]
    return found


@pytest.mark.alone
def test_changes_are_told_over_tls_and_a_cut_tail_misses_the_anchor_that_was_told(tmp_path: Path) -> None:
    with (
        syslog_server(tmp_path) as (server, audit),
        staged(tmp_path, service="anchor_every_s = 1\n" + audit) as stage,
        receiving(stage.forward),
    ):
        stage.start()
        stage.sender().exchange(target("M1"))
        until(lambda: "message" in events_of(server), "an audit message of the change")
        with Reader(tmp_path / "var") as reader:
            head = reader.head()
        until(lambda: f"{head.sequence}:{head.hash.hex()}" in server.told("anchor"), "the anchor of it")
        assert stage.metric("audit_unsent") == 0
        assert f'hash="{head.hash.hex()}"' in stage.get("/metrics")[2].decode()
        assert stage.stop() == 0
    assert events_of(server) == ["start", "message"]
    assert "M1" not in "".join(server.told("IHE+RFC-3881"))
    connection = apsw.Connection(str(tmp_path / "var" / DATABASE))
    for table in ("entry", "entry_placer"):
        connection.execute(f"DELETE FROM {table} WHERE sequence >= ?", (head.sequence,))
    connection.close()
    with Reader(tmp_path / "var") as reader:
        assert reader.verify().ok, "without the anchor a cut tail cannot be seen"
        [finding] = reader.verify(Anchor(head.sequence, head.hash)).findings
        assert "the anchor is not there" in finding.what
