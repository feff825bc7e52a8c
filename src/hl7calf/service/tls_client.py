"""TLS towards a destination: whom we trust, under which name, and why a connection did not come about.

Law: the name is always checked, whatever the authority; a destination that is not who it should be is sent nothing
(S15). The reason of a refusal is kept where the connection can find it, in OpenSSL's words or ours.

Source: RFC 6125 §6 (names); NIST SP 800-52 Rev. 2 §4.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from hl7calf.service.tls import identify, new_context, reason_of, trust

OTHER_NAME = "the certificate is for another name"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom to trust (None: the system's authorities), under which name, and who we are, if asked."""

    name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


def client_context(tls: ClientTls) -> SSL.Context:
    """Build the context towards a destination; the name is looked at connection by connection.

    Raises:
        TlsFiles: the files do not fit.
    """
    context = new_context(SSL.TLS_CLIENT_METHOD)
    if tls.ca is None:
        context.set_default_verify_paths()
    else:
        trust(context, tls.ca)
    if tls.certificate is not None and tls.key is not None:
        identify(context, tls.certificate, tls.key)
    return context


@implementer(IOpenSSLClientConnectionCreator)
class ClientContexts:
    """The contexts towards one destination: the one in force, for new connections."""

    def __init__(self, tls: ClientTls) -> None:
        self.tls = tls
        self.context = client_context(tls)

    def read(self) -> SSL.Context:
        """Read the files anew, changing nothing.

        Raises:
            TlsFiles: they do not fit.
        """
        return client_context(self.tls)

    @property
    def files(self) -> tuple[Path, ...]:
        """Our certificate and the authorities, whose end is watched."""
        return tuple(path for path in (self.tls.certificate, self.tls.ca) if path is not None)

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Make one connection's TLS: the name is asked for (SNI) and must be in the certificate."""
        name = self.tls.name
        by_address = isIPAddress(name) or isIPv6Address(name)
        ascii_name = name if by_address else name.encode("idna").decode("ascii")
        connection = SSL.Connection(self.context, None)
        protocol.notes = {}
        if not by_address:
            connection.set_tlsext_host_name(ascii_name.encode("ascii"))
        wanted = IPAddress_ID(ascii_name) if by_address else DNS_ID(ascii_name)
        connection.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verifier_of_name(wanted, protocol.notes)
        )
        return connection


def _verifier_of_name(wanted: DNS_ID | IPAddress_ID, notes: dict[str, str]) -> Any:
    def verified(connection: SSL.Connection, certificate: X509, error: int, depth: int, fine: int) -> bool:
        """Note what OpenSSL found, and look for the destination's name in its certificate."""
        why = "" if fine else reason_of(error)
        if fine and depth == 0:
            try:
                verify_service_identity(extract_patterns(certificate), [wanted], [])
            except Exception as wrong:  # a certificate that cannot be read is none, whatever the error
                why = OTHER_NAME if isinstance(wrong, VerificationError) else type(wrong).__name__
        if why:
            notes.setdefault("why", why)
        return not why

    return verified
