"""Addresses, and TLS between `replay` and `receive`."""

import re
from pathlib import Path

import click
import pytest
import trustme

from hl7calf.cli.endpoints import Address, AddressType

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|T1|P|2.5.1\rPID|1\r"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:2575", Address("127.0.0.1", 2575)),
        ("ris.example:80", Address("ris.example", 80)),
        ("[::1]:2575", Address("::1", 2575)),
        (":2575", Address("127.0.0.1", 2575)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: Address) -> None:
    assert AddressType().convert(text, None, None) == address


@pytest.mark.parametrize("text", ["2575", "host", "host:", "host:port", "host:99999", "host:-1", "host:²"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write for example"):
        AddressType().convert(text, None, None)


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert str(Address("::1", 2575)) == "[::1]:2575"


class Certificates:
    def __init__(self, folder: Path) -> None:
        self.ca, other = trustme.CA(), trustme.CA()
        self.files = {"ca": folder / "ca.pem", "other": folder / "other.pem"}
        self.ca.cert_pem.write_to_path(str(self.files["ca"]))
        other.cert_pem.write_to_path(str(self.files["other"]))
        for name, issued in (
            ("server", self.ca.issue_cert("localhost")),
            ("client", self.ca.issue_cert("client@example")),
        ):
            self.files[name], self.files[f"{name}-key"] = folder / f"{name}.pem", folder / f"{name}.key"
            issued.cert_chain_pems[0].write_to_path(str(self.files[name]))
            issued.private_key_pem.write_to_path(str(self.files[f"{name}-key"]))


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    (tmp_path / "a.hl7").write_bytes(MESSAGE)
    return tmp_path / "a.hl7"


@pytest.fixture
def port(start, certificates):
    def _port(*options: object) -> str:
        files = certificates.files
        child = start(
            "receive",
            "--listen",
            "127.0.0.1:0",
            "--tls-certificate",
            files["server"],
            "--tls-key",
            files["server-key"],
            *options,
        )
        line = child.stderr.readline()
        found = re.search(r"Listening on \S+:(\d+);", line)
        assert found, line
        return found[1]

    return _port


def test_a_message_goes_over_tls_with_the_name_checked(process, port, certificates, sample) -> None:
    done = process("replay", sample, "--to", f"localhost:{port()}", "--tls-ca", certificates.files["ca"])
    assert done.returncode == 0, done.stderr


def test_a_wrong_name_is_refused(process, port, certificates, sample) -> None:
    done = process(
        "replay",
        sample,
        "--to",
        f"localhost:{port()}",
        "--tls-ca",
        certificates.files["ca"],
        "--tls-name",
        "ris.example",
        "--timeout",
        "5",
    )
    assert done.returncode == 1 and done.stderr.count("\n") <= 1


def test_an_unknown_authority_is_refused(process, port, certificates, sample) -> None:
    done = process(
        "replay", sample, "--to", f"localhost:{port()}", "--tls-ca", certificates.files["other"], "--timeout", "5"
    )
    assert done.returncode == 1


def test_a_receiver_that_wants_a_client_certificate(process, port, certificates, sample) -> None:
    files = certificates.files
    to = f"localhost:{port('--tls-client-ca', files['ca'])}"
    assert process("replay", sample, "--to", to, "--tls-ca", files["ca"], "--timeout", "5").returncode == 1
    done = process(
        "replay",
        sample,
        "--to",
        to,
        "--tls-ca",
        files["ca"],
        "--tls-certificate",
        files["client"],
        "--tls-key",
        files["client-key"],
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_a_certificate_without_its_key_is_refused(run, certificates, sample) -> None:
    shown = run("replay", sample, "--to", "127.0.0.1:1", "--tls-certificate", certificates.files["client"])
    assert shown.exit_code == 2 and "belong together" in shown.stderr


def test_a_file_that_is_no_certificate_is_refused(process, sample) -> None:
    done = process("replay", sample, "--to", "127.0.0.1:1", "--tls-ca", sample)
    assert done.returncode == 2 and "holds no PEM certificate" in done.stderr
