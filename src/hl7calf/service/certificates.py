"""Certificates and keys as files: read, judged, and asked for the names they carry.

Law: an error names the file and the kind of error, nothing of its content. Nothing here speaks to a peer.

Source: RFC 5280 §4.2.1.6 (subject alternative names), §5 (revocation lists); RFC 6125 §6.4.4 (the common name is no
longer looked at).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.internet.ssl import Certificate, PrivateCertificate

_END = b"-----END CERTIFICATE-----"
_END_LIST = b"-----END X509 CRL-----"


class TlsFiles(Exception):
    """A certificate or key cannot be used. Names the file and the kind of error, nothing of its content."""


def read_own(certificate: Path, key: Path) -> PrivateCertificate:
    """Read our own certificate with its key.

    Raises:
        TlsFiles: they cannot be read, or do not belong together.
    """
    try:
        own: PrivateCertificate = PrivateCertificate.loadPEM(key.read_bytes() + b"\n" + certificate.read_bytes())
    except Exception as wrong:  # OpenSSL has its own tree of errors; each means the same here
        raise TlsFiles(f"{certificate.name} and {key.name}: {type(wrong).__name__}") from None
    return own


def read_certificates(path: Path) -> list[Certificate]:
    """Read all certificates of a PEM file, in its order.

    Raises:
        TlsFiles: there is none, or one cannot be read.
    """
    try:
        parts = [part + _END + b"\n" for part in path.read_bytes().split(_END) if b"BEGIN CERTIFICATE" in part]
        found = [Certificate.loadPEM(part) for part in parts]
    except Exception as wrong:  # as above
        raise TlsFiles(f"{path.name}: {type(wrong).__name__}") from None
    if not found:
        raise TlsFiles(f"{path.name}: holds no certificate")
    return found


def read_chain(path: Path) -> list[Any]:
    """Read what stands behind the first certificate of a file: its authorities, for the peer."""
    return [certificate.original for certificate in read_certificates(path)[1:]]


def read_revocations(path: Path) -> list[x509.CertificateRevocationList]:
    """Read all revocation lists of a PEM file.

    Raises:
        TlsFiles: there is none, or one cannot be read.
    """
    try:
        parts = [part + _END_LIST + b"\n" for part in path.read_bytes().split(_END_LIST) if b"BEGIN X509 CRL" in part]
        found = [x509.load_pem_x509_crl(part.lstrip()) for part in parts]
    except Exception as wrong:  # as above
        raise TlsFiles(f"{path.name}: {type(wrong).__name__}") from None
    if not found:
        raise TlsFiles(f"{path.name}: holds no revocation list")
    return found


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names of a certificate: DNS names in lower case, addresses, URIs."""
    try:
        carried = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    names = [name.lower() for name in carried.get_values_for_type(x509.DNSName)]
    names += [str(address) for address in carried.get_values_for_type(x509.IPAddress)]
    return (*names, *carried.get_values_for_type(x509.UniformResourceIdentifier))


def senders_of(names: Iterable[str], clients: Mapping[str, Sequence[str]]) -> frozenset[bytes] | None:
    """Return the `MSH-3|MSH-4` that a client with these names may send; empty: any; None: it may not come in.

    Args:
        clients: what each known name may send; empty: all clients with a valid certificate may send anything.
    """
    if not clients:
        return frozenset()
    known = {name.lower(): senders for name, senders in clients.items()}
    granted = [known[name.lower()] for name in names if name.lower() in known]
    if not granted:
        return None
    if any(not senders for senders in granted):
        return frozenset()
    return frozenset(sender.encode() for senders in granted for sender in senders)


def days_left(paths: Iterable[Path], now: float) -> int:
    """Return the whole days until the first of these certificates ends, negative when one has (Unix seconds).

    Raises:
        TlsFiles: one cannot be read.
    """
    ends: list[datetime] = [
        one.original.to_cryptography().not_valid_after_utc for path in paths for one in read_certificates(path)
    ]
    return (min(ends) - datetime.fromtimestamp(now, UTC)).days
