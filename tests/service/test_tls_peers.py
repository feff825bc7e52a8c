"""P18: twelve peers that must not come in by TLS, one that may, and what happens when certificates change."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hl7calf.config import load_settings
from hl7calf.errors import SettingsError
from tests.conftest import require_service
from tests.service.doubles import frame, message
from tests.service.served import Row, Served, serving
from tests.service.stage import until

NOW = datetime.now(UTC)
NAME = "cpoe.example.org"
MUTUAL = (
    'tls = {certificate = "own.pem", key = "own.pem", client_ca = "ca.pem", revoked = "revoked.pem", '
    f'clients = {{"{NAME}" = ["CPOE|WARD"], "any.example.org" = []}}}}'
)


class Authority:
    """An authority that also issues what no good one would."""

    def __init__(self, folder: Path, common_name: str = "hl7calf test authority") -> None:
        self.folder = folder
        self.key = rsa.generate_private_key(65537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        self.certificate = self._build(self.name, self.key, self.name, self.key).sign(self.key, hashes.SHA256())

    def _build(
        self,
        subject: x509.Name,
        key: rsa.RSAPrivateKey,
        issuer: x509.Name,
        issuer_key: rsa.RSAPrivateKey,
        days: tuple[float, float] = (-60, 365),
        name: str = "",
    ) -> x509.CertificateBuilder:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW + timedelta(days=days[0]))
            .not_valid_after(NOW + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=not name, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if not name:
            return builder.add_extension(
                x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
            )
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).add_extension(
            usage, critical=False
        )

    def issue(
        self,
        file: str,
        name: str = NAME,
        days: tuple[float, float] = (-1, 90),
        bits: int = 2048,
        digest: hashes.HashAlgorithm | None = None,
        self_signed: bool = False,
    ) -> x509.Certificate:
        """Write a certificate with its key into one file."""
        key = rsa.generate_private_key(65537, bits)  # too short on purpose, where it is
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer, issuer_key = (subject, key) if self_signed else (self.name, self.key)
        made = self._build(subject, key, issuer, issuer_key, days, name).sign(issuer_key, digest or hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / file).write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
        return made

    def write(self, file: str) -> None:
        (self.folder / file).write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def revoke(self, file: str, *certificates: x509.Certificate) -> None:
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(NOW - timedelta(days=1))
            .next_update(NOW + timedelta(days=30))
        )
        for one in certificates:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(one.serial_number)
                .revocation_date(NOW - timedelta(hours=1))
                .build()
            )
            builder = builder.add_revoked_certificate(entry)
        (self.folder / file).write_bytes(
            builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )


def write_all(folder: Path) -> Authority:
    authority, stranger = Authority(folder), Authority(folder, "somebody else")
    authority.write("ca.pem")
    authority.issue("own.pem", "localhost")
    authority.issue("good.pem")
    authority.issue("any.pem", "any.example.org")
    authority.issue("self-signed.pem", self_signed=True)
    authority.issue("expired.pem", days=(-30, -1))
    authority.issue("early.pem", days=(1, 30))
    authority.issue("name.pem", "his.example.org")
    authority.issue("short.pem", bits=1024)
    stranger.issue("stranger.pem")
    authority.revoke("revoked.pem", authority.issue("withdrawn.pem"))
    return authority


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    write_all(folder)
    with serving(folder, {"mutual": MUTUAL, "hasty": MUTUAL + "\nfirst_byte_timeout_s = 1.5"}) as served:
        yield served


def context(served: Served, certificate: str = "") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(served.stage.folder / "ca.pem"))
    made.set_ciphers("DEFAULT@SECLEVEL=0")  # the peer would do anything
    if certificate:
        made.load_cert_chain(str(served.stage.folder / certificate))
    return made


def connected(served: Served, made: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", served.ports["mutual"]), 20)
    return made.wrap_socket(plain, server_hostname="localhost")


def refused(served: Served, row: Row, made: ssl.SSLContext, why: str) -> None:
    """Try to send a message; ask that nothing of it was read and one line names the reason."""
    received = served.stage.metric("received_total")
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        peer = connected(served, made)
        with peer:
            peer.sendall(frame(message("SECRET")))
            if not peer.recv(4096):
                raise EOFError
    row.event("C_TLS_REFUSED")
    lines = [event for event in row.events if event["event"] == "C_TLS_REFUSED"]
    assert len(lines) == 1 and why in lines[0]["why"], lines
    assert served.stage.metric("received_total") == received
    assert row.quarantined(0) == []


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ("", "peer did not return a certificate"),
        ("self-signed.pem", "self-signed certificate"),
        ("expired.pem", "certificate expired"),
        ("early.pem", "certificate not yet valid"),
        ("stranger.pem", "issued by an unknown authority"),
        ("name.pem", "no name of the certificate is among the clients"),
        ("withdrawn.pem", "certificate revoked"),
        ("short.pem", "key too small"),
    ],
    ids=["none", "self-signed", "expired", "not-yet-valid", "wrong-ca", "wrong-name", "revoked", "rsa-1024"],
)
def test_a_bad_certificate_is_refused_by_its_name(served: Served, certificate: str, why: str) -> None:
    with served.row() as row:
        refused(served, row, context(served, certificate), why)


def test_a_certificate_signed_with_sha_1_is_refused(served: Served, tmp_path: Path) -> None:
    require_service("openssl", shutil.which("openssl"))
    folder = served.stage.folder
    authority = folder / "sha1-ca.key"  # the same authority cannot sign so with cryptography; openssl(1) can
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            authority,
            "-out",
            folder / "sha1-ca.pem",
            "-subj",
            "/CN=old",
            "-days",
            "30",
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            "openssl",
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            tmp_path / "k",
            "-out",
            tmp_path / "r",
            "-subj",
            f"/CN={NAME}",
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            "openssl",
            "x509",
            "-req",
            "-sha1",
            "-in",
            tmp_path / "r",
            "-CA",
            folder / "sha1-ca.pem",
            "-CAkey",
            authority,
            "-CAcreateserial",
            "-out",
            tmp_path / "c",
            "-days",
            "9",
        ],
        check=True,
        capture_output=True,
    )
    (folder / "sha1.pem").write_bytes((tmp_path / "k").read_bytes() + (tmp_path / "c").read_bytes())
    (folder / "both.pem").write_bytes((folder / "ca.pem").read_bytes() + (folder / "sha1-ca.pem").read_bytes())
    ports = {"sha1": 'tls = {certificate = "own.pem", key = "own.pem", client_ca = "both.pem"}'}
    more = tmp_path / "more"
    more.mkdir()
    for name in ("own.pem", "both.pem", "ca.pem", "sha1.pem"):
        shutil.copy(folder / name, more / name)
    with serving(more, ports) as other, other.row() as row:
        other.ports["mutual"] = other.ports["sha1"]
        refused(other, row, context(other, "sha1.pem"), "signature too weak")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused(served: Served) -> None:
    with served.row() as row:
        made = context(served, "good.pem")
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_1
        refused(served, row, made, "unsupported protocol")


def test_a_suite_without_forward_secrecy_is_refused(served: Served) -> None:
    with served.row() as row:
        made = context(served, "good.pem")
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("AES128-SHA:AES256-GCM-SHA384@SECLEVEL=0")
        refused(served, row, made, "no shared cipher")


def test_plain_text_is_refused(served: Served) -> None:
    with served.row() as row:
        received = served.stage.metric("received_total")
        sender = served.peer("mutual")
        sender.socket.sendall(frame(message("PLAIN")))
        until(sender.ended)
        assert (
            "wrong version number" in row.event("C_TLS_REFUSED")["why"] or "http" in row.event("C_TLS_REFUSED")["why"]
        )
        assert served.stage.metric("received_total") == received
        assert row.quarantined(0) == []


def test_who_never_ends_the_handshake_is_sent_away_and_the_others_are_served(served: Served) -> None:
    with served.row() as row:
        mute, slow = served.peer("hasty"), served.peer("hasty")
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        slow.socket.sendall(hello[:1])
        plain = socket.create_connection(("127.0.0.1", served.ports["hasty"]), 20)
        with context(served, "good.pem").wrap_socket(plain, server_hostname="localhost") as peer:
            peer.sendall(frame(message("TLS-HASTY")))
            assert b"MSA|AA|TLS-HASTY" in peer.recv(4096)
            slow.socket.sendall(hello[1:])
            assert mute.ended() and slow.ended()
        assert [event["event"] for event in row.events].count("C_NO_FIRST_BYTE") == 2
        assert row.forwarded(1) == [message("TLS-HASTY")]


def test_a_wish_to_renegotiate_ends_the_connection(served: Served) -> None:
    require_service("openssl", shutil.which("openssl"))
    folder, port = served.stage.folder, served.ports["mutual"]
    with served.row() as row:
        command = [
            "openssl",
            "s_client",
            "-connect",
            f"127.0.0.1:{port}",
            "-tls1_2",
            "-cert",
            folder / "good.pem",
            "-key",
            folder / "good.pem",
            "-CAfile",
            folder / "ca.pem",
        ]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as client:
            assert client.stdin is not None
            time.sleep(1.0)
            client.stdin.write(b"R\n")
            client.stdin.flush()
            try:
                assert row.event("C_TLS_REFUSED")["why"] == "renegotiation"
            finally:
                client.kill()
        assert row.forwarded(0) == []


def test_a_good_peer_comes_in_and_is_served(served: Served) -> None:
    with served.row() as row, connected(served, context(served, "good.pem")) as peer:
        peer.sendall(frame(message("TLS-GOOD")))
        assert b"MSA|AA|TLS-GOOD" in peer.recv(4096)
        assert row.forwarded(1) == [message("TLS-GOOD")]
        assert peer.version() == "TLSv1.3"


def test_tls_1_2_is_good_enough(served: Served) -> None:
    with served.row():
        made = context(served, "good.pem")
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        with connected(served, made) as peer:
            peer.sendall(frame(message("TLS-12")))
            assert b"MSA|AA|TLS-12" in peer.recv(4096)


def test_a_certificate_is_bound_to_its_sending_application_and_facility(served: Served) -> None:
    other = message("TLS-BOUND").replace(b"|CPOE|WARD|", b"|HIS|ADT|")
    with served.row() as row, connected(served, context(served, "good.pem")) as peer:
        peer.sendall(frame(other) + frame(message("TLS-MINE")))
        answers = b""
        while answers.count(b"\x1c\r") < 2:
            answers += peer.recv(4096)
        assert answers.index(b"MSA|AR|TLS-BOUND") < answers.index(b"MSA|AA|TLS-MINE")
        assert row.forwarded(1) == [message("TLS-MINE")]
        assert row.quarantined(2) == [("H_WRONG_SENDER", other)]
        row.event("F_FAULT", fault="H_WRONG_SENDER")


def test_a_name_without_senders_may_send_anything(served: Served) -> None:
    other = message("TLS-ANY").replace(b"|CPOE|WARD|", b"|HIS|ADT|")
    with served.row() as row, connected(served, context(served, "any.pem")) as peer:
        peer.sendall(frame(other))
        assert b"MSA|AA|TLS-ANY" in peer.recv(4096)
        assert row.forwarded(1) == [other]


def served_certificate(served: Served) -> int:
    with connected(served, context(served, "good.pem")) as peer:
        der = peer.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).serial_number


def test_new_certificates_are_taken_at_sighup_and_no_connection_is_dropped(tmp_path: Path) -> None:
    authority = write_all(tmp_path)
    with serving(tmp_path, {"mutual": MUTUAL}) as served, connected(served, context(served, "good.pem")) as kept:
        before = served_certificate(served)
        assert "C_CERTIFICATE_EXPIRES" not in served.stage.codes
        renewed = authority.issue("own.pem", "localhost", days=(-1, 20))
        served.stage.signal(signal.SIGHUP)
        until(lambda: "S_RELOAD" in served.stage.codes)
        assert served_certificate(served) == renewed.serial_number != before
        kept.sendall(frame(message("TLS-KEPT")))
        assert b"MSA|AA|TLS-KEPT" in kept.recv(4096)
        until(lambda: "C_CERTIFICATE_EXPIRES" in served.stage.codes)
        assert next(e for e in served.stage.events if e["event"] == "C_CERTIFICATE_EXPIRES")["days_left"] in (19, 20)
        (tmp_path / "own.pem").write_text("broken")
        served.stage.signal(signal.SIGHUP)
        until(lambda: "S_RELOAD_REFUSED" in served.stage.codes)
        assert served_certificate(served) == renewed.serial_number, "a broken reload keeps the old"


def edited(folder: Path, change: Callable[[str], str]) -> Path:
    from tests.service.stage import Stage

    Stage(folder)
    path = folder / "hl7calf.toml"
    path.write_text(change(path.read_text()).replace('id = "DEMO"', 'id = "SITE"'))
    return path


@pytest.mark.parametrize("interface", [":interface=0.0.0.0", "", ":interface=192.0.2.7"])
def test_a_listener_beyond_loopback_without_allow_list_or_client_authority_is_refused(
    tmp_path: Path, interface: str
) -> None:
    def open_up(text: str) -> str:
        head, _, tail = text.partition("[[route]]")
        return head + "[[route]]" + tail.replace(":interface=127.0.0.1", interface, 1)

    with pytest.raises(SettingsError) as caught:
        load_settings(edited(tmp_path, open_up))
    assert "route[1].allow" in str(caught.value)
    load_settings(edited(tmp_path, lambda text: open_up(text) + 'allow = ["192.0.2.0/24"]\n'))
    write_all(tmp_path)
    load_settings(edited(tmp_path, lambda text: open_up(text) + MUTUAL + "\n"))


def test_a_peer_outside_the_allow_list_is_turned_away(tmp_path: Path) -> None:
    with serving(tmp_path, {"fenced": 'allow = ["192.0.2.0/24"]'}) as served, served.row() as row:
        sender = served.peer("fenced")
        sender.socket.sendall(frame(message("FENCED")))
        assert sender.ended()
        row.event("C_NOT_ALLOWED", peer="127.0.0.1")
        assert row.quarantined(0) == [] and row.forwarded(0) == []


def test_trustme_and_our_own_authority_agree_on_what_a_good_peer_is(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(tmp_path / "good.pem")
    tls = 'tls = {certificate = "own.pem", key = "own.pem", client_ca = "ca.pem"}'
    with serving(tmp_path, {"mutual": tls}) as served, connected(served, context(served, "good.pem")) as peer:
        peer.sendall(frame(message("TRUSTME")))
        assert b"MSA|AA|TRUSTME" in peer.recv(4096)
        assert os.path.exists(tmp_path / "ca.pem")
