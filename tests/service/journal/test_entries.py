"""What the log says of a message: everything the contract names, and nobody's name."""

import json
from dataclasses import replace

import pytest

from hl7calf.calf.verdict import Action, Fault, OrderVerdict
from hl7calf.service.journal.entries import is_logged, message_fields, service_code
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from hl7calf.service.journal.views import LogFilter
from hl7calf.service.modlog import bytes_as_text, text_as_bytes
from tests.service.journal.building import arrival, do, order, payload, upgraded, verdict

CONTRACT = {
    "sequence",
    "time",
    "node",
    "route",
    "peer",
    "sending_application",
    "sending_facility",
    "receiving_application",
    "receiving_facility",
    "message_type",
    "control_id",
    "version",
    "sha256_in",
    "sha256_out",
    "rule",
    "mappings",
    "policy",
    "mode",
    "action",
    "reasons",
    "previous",
    "orders",
}


def test_an_entry_has_every_field_of_the_contract(store: Store, reader: Reader) -> None:
    do(store, arrival("A1", found=upgraded()))
    content = reader.entries()[0].content
    assert set(content) >= CONTRACT
    assert (content["peer"], content["mode"], content["policy"], content["mappings"]) == (
        "192.0.2.1:40000",
        "upgrade",
        "RAD-US-017 1",
        "d1",
    )
    assert (content["sequence"], content["node"], content["previous"]) == (1, "node-1", "00" * 32)
    [one] = content["orders"]
    assert (one["placer_order_number"], one["filler_order_number"], one["order_control"]) == ("P-1^CPOE", "F-1", "NW")
    [change] = one["modifications"]
    assert change["length"] == len(change["before"])
    assert content["sha256_in"] != content["sha256_out"]


def test_no_word_of_the_patient_or_of_the_order_text_stands_in_the_log(store: Store, reader: Reader) -> None:
    strange = order(service="US leg for KANARIENVOGEL^^")
    do(store, arrival("A1", found=verdict(payload("A1", "KANARIENKALK in the calf"), [strange])))
    do(store, arrival("A2", found=upgraded("A2")))
    whole = b"".join(entry.body for entry in reader.entries())
    assert b"KANARIEN" not in whole
    assert b"CANARY" not in whole
    dump = json.dumps([str(row) for row in store._connection.execute("SELECT * FROM entry_placer")])
    assert "KANARIEN" not in dump


def test_evidence_is_a_place_without_its_words() -> None:
    job = arrival(found=verdict(payload(), [order()]))
    assert job.verdict is not None
    fields = message_fields(1, job.receipt, job.verdict, b"i", b"o")
    assert fields["orders"][0]["evidence"] == [
        {
            "concept": "calcification",
            "status": "affirmed",
            "path": "OBR[1]-13",
            "row": "calcification.csv:12",
            "offset": 90,
            "length": 5,
        }
    ]


@pytest.mark.parametrize(
    ("service", "kept"),
    [
        ("USVENLTDL^US VENOUS LIMITED LEFT^L", "USVENLTDL^^L"),
        ("93971^DUPLEX^CPT4^X^Y^L", "93971^^CPT4"),
        ("93971", "93971"),
        ("93971^DUPLEX", "93971"),
        ("^US LEG^L", ""),
        ("", ""),
        ("US LEG FOR SMITH", ""),
        ("A B^x^L", ""),
        ("x" * 65 + "^y^L", ""),
        ("X^y^SITE LIST", "X"),
        ("Muster\tmann^x^L", ""),
    ],
)
def test_a_service_is_kept_as_code_and_coding_system(service: str, kept: str) -> None:
    assert service_code(service) == kept


def test_an_entry_is_written_when_an_order_was_looked_at_or_looking_failed() -> None:
    data = payload()
    assert is_logged(verdict(data, [order(action=Action.PASS)]))
    assert is_logged(verdict(data, fault=Fault("V_TIMEOUT", "took too long")))
    assert not is_logged(verdict(data))
    assert not is_logged(None)


def test_bytes_that_are_no_text_come_back_from_the_log(store: Store, reader: Reader) -> None:
    odd = bytes(range(256))
    job = arrival(found=verdict(payload(), [order(bytes_as_text(odd[::-1]).replace("^", ""))]))
    job = replace(job, receipt=replace(job.receipt, envelope=replace(job.receipt.envelope, control_id=odd)))
    do(store, job)
    [entry] = reader.entries()
    assert text_as_bytes(entry.content["control_id"]) == odd
    assert text_as_bytes(entry.control_id) == odd
    assert [line.envelope.control_id for line in reader.by_control_id(odd)] == [odd]
    assert reader.entries(LogFilter(control_id=bytes_as_text(odd))) == [entry]
    assert reader.entries(LogFilter(placer=bytes_as_text(odd[::-1]).replace("^", ""))) == [entry]
    assert reader.verify().ok


def test_a_text_that_cannot_be_stored_does_not_keep_the_message_from_the_disk(store: Store, reader: Reader) -> None:
    job = arrival("A1")
    odd = replace(job.receipt.envelope, version="\udcff2.5", message_type="ORM\ud800")
    do(store, replace(job, receipt=replace(job.receipt, envelope=odd)))
    [queued] = reader.outbox_head("orders", "orders")
    assert queued.outbound == payload("A1")


def test_every_fact_of_an_order_is_in_the_entry_but_what_is_own_words() -> None:
    known = set(OrderVerdict.__dataclass_fields__) - {"evidence", "modifications", "facts"}
    fields = message_fields(1, arrival().receipt, verdict(payload(), [order()]), b"", b"")["orders"][0]
    assert known <= set(fields)
