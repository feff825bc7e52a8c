"""`doctor` against receivers that do well and badly, over real sockets."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from hl7calf.cli.trials import Subject
from hl7calf.wire.header import read_header

FAST = ("--idle", "0.2", "--timeout", "0.5")


@pytest.fixture
def receiving(start):
    def _receiving(*options: object) -> str:
        child = start("receive", "--listen", "127.0.0.1:0", *options)
        found = re.search(r"Listening on (\S+);", child.stderr.readline())
        assert found
        return found[1]

    return _receiving


@pytest.fixture
def answering_with() -> Iterator[Callable[[Callable[[bytes], bytes]], str]]:
    """Listen with a few lines of sockets that answer each piece received by a function."""
    held: list[socket.socket] = []

    def _start(answer: Callable[[bytes], bytes]) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        held.append(listening)

        def serve_one(peer: socket.socket) -> None:
            with peer:
                while data := peer.recv(65536):
                    peer.sendall(answer(data))

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=serve_one, args=(peer,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return f"127.0.0.1:{listening.getsockname()[1]}"

    yield _start
    for listening in held:
        listening.close()


def found_by(shown) -> dict[str, tuple[str, str, str | None]]:
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    return {one["trial"]: (one["result"], one["told"], one["advice"]) for one in lines}


def test_a_good_receiver_passes_every_trial(process, receiving) -> None:
    shown = process("doctor", receiving(), *FAST, "--json")
    assert shown.returncode == 0, shown.stderr
    found = found_by(shown)
    assert list(found) == [
        "answer",
        "MSA-2",
        "two in one write",
        "frame in pieces",
        "70 kB",
        "1000 kB",
        "UNICODE UTF-8",
        "8859/1",
        "enhanced mode",
        "idle connection",
        "time",
    ]
    assert {result for result, _, _ in found.values()} == {"good"}
    assert found["enhanced mode"][1] == "MSH-15 AL is answered CA"
    assert found["time"][2] == "ack_timeout_s = 30"
    assert "hl7calf can send there" in shown.stderr


def test_a_receiver_that_never_answers_would_stop_hl7calf(process, receiving) -> None:
    shown = process("doctor", receiving("--no-ack"), *FAST)
    assert shown.returncode == 1
    assert "bad   answer: no answer within 0.5 s" in shown.stdout and "would stop hl7calf" in shown.stderr


def test_a_receiver_that_echoes_another_id_would_stop_hl7calf(process, receiving) -> None:
    shown = process("doctor", receiving("--wrong-id"), *FAST, "--json")
    assert shown.returncode == 1 and found_by(shown)["MSA-2"][0] == "bad"


def test_a_receiver_that_closes_after_each_answer_is_a_note(process, receiving) -> None:
    found = found_by(process("doctor", receiving("--close", "after"), *FAST, "--json"))
    assert found["kept connection"] == ("note", "closes after each answer", "nothing to set; sending is slower")
    assert found["MSA-2"][0] == "good"


def test_a_refusal_of_the_test_message_is_normal(process, receiving) -> None:
    shown = process("doctor", receiving("--nak", "AR"), *FAST, "--json")
    assert shown.returncode == 0
    assert found_by(shown)["answer"][1] == "AR in an MLLP frame"


def test_an_empty_msa_2_asks_for_the_tolerant_setting(process, answering_with) -> None:
    to = answering_with(
        lambda data: b"\x0bMSH|^~\\&|A|B|C|D|1||ACK|1|P|2.5\rMSA|AA\r\x1c\r" if data.endswith(b"\x1c\r") else b""
    )
    found = found_by(process("doctor", to, *FAST, "--json"))
    assert found["MSA-2"] == ("note", "is empty", 'match_control_id = "tolerant"')


def test_a_web_server_is_named_as_what_it_is(process, answering_with) -> None:
    shown = process(
        "doctor", answering_with(lambda data: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), *FAST
    )
    assert shown.returncode == 1 and "no MLLP frame" in shown.stdout


def test_nobody_there_is_one_sentence(process) -> None:
    shown = process("doctor", "127.0.0.1:1")
    assert shown.returncode == 1 and shown.stderr.count("\n") == 1 and "nobody listens there" in shown.stderr


def test_a_narrow_window_stays_readable(process, receiving) -> None:
    shown = process("doctor", receiving(), *FAST, COLUMNS="40").stdout
    assert max(map(len, shown.splitlines())) <= 40


def test_the_test_message_names_no_patient_and_can_become_no_order() -> None:
    payload, control_id = Subject(None, None, 1, 1).message(charset="UNICODE UTF-8", accept="AL", notes=b"x")
    header = read_header(payload)
    assert (header.message_code, header.processing_id, header.control_id) == ("NMD", "T", control_id)
    assert not re.search(rb"\r(PID|ORC|OBR|PV1)", payload)
    assert (header.accept_ack, header.application_ack, header.charsets) == ("AL", "NE", ("UNICODE UTF-8",))


def test_an_own_message_goes_out_with_another_control_id_and_nothing_else_new() -> None:
    own = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|OWN|P|2.5.1\rPID|1\r"
    payload, control_id = Subject(None, None, 1, 1, own).message()
    assert payload == own.replace(b"OWN", control_id)
