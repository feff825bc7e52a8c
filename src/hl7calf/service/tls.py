"""TLS: what both sides share; who may come in, why somebody may not, and new files without a dropped connection.

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
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
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
    23: "certificate revoked", 26: "not a certificate for this side", 66: "key too small",
    67: "authority's key too small", 68: "signature too weak",
}  # fmt: skip
_NO_WORDS = "no reason given"
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


def server_context(tls: ServerTls) -> SSL.Context:
    """Build the listening side's context; with `client_ca` a peer without a valid certificate is refused.

    Raises:
        TlsFiles: the files do not fit.
    """
    context = new_context(SSL.TLS_SERVER_METHOD)
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_info_callback(_note_alert)
    identify(context, tls.certificate, tls.key)
    if tls.client_ca is not None:
        trust(context, tls.client_ca)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verifier(tls.clients))
    if tls.revoked is not None:
        store: Any = context.get_cert_store()
        for revocations in read_revocations(tls.revoked):
            store.add_crl(revocations)
        store.set_flags(X509StoreFlags.CRL_CHECK)
    return context


def new_context(method: int) -> SSL.Context:
    """Build what both sides have in common."""
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(SUITES)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def trust(context: SSL.Context, authorities: Path) -> None:
    """Trust these authorities alone.

    Raises:
        TlsFiles: they cannot be read.
    """
    store: Any = context.get_cert_store()
    for authority in read_certificates(authorities):
        store.add_cert(authority.original)


def identify(context: SSL.Context, certificate: Path, key: Path) -> None:
    """Show this certificate, with the chain behind it.

    Raises:
        TlsFiles: the files do not fit.
    """
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
        why = "" if fine else reason_of(error)
        notes = connection.get_app_data().notes
        if fine and depth == 0:
            notes["senders"] = senders = senders_of(names_of(certificate.to_cryptography()), clients)
            why = WRONG_NAME if senders is None else ""
        if why:
            notes.setdefault("why", why)
        return not why

    return verified


def reason_of(error: int) -> str:
    """Return in words why OpenSSL did not accept a certificate."""
    return _REASONS.get(error, f"certificate not accepted, OpenSSL's error {error}")


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
    return _words(reason.value) if reason.value is not None else _NO_WORDS


def tls_refusal(transport: object, reason: Failure) -> str:
    """Return why TLS failed on a connection that was lost; "" when it was lost for another reason."""
    noted = getattr(transport, "notes", {}).get("why", "")
    failed = reason.type is not None and issubclass(reason.type, SSL.Error)
    words = why_refused(transport, reason) if noted or failed else ""
    return "" if words == _NO_WORDS else words


def _words(wrong: BaseException) -> str:
    """Return OpenSSL's own words for an error: constants of its source, nothing of a file or a peer."""
    errors = wrong.args[0] if wrong.args and isinstance(wrong.args[0], list) else []
    words = [str(error[-1]) for error in errors if isinstance(error, tuple) and error]
    return next((word for word in reversed(words) if word), _NO_WORDS)


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
