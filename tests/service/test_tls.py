from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL
from twisted.python.failure import Failure

from hl7calf.service.certificates import TlsFiles
from hl7calf.service.tls import ServerContexts, ServerTls, allowed_senders, raw_socket, why_refused
from hl7calf.service.tls_client import ClientContexts, ClientTls


@pytest.fixture
def tls(tmp_path: Path) -> ServerTls:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    return ServerTls(tmp_path / "own.pem", tmp_path / "own.pem", tmp_path / "ca.pem")


def test_reading_anew_changes_nothing_until_it_is_taken(tls: ServerTls) -> None:
    contexts = ServerContexts(tls)
    before = contexts.context
    renewed = contexts.read()
    assert contexts.context is before is not renewed
    tls.certificate.write_text("no certificate")
    with pytest.raises(TlsFiles):
        contexts.read()
    assert contexts.context is before


def test_the_files_whose_end_matters_are_our_own_and_the_authorities(tls: ServerTls) -> None:
    assert ServerContexts(tls).files == (tls.certificate, tls.client_ca)
    assert ClientContexts(ClientTls("localhost", tls.client_ca)).files == (tls.client_ca,)


def test_a_refusal_is_told_in_openssls_words_or_by_what_was_noted() -> None:
    class Transport:
        notes: dict[str, str]

    transport = Transport()
    transport.notes = {}
    refusal = Failure(SSL.Error([("SSL routines", "", "unsupported protocol")]))
    assert why_refused(transport, refusal) == "unsupported protocol"
    transport.notes = {"why": "certificate expired"}
    assert why_refused(transport, refusal) == "certificate expired"
    assert why_refused(None, Failure(SSL.Error())) == "no reason given"


def test_a_plain_or_closed_connection_has_neither_senders_nor_socket() -> None:
    assert allowed_senders(object()) == frozenset()
    assert raw_socket(None) is None


def test_the_client_side_shows_its_own_certificate_where_one_is_set(tls: ServerTls) -> None:
    contexts = ClientContexts(ClientTls("localhost", tls.client_ca, tls.certificate, tls.key))
    assert contexts.files == (tls.certificate, tls.client_ca)
    assert contexts.read() is not contexts.context
