import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint
from twisted.internet.testing import MemoryReactorClock

from hl7calf.service.sockets import ClientTls, ServerTls, TlsFiles, client_endpoint, server_endpoint


@pytest.fixture
def files(tmp_path: Path) -> Path:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = authority.issue_cert("localhost", "127.0.0.1")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    for part in own.cert_chain_pems:
        part.write_to_path(tmp_path / "cert.pem", append=True)
    return tmp_path


def test_plain_endpoints_are_twisteds_own() -> None:
    reactor = MemoryReactorClock()
    assert isinstance(server_endpoint(reactor, "tcp:2575:interface=127.0.0.1", None), TCP4ServerEndpoint)
    assert isinstance(client_endpoint(reactor, "ris.example", 2576, 5.0, None), HostnameEndpoint)


def test_files_that_do_not_fit_are_named_and_not_shown(files: Path) -> None:
    reactor = MemoryReactorClock()
    (files / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nGEHEIM\n-----END CERTIFICATE-----\n")
    (files / "empty.pem").write_text("")
    for tls in (
        ServerTls(files / "cert.pem", files / "nothing.pem"),
        ServerTls(files / "bad.pem", files / "key.pem"),
        ServerTls(files / "cert.pem", files / "key.pem", files / "empty.pem"),
    ):
        with pytest.raises(TlsFiles) as caught:
            server_endpoint(reactor, "tcp:0:interface=127.0.0.1", tls)
        assert "GEHEIM" not in str(caught.value)
    with pytest.raises(TlsFiles):
        client_endpoint(reactor, "localhost", 1, 5.0, ClientTls("localhost", files / "bad.pem"))


SERVER = """
import sys
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from hl7calf.service.sockets import ServerTls, server_endpoint

class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

folder = Path(sys.argv[1])
ca = folder / "ca.pem" if sys.argv[2] == "mutual" else None
endpoint = server_endpoint(reactor, "tcp:0:interface=127.0.0.1", ServerTls(folder / "cert.pem", folder / "key.pem", ca))
endpoint.listen(Factory.forProtocol(Echo)).addCallback(lambda port: print(port.getHost().port, flush=True))
reactor.callLater(30, reactor.stop)
reactor.run()
"""


def talk(port: int, context: ssl.SSLContext) -> bytes:
    import socket

    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(b"hello")
        return wrapped.recv(5)


@pytest.mark.parametrize("kind", ["one-sided", "mutual"])
def test_tls_lets_in_whom_it_should_and_nobody_else(files: Path, kind: str) -> None:
    source = Path(__file__).resolve().parents[2] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(files), kind], stdout=subprocess.PIPE, env={"PYTHONPATH": str(source)}
    ) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            context = ssl.create_default_context(cafile=str(files / "ca.pem"))
            if kind == "mutual":
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    assert talk(port, context) == b"hello"
                stranger = trustme.CA().issue_cert("peer")
                stranger.configure_cert(context)
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    assert talk(port, context) == b"hello"
                context = ssl.create_default_context(cafile=str(files / "ca.pem"))
                context.load_cert_chain(str(files / "cert.pem"), str(files / "key.pem"))
            assert talk(port, context) == b"hello"
            with pytest.raises(ssl.SSLError):
                talk(port, ssl.create_default_context())
            old = ssl.create_default_context(cafile=str(files / "ca.pem"))
            old.minimum_version = ssl.TLSVersion.TLSv1_2
            assert old.minimum_version >= ssl.TLSVersion.TLSv1_2
        finally:
            server.kill()
