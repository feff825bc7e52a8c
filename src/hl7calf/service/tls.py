"""TLS on both sides: who may come in, why somebody may not, and new files without a dropped connection.

Law: TLS 1.2 and later, forward secrecy, keys and signatures of at least 112 bits; no renegotiation and no resumption,
so that each connection is checked in full. A refusal has its reason in OpenSSL's own words, never in the peer's.

Source: NIST SP 800-52 Rev. 2 §3 (versions, suites); BCP 195 (RFC 9325) §3-4.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509, X509StoreFlags
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.internet.ssl import TLSVersion, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.python.failure import Failure
from zope.interface import implementer

from hl7calf.service.certificates import (
    TlsFiles,
    names_of,
    read_certificates,
    read_chain,
    read_own,
    read_revocations,
    senders_of,
)

SUITES = b"ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL@SECLEVEL=2"
WRONG_NAME = "no name of the certificate is among the clients of the route"
_REASONS = {  # X509_V_ERR_*, openssl-verification-options(1)
    9: "certificate not yet valid", 10: "certificate expired", 18: "self-signed certificate",
    19: "self-signed certificate in the chain", 20: "issued by an unknown authority",
    21: "issued by an unknown authority", 3: "no revocation list of its authority", 12: "revocation list expired",
    23: "certificate revoked", 26: "not a client certificate", 66: "key too small", 67: "authority's key too small",
    68: "signature too weak",
}  # fmt: skip
_NO_RENEGOTIATION = 100  # the alert with which OpenSSL answers a wish to renegotiate (RFC 5246 §7.2.2)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Own certificate and key, and the authorities of the peers' ones; none: no certificate is asked for.

    Attributes:
        revoked: revocation lists of those authorities; with them a certificate on none of them is refused as well.
        clients: names that are let in, each with the `MSH-3|MSH-4` it may send; see `certificates.senders_of`.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    revoked: Path | None = None
    clients: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom to trust (None: the system's authorities), under which name, and who we are, if asked."""

    name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def server_context(tls: ServerTls) -> SSL.Context:
    """Build the listening side's context; with `client_ca` a peer without a valid certificate is refused.

    Raises:
        TlsFiles: the files do not fit.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(SUITES)
    context.set_options(
        SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_info_callback(_note_alert)
    _identify(context, tls.certificate, tls.key)
    if tls.client_ca is not None:
        store: Any = context.get_cert_store()
        for authority in read_certificates(tls.client_ca):
            store.add_cert(authority.original)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verifier(tls.clients))
    if tls.revoked is not None:
        store = context.get_cert_store()
        for revocations in read_revocations(tls.revoked):
            store.add_crl(revocations)
        store.set_flags(X509StoreFlags.CRL_CHECK)
    return context


def _identify(context: SSL.Context, certificate: Path, key: Path) -> None:
    own = read_own(certificate, key)
    try:
        context.use_privatekey(own.privateKey.original.to_cryptography_key())
        context.use_certificate(own.original.to_cryptography())
        for authority in read_chain(certificate):
            context.add_extra_chain_cert(authority.to_cryptography())
    except SSL.Error as wrong:
        raise TlsFiles(f"{certificate.name}: {_words(wrong)}") from None


def _verifier(clients: Mapping[str, Sequence[str]]) -> Any:
    def verified(connection: SSL.Connection, certificate: X509, error: int, depth: int, fine: int) -> bool:
        """Note what OpenSSL found, and look at the names of a certificate that is fine."""
        why = "" if fine else _REASONS.get(error, f"certificate not accepted, OpenSSL's error {error}")
        notes = connection.get_app_data().notes
        if fine and depth == 0:
            notes["senders"] = senders = senders_of(names_of(certificate.to_cryptography()), clients)
            why = WRONG_NAME if senders is None else ""
        if why:
            notes.setdefault("why", why)
        return not why

    return verified


def _note_alert(connection: SSL.Connection, where: int, value: int) -> None:
    """End a connection whose peer wishes to renegotiate; OpenSSL alone would go on."""
    if where == SSL.SSL_CB_WRITE_ALERT and value & 0xFF == _NO_RENEGOTIATION:
        protocol = connection.get_app_data()
        protocol.notes["why"] = "renegotiation"
        _refuse(protocol)


@implementer(IOpenSSLServerConnectionCreator)
class ServerContexts:
    """The contexts of one listener: the one in force, for new connections."""

    def __init__(self, tls: ServerTls) -> None:
        self.tls = tls
        self.context = server_context(tls)

    def read(self) -> SSL.Context:
        """Read the files anew, changing nothing.

        Raises:
            TlsFiles: they do not fit.
        """
        return server_context(self.tls)

    @property
    def files(self) -> tuple[Path, ...]:
        """Our certificate and the authorities, whose end is watched."""
        return (self.tls.certificate, *([self.tls.client_ca] if self.tls.client_ca else []))

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Make one connection's TLS."""
        connection = SSL.Connection(self.context, None)
        protocol.notes = {}
        connection.set_app_data(protocol)
        return connection


@implementer(IOpenSSLClientConnectionCreator)
class ClientContexts:
    """The contexts towards one destination: the one in force, for new connections."""

    def __init__(self, tls: ClientTls) -> None:
        self.tls = tls
        self.context = self.read()

    def read(self) -> Any:
        """Read the files anew, changing nothing.

        Raises:
            TlsFiles: they do not fit.
        """
        tls = self.tls
        trust = platformTrust() if tls.ca is None else trustRootFromCertificates(read_certificates(tls.ca))
        more: dict[str, Any] = {"raiseMinimumTo": TLSVersion.TLSv1_2}
        if tls.certificate is not None and tls.key is not None:
            own = read_own(tls.certificate, tls.key)
            more["privateKey"] = own.privateKey.original.to_cryptography_key()
            more["certificate"] = own.original.to_cryptography()
            more["extraCertChain"] = [one.to_cryptography() for one in read_chain(tls.certificate)]
        try:
            return optionsForClientTLS(tls.name, trust, extraCertificateOptions=more)
        except SSL.Error as wrong:
            raise TlsFiles(f"{tls.certificate.name if tls.certificate else tls.name}: {_words(wrong)}") from None

    @property
    def files(self) -> tuple[Path, ...]:
        """Our certificate and the authorities, whose end is watched."""
        return tuple(path for path in (self.tls.certificate, self.tls.ca) if path is not None)

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Make one connection's TLS."""
        made: SSL.Connection = self.context.clientConnectionForTLS(protocol)
        return made


def _refuse(protocol: Any) -> None:
    """Cut a connection, not from within OpenSSL's callback."""
    from twisted.internet import reactor  # the one that runs the connection

    reactor_: Any = reactor
    reactor_.callLater(0, protocol.abortConnection)


def why_refused(transport: object, reason: Failure) -> str:
    """Return why a handshake failed: what was found in the certificate, else OpenSSL's constant words."""
    noted = getattr(transport, "notes", {}).get("why", "")
    if noted:
        return str(noted)
    return _words(reason.value) if reason.value is not None else "no reason given"


def _words(wrong: BaseException) -> str:
    """Return OpenSSL's own words for an error: constants of its source, nothing of a file or a peer."""
    errors = wrong.args[0] if wrong.args and isinstance(wrong.args[0], list) else []
    words = [str(error[-1]) for error in errors if isinstance(error, tuple) and error]
    return next((word for word in reversed(words) if word), "no reason given")


def allowed_senders(transport: object) -> frozenset[bytes]:
    """Return the `MSH-3|MSH-4` that the peer's certificate allows; empty: any."""
    senders: frozenset[bytes] = getattr(transport, "notes", {}).get("senders", frozenset())
    return senders


def raw_socket(transport: object) -> socket.socket | None:
    """Return the socket under a connection, TLS or not; None in tests without one."""
    while transport is not None:
        handle = transport.getHandle() if hasattr(transport, "getHandle") else None
        if isinstance(handle, socket.socket):
            return handle
        transport = getattr(transport, "transport", None)
    return None
