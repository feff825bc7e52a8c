"""Endpoints: where we listen and connect, plain or with TLS.

Law: nothing is opened here. Twisted's `ssl:` strings cannot require client certificates, so TLS is laid over a plain
endpoint, with contexts that can be renewed while it listens.
"""

from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, serverFromString, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from hl7calf.service.certificates import TlsFiles
from hl7calf.service.tls import ServerContexts, ServerTls
from hl7calf.service.tls_client import ClientContexts, ClientTls

__all__ = ["ClientTls", "ServerTls", "TlsFiles", "client_endpoint", "server_endpoint"]


def server_endpoint(reactor: Any, text: str, tls: ServerContexts | ServerTls | None) -> IStreamServerEndpoint:
    """Return where to listen.

    Raises:
        TlsFiles: the files do not fit.
    """
    plain: IStreamServerEndpoint = serverFromString(reactor, text)
    if tls is None:
        return plain
    return _TlsServerEndpoint(plain, ServerContexts(tls) if isinstance(tls, ServerTls) else tls)


def client_endpoint(
    reactor: Any, host: str, port: int, connect_timeout_s: float, tls: ClientContexts | ClientTls | None
) -> IStreamClientEndpoint:
    """Return where to connect.

    Raises:
        TlsFiles: the files do not fit.
    """
    plain = HostnameEndpoint(reactor, host.encode("idna"), port, timeout=connect_timeout_s)
    if tls is None:
        return plain
    endpoint: IStreamClientEndpoint = wrapClientTLS(ClientContexts(tls) if isinstance(tls, ClientTls) else tls, plain)
    return endpoint


@implementer(IStreamServerEndpoint)
class _TlsServerEndpoint:
    """Speaks TLS on whatever a plain endpoint listens on, sockets of systemd among them."""

    def __init__(self, plain: IStreamServerEndpoint, contexts: ServerContexts) -> None:
        self._plain = plain
        self._contexts = contexts

    def listen(self, protocolFactory: Any) -> Any:
        return self._plain.listen(TLSMemoryBIOFactory(self._contexts, False, protocolFactory))
