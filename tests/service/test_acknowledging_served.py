"""Acknowledgments on the wire: original and enhanced mode by MSH-15 and MSH-16, ERR per version, relay, batches."""

import itertools
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.doubles import ack, frame, message
from tests.service.served import Served, echo_ack, parts, serving
from tests.service.stage import Sender, control_id, receiving, staged, until

ASKED = ["", "AL", "NE", "ER", "SU"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("acks"), {}) as served:
        yield served


def expected(accept: str, application: str, good: bool) -> list[bytes]:
    """Return MSA-1 of each answer, HL7 v2.5.1 §2.9.2 and §2.9.3, table 0155."""
    if not accept and not application:
        return [b"AA" if good else b"AR"]
    wanted = ("AL", "SU") if good else ("AL", "ER")
    if good:
        return [code for when, code in ((accept, b"CA"), (application, b"AA")) if when in wanted]
    if accept in wanted:
        return [b"CR"]
    return [b"AR"] if application in wanted else []


@pytest.mark.parametrize(("accept", "application"), list(itertools.product(ASKED, ASKED)))
def test_a_stored_message_is_answered_as_msh_15_and_msh_16_ask(served: Served, accept: str, application: str) -> None:
    name = f"ACK-{accept or 'none'}-{application or 'none'}"
    with served.row() as row:
        sender = served.peer()
        sender.send(message(name, accept=accept, application=application), message(name + "-END"))
        codes = expected(accept, application, good=True)
        answers = [sender.answer() for _ in range(len(codes) + 1)]
        assert [parts(one) for one in answers] == [
            *((code, name.encode()) for code in codes),
            (b"AA", f"{name}-END".encode()),
        ]
        own = [one.split(b"\r")[0].split(b"|")[9] for one in answers]
        assert len(set(own)) == len(own), "each has an MSH-10 of its own"
        assert len(row.forwarded(2)) == 2


@pytest.mark.parametrize(("accept", "application"), list(itertools.product(ASKED, ASKED)))
def test_a_refused_message_is_answered_as_msh_15_and_msh_16_ask(served: Served, accept: str, application: str) -> None:
    name = f"NAK-{accept or 'none'}-{application or 'none'}"
    with served.row() as row:
        sender = served.peer()
        refused = message("", body=f"ZZZ|{name}\r", accept=accept, application=application)
        sender.send(refused, message(name + "-END"))
        codes = expected(accept, application, good=False)
        answers = [parts(sender.answer()) for _ in range(len(codes) + 1)]
        assert answers == [*((code, b"") for code in codes), (b"AA", f"{name}-END".encode())]
        assert len(row.forwarded(1)) == 1
        assert row.quarantined(2) == [("H_NO_CONTROL_ID", refused)]


@pytest.mark.parametrize(
    ("version", "err", "kind"),
    [
        ("2.1", b"ERR|MSH^1^10^101", b"ACK"),
        ("2.3", b"ERR|MSH^1^10^101", b"ACK^A08"),
        ("2.4", b"ERR|MSH^1^10^101", b"ACK^A08^ACK"),
        ("2.5.1", b"ERR||MSH^1^10|101^", b"ACK^A08^ACK"),
        ("2.8", b"ERR||MSH^1^10|101^", b"ACK^A08^ACK"),
    ],
)
def test_a_refusal_carries_err_in_the_form_of_the_version(
    served: Served, version: str, err: bytes, kind: bytes
) -> None:
    with served.row():
        answer = served.peer().exchange(
            message("", body=f"ZZZ|{version}\r").replace(b"|P|2.5.1", b"|P|" + version.encode())
        )
        lines = answer.split(b"\r")
        assert lines[0].split(b"|")[8] == kind and lines[0].split(b"|")[11] == version.encode()
        found = next(line for line in lines if line.startswith(b"ERR"))
        assert found.startswith(err)


def test_msh_3_to_msh_6_come_back_swapped_whole_with_version_and_character_set(served: Served) -> None:
    header = b"MSH|^~\\&|A^1.2^ISO|B^x|C|D^y|2026||ORU^R01|ACK-SWAP|P|2.5.1||||||8859/1\rPID|1\r"
    with served.row():
        line = served.peer().exchange(header).split(b"\r")[0].split(b"|")
        assert line[2:6] == [b"C", b"D^y", b"A^1.2^ISO", b"B^x"]
        assert (line[8], line[11], line[17]) == (b"ACK^R01^ACK", b"2.5.1", b"8859/1")


RELAY = 'ack = "relay"\nrelay_hold_s = 0.7\n'


def test_relay_gives_the_destinations_refusal_and_its_acceptance_byte_for_byte(tmp_path: Path) -> None:
    def answer(payload: bytes) -> bytes:
        code = {"R1": "AA", "R2": "AR", "R3": "AE"}[control_id(payload)]
        return ack(control_id(payload), code, "ERR|||207^as it came\r") + b"ZZZ|\xe9\r"

    with staged(tmp_path, route=RELAY) as stage, receiving(stage.forward, answer):
        stage.start()
        sender = stage.sender()
        for name in ("R1", "R2", "R3"):
            assert sender.exchange(message(name)) == answer(message(name))


@pytest.mark.parametrize(("action", "code"), [("close", b""), ("AE", b"AE"), ("AA", b"AA")])
def test_relay_does_what_the_route_says_when_the_answer_is_late(tmp_path: Path, action: str, code: bytes) -> None:
    hold = [True]

    def answer(payload: bytes) -> bytes:
        ends = time.monotonic() + 8
        while hold[0] and time.monotonic() < ends:
            time.sleep(0.02)
        return echo_ack(payload)

    with (
        staged(tmp_path, route=RELAY + f'relay_late = "{action}"\n') as stage,
        receiving(stage.forward, answer) as receiver,
    ):
        stage.start()
        sender = stage.sender()
        sender.send(message("LATE"))
        if code:
            assert parts(sender.answer()) == (code, b"LATE")
        else:
            assert sender.ended()
        until(lambda: "A_RELAY_LATE" in stage.codes)
        hold[0] = False
        again = stage.sender()
        assert parts(again.exchange(message("LATE"))) == (b"AA", b"LATE"), (
            "a resend gets the answer that came meanwhile"
        )
        assert receiver.ids == ["LATE"], "and is forwarded once"


def test_two_batches_behind_each_other_are_answered_in_order_by_their_own_control_ids(served: Served) -> None:
    batch = b"BHS|^~\\&|A|B|C|D|2026||||%s\rMSH|^~\\&|A|B|C|D|2026||ADT^A08|X|P|2.5\rBTS|1\r"
    with served.row() as row:
        sender: Sender = served.peer()
        sender.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.socket.sendall(frame(batch % b"BT-1") + frame(batch % b"BT-2") + frame(batch % b""))
        assert [parts(sender.answer()) for _ in range(3)] == [(b"AA", b"BT-1"), (b"AA", b"BT-2"), (b"AR", b"")]
        assert row.forwarded(2) == [batch % b"BT-1", batch % b"BT-2"]
