"""Endpoints: where we listen and connect, plain or with TLS.

Law: TLS 1.2 and later; the other side's name is always checked when we connect, and its certificate when we ask for
one. Twisted's `ssl:` strings cannot require client certificates, so the contexts are built here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import HostnameEndpoint, serverFromString, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

_END = b"-----END CERTIFICATE-----"


class TlsFiles(Exception):
    """A certificate or key cannot be used. Names the file and the kind of error, nothing of its content."""


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Own certificate and key, and the authorities of the peers' ones; none: no certificate is asked for."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom to trust (None: the system's authorities), under which name, and who we are, if asked."""

    name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def server_endpoint(reactor: Any, text: str, tls: ServerTls | None) -> IStreamServerEndpoint:
    """Return where to listen.

    Raises:
        TlsFiles: the files do not fit.
    """
    plain = serverFromString(reactor, text)
    return plain if tls is None else _TlsServerEndpoint(plain, server_context(tls))


def server_context(tls: ServerTls) -> CertificateOptions:
    """Build the listening side's context; with `client_ca` a peer without a valid certificate is refused."""
    own = _own(tls.certificate, tls.key)
    trust = None if tls.client_ca is None else trustRootFromCertificates(_authorities(tls.client_ca))
    return CertificateOptions(
        privateKey=own.privateKey.original, certificate=own.original, extraCertChain=_chain(tls.certificate),
        trustRoot=trust, raiseMinimumTo=TLSVersion.TLSv1_2,
    )


def client_endpoint(
    reactor: Any, host: str, port: int, connect_timeout_s: float, tls: ClientTls | None
) -> IStreamClientEndpoint:
    """Return where to connect.

    Raises:
        TlsFiles: the files do not fit.
    """
    plain = HostnameEndpoint(reactor, host.encode("idna"), port, timeout=connect_timeout_s)
    if tls is None:
        return plain
    own = _own(tls.certificate, tls.key) if tls.certificate is not None and tls.key is not None else None
    trust = platformTrust() if tls.ca is None else trustRootFromCertificates(_authorities(tls.ca))
    options = optionsForClientTLS(
        tls.name, trust, own, extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2}
    )
    endpoint: IStreamClientEndpoint = wrapClientTLS(options, plain)
    return endpoint


@implementer(IStreamServerEndpoint)
class _TlsServerEndpoint:
    """Speaks TLS on whatever a plain endpoint listens on, sockets of systemd among them."""

    def __init__(self, plain: IStreamServerEndpoint, context: CertificateOptions) -> None:
        self._plain = plain
        self._context = context

    def listen(self, protocolFactory: Any) -> Any:
        return self._plain.listen(TLSMemoryBIOFactory(self._context, False, protocolFactory))


def _own(certificate: Path, key: Path) -> PrivateCertificate:
    try:
        own: PrivateCertificate = PrivateCertificate.loadPEM(key.read_bytes() + b"\n" + certificate.read_bytes())
    except Exception as wrong:  # OpenSSL has its own tree of errors; each means the same here
        raise TlsFiles(f"{certificate.name} and {key.name}: {type(wrong).__name__}") from None
    return own


def _chain(path: Path) -> list[Any]:
    return [certificate.original for certificate in _authorities(path)[1:]]


def _authorities(path: Path) -> list[Certificate]:
    try:
        parts = [part + _END + b"\n" for part in path.read_bytes().split(_END) if b"BEGIN CERTIFICATE" in part]
        found = [Certificate.loadPEM(part) for part in parts]
    except Exception as wrong:  # as above
        raise TlsFiles(f"{path.name}: {type(wrong).__name__}") from None
    if not found:
        raise TlsFiles(f"{path.name}: holds no certificate")
    return found
