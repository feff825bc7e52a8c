from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from hl7calf.service.certificates import TlsFiles, days_left, names_of, read_certificates, read_revocations, senders_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def written(folder: Path, *names: str, ends: datetime | None = None) -> Path:
    path = folder / "one.pem"
    issued = trustme.CA().issue_cert(*names, not_after=ends)
    issued.cert_chain_pems[0].write_to_path(path)
    return path


def test_names_are_dns_names_addresses_and_uris_in_lower_case(tmp_path: Path) -> None:
    path = written(tmp_path, "CPOE.example.org", "192.0.2.7")
    certificate = read_certificates(path)[0].original.to_cryptography()
    assert names_of(certificate) == ("cpoe.example.org", "192.0.2.7")


def test_a_certificate_without_alternative_names_has_none() -> None:
    pem = trustme.CA().cert_pem.bytes()
    assert names_of(x509.load_pem_x509_certificate(pem)) == ()


def test_without_clients_every_certificate_may_send_anything() -> None:
    assert senders_of(("a",), {}) == frozenset()


def test_a_name_that_is_not_listed_may_not_come_in() -> None:
    assert senders_of(("b",), {"a": ()}) is None
    assert senders_of((), {"a": ()}) is None


def test_a_listed_name_may_send_what_stands_beside_it() -> None:
    clients = {"A.example": ("CPOE|WARD", "CPOE|ICU"), "b": ("HIS|",), "c": ()}
    assert senders_of(("a.example",), clients) == {b"CPOE|WARD", b"CPOE|ICU"}
    assert senders_of(("a.example", "b"), clients) == {b"CPOE|WARD", b"CPOE|ICU", b"HIS|"}
    assert senders_of(("b", "c"), clients) == frozenset(), "one of its names may send anything"


def test_the_first_end_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "a", ends=NOW + timedelta(days=12, hours=1))
    assert days_left([path], NOW.timestamp()) == 12
    assert days_left([path], (NOW + timedelta(days=13)).timestamp()) == -1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "-----BEGIN X509 CRL-----\nGEHEIM\n-----END X509 CRL-----\n",
        "-----BEGIN CERTIFICATE-----\nGEHEIM\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wrong.pem"
    path.write_text(content)
    for read in (read_certificates, read_revocations):
        with pytest.raises(TlsFiles) as caught:
            read(path)
        assert "wrong.pem" in str(caught.value) and "GEHEIM" not in str(caught.value)
