"""HOST:PORT on the command line, TLS options, and connection failures told in plain words.

Law: Twisted is imported inside the functions, after the arguments are known to be good. TLS checks the
receiver's name and certificate always; there is no switch to turn that off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from hl7calf.cli.failures import Unusable

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, as `HOST:PORT`, `[IPv6]:PORT` or `:PORT` for this machine."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class AddressType(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.3 on only
    """click's view of an `Address`."""

    name = "host:port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Read HOST:PORT; say what is missing otherwise."""
        if isinstance(value, Address):
            return value
        host, colon, port = str(value).rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"`{value}` is not HOST:PORT; write for example 127.0.0.1:2575.", param, ctx)
        return Address(host or "127.0.0.1", int(port))


@dataclass(frozen=True, slots=True)
class Tls:
    """What the TLS options said. `ca` None means the system's authorities; `name` None means the host's."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    name: str | None = None


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def tls_options(command: F) -> F:
    """Add the TLS options of a client to a command; `read_tls` makes one value of them."""
    for option in (
        click.option("--tls-name", metavar="NAME", help="Name the certificate must carry, if not the host's."),
        click.option("--tls-key", type=_FILE, help="Private key of --tls-certificate (PEM)."),
        click.option("--tls-certificate", type=_FILE, help="Own certificate to show (PEM)."),
        click.option("--tls-ca", type=_FILE, help="Authority that signed the receiver's certificate (PEM)."),
        click.option("--tls", is_flag=True, help="Speak TLS; any other --tls-* option implies it."),
    ):
        command = option(command)
    return command


def read_tls(options: dict[str, Any]) -> Tls | None:
    """Take the TLS options out of a command's options; None when none was given.

    Raises:
        Unusable: a certificate without a key or the other way round.
    """
    asked = options.pop("tls")
    tls = Tls(options.pop("tls_ca"), options.pop("tls_certificate"), options.pop("tls_key"), options.pop("tls_name"))
    if (tls.certificate is None) != (tls.key is None):
        raise Unusable("--tls-certificate and --tls-key belong together; give both.")
    return tls if asked or tls != Tls() else None


def client_endpoint(reactor: Any, address: Address, tls: Tls | None, timeout_s: float) -> Any:
    """Return a Twisted client endpoint, plain or TLS 1.2 and later with the receiver's name checked."""
    from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

    plain = HostnameEndpoint(reactor, address.host.encode(), address.port, timeout=timeout_s)
    if tls is None:
        return plain
    ssl = _ssl()
    own = _own_certificate(tls.certificate, tls.key)
    trust = ssl.platformTrust() if tls.ca is None else ssl.trustRootFromCertificates(_authorities(tls.ca))
    options = ssl.optionsForClientTLS(
        tls.name or address.host, trust, own, extraCertificateOptions={"raiseMinimumTo": ssl.TLSVersion.TLSv1_2}
    )
    return wrapClientTLS(options, plain)


def server_endpoint(
    reactor: Any, address: Address, certificate: Path | None, key: Path | None, client_ca: Path | None
) -> Any:
    """Return a Twisted server endpoint; TLS when a certificate is given, mutual when an authority is.

    Raises:
        Unusable: the files do not fit together.
    """
    from twisted.internet import endpoints as twisted_endpoints

    endpoints: Any = twisted_endpoints  # not all of it is typed
    if certificate is None and key is None and client_ca is None:
        kind = endpoints.TCP6ServerEndpoint if ":" in address.host else endpoints.TCP4ServerEndpoint
        return kind(reactor, address.port, interface=_numeric(address.host))
    own = _own_certificate(certificate, key)
    if own is None:
        raise Unusable("TLS needs --tls-certificate and --tls-key.")
    ssl = _ssl()
    trust = None if client_ca is None else ssl.trustRootFromCertificates(_authorities(client_ca))
    context = ssl.CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        trustRoot=trust,
        raiseMinimumTo=ssl.TLSVersion.TLSv1_2,
    )
    return endpoints.SSL4ServerEndpoint(reactor, address.port, context, interface=_numeric(address.host))


def _numeric(host: str) -> str:
    """Return the address to bind: Twisted wants numbers, people write `localhost`."""
    return "127.0.0.1" if host == "localhost" else host


def _ssl() -> Any:
    """Return Twisted's ssl module, most of which is not typed."""
    from twisted.internet import ssl

    return ssl


def _own_certificate(certificate: Path | None, key: Path | None) -> Any:
    """Read an own certificate with its key; None when none was given."""
    if certificate is None or key is None:
        return None
    try:
        return _ssl().PrivateCertificate.loadPEM(key.read_bytes() + b"\n" + certificate.read_bytes())
    except Exception as error:
        raise Unusable(
            f"{certificate} and {key} cannot be used as certificate and key "
            f"({type(error).__name__}); both must be PEM and belong together."
        ) from None


def _authorities(path: Path) -> list[Any]:
    """Read the certificates in a PEM file."""
    end = b"-----END CERTIFICATE-----"
    parts = [part + end + b"\n" for part in path.read_bytes().split(end) if b"BEGIN CERTIFICATE" in part]
    try:
        read = [_ssl().Certificate.loadPEM(part) for part in parts]
    except Exception as error:
        raise Unusable(f"{path} is not a PEM file of certificates ({type(error).__name__}).") from None
    if not read:
        raise Unusable(f"{path} holds no PEM certificate.")
    return read
