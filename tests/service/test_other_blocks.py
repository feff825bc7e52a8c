"""Peers and destinations with other block characters, and senders that speak MLLP Release 2, on real sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.service.doubles import message
from tests.service.served import Served, echo_ack, parts, serving, target
from tests.service.stage import Sender, free_port, until

STX_ETX = "[0x02, 0x03, 0x0D]"
ETX_FRAME = b"\x02%b\x03\r"
COMMIT, REFUSE = b"\x06", b"\x15"


class EtxDestination:
    """A destination that frames by STX, ETX and LF; with `commits` it speaks Release 2 as well."""

    def __init__(self, commits: bool = False) -> None:
        self.commits = commits
        self.committed = 0
        self.port = free_port()
        self.payloads: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                with peer:
                    self._talk(peer)

    def _talk(self, peer: socket.socket) -> None:
        buffer = b""
        while data := peer.recv(65536):
            buffer += data
            while (end := buffer.find(b"\x03\n")) >= 0:
                assert buffer[:1] == b"\x02"
                payload, buffer = buffer[1:end], buffer[end + 2 :]
                if payload == COMMIT:  # of our acknowledgment
                    self.committed += 1
                    continue
                self.payloads.append(payload)
                if self.commits:
                    refused = b"ODD" in payload and self.payloads.count(payload) == 1
                    peer.sendall(b"\x02" + (REFUSE if refused else COMMIT) + b"\x03\n")
                    if refused:
                        continue
                peer.sendall(b"\x02" + echo_ack(payload) + b"\x03\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture(scope="module")
def etx() -> Iterator[EtxDestination]:
    destination = EtxDestination()
    yield destination
    destination.close()


@pytest.fixture(scope="module")
def committing() -> Iterator[EtxDestination]:
    destination = EtxDestination(commits=True)
    yield destination
    destination.close()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, etx: EtxDestination, committing: EtxDestination
) -> Iterator[Served]:
    routes = {
        "other": f"block_characters = {STX_ETX}",
        "release2": "mllp_release = 2",
        "both": f"mllp_release = 2\nblock_characters = {STX_ETX}",
    }
    ports = {"onward": free_port(), "release2-onward": free_port()}
    onward = "".join(
        f"""
[[route]]
name = "{name}"
listen = "tcp:{port}:interface=127.0.0.1"
forward = "tcp:127.0.0.1:{etx.port if name == "onward" else committing.port}"
forward_block_characters = [0x02, 0x03, 0x0A]
forward_mllp_release = {1 if name == "onward" else 2}
retry_initial_s = 0.05
"""
        for name, port in ports.items()
    )
    with serving(tmp_path_factory.mktemp("blocks"), routes, last=onward) as served:
        served.ports |= ports
        yield served


def hear(sender: Sender, start: bytes = b"\x0b", end: bytes = b"\x1c\r") -> bytes:
    """Read one frame with these block characters."""
    while (found := sender.buffer.find(end)) < 0:
        data = sender.socket.recv(65536)
        if not data:
            raise EOFError
        sender.buffer += data
    assert sender.buffer[:1] == start
    heard, sender.buffer = sender.buffer[1:found], sender.buffer[found + len(end) :]
    return heard


def test_other_block_characters_frame_what_comes_in_and_what_is_answered(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("other")
        payloads = [message("BL-1"), target("BL-2"), message("BL-3", body="ZZZ|\x0b\x1c are text here\r")]
        sender.socket.sendall(b"".join(ETX_FRAME % one for one in payloads))
        assert [parts(hear(sender, b"\x02", b"\x03\r")) for _ in payloads] == [
            (b"AA", b"BL-1"),
            (b"AA", b"BL-2"),
            (b"AA", b"BL-3"),
        ]
        forwarded = row.forwarded(3)
        assert (forwarded[0], forwarded[2]) == (payloads[0], payloads[2])


def test_the_usual_frames_are_none_on_such_a_route(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("other")
        sender.send(message("BL-USUAL"))
        sender.socket.sendall(ETX_FRAME % message("BL-4"))
        assert parts(hear(sender, b"\x02", b"\x03\r")) == (b"AA", b"BL-4")
        assert row.forwarded(1) == [message("BL-4")]
        row.tolerated("F_LEADING_JUNK")


def test_a_control_id_that_ends_in_the_end_block_does_not_end_the_answer(served: Served) -> None:
    with served.row():
        sender = served.peer("other")
        sender.socket.sendall(
            ETX_FRAME % message("BL-5").replace(b"|BL-5|", b"|BL-5\x03|") + ETX_FRAME % message("BL-6")
        )
        assert parts(hear(sender, b"\x02", b"\x03\r")) == (b"AA", b"BL-5\x03")
        assert parts(hear(sender, b"\x02", b"\x03\r")) == (b"AA", b"BL-6")


def test_what_would_end_a_frame_at_the_destination_is_refused_and_kept(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("other")
        payload = message("BL-7", body="ZZZ|in the middle\x1c\rZZZ|of a frame\r")
        sender.socket.sendall(ETX_FRAME % payload)
        assert parts(hear(sender, b"\x02", b"\x03\r")) == (b"AR", b"BL-7")
        assert row.quarantined(1) == [("F_END_IN_DATA", payload)]
        assert row.forwarded(0) == []


def test_a_destination_may_have_other_block_characters_too(served: Served, etx: EtxDestination) -> None:
    with served.row():
        sender = served.peer("onward")
        payload = target("BL-OUT")
        assert parts(sender.exchange(payload)) == (b"AA", b"BL-OUT")
        assert parts(sender.exchange(message("BL-OUT2"))) == (b"AA", b"BL-OUT2")
        until(lambda: len(etx.payloads) == 2)
        assert etx.payloads[0] != payload and etx.payloads[1] == message("BL-OUT2")
        until(lambda: served.reader.books("onward").delivered == 2)


def test_a_destination_of_release_2_answers_by_its_commit_block(served: Served, committing: EtxDestination) -> None:
    with served.row() as row:
        sender = served.peer("release2-onward")
        names = ["R2-OUT1", "R2-ODD", "R2-OUT3"]
        for name in names:
            assert parts(sender.exchange(message(name))) == (b"AA", name.encode())
        until(lambda: served.reader.books("release2-onward").delivered == 3)
        sent = [payload.split(b"|")[9].decode() for payload in committing.payloads]
        assert sent == ["R2-OUT1", "R2-ODD", "R2-ODD", "R2-OUT3"], "0x15: once more, and in order"
        assert row.event("D_REFUSED")["why"] == "not committed (0x15)"
        until(lambda: committing.committed == 3, "each of its acknowledgments is committed")
        assert "D_STRAY" not in [event["event"] for event in row.events]


@pytest.mark.parametrize("route", ["release2", "both"])
def test_release_2_commits_a_stored_message_before_it_is_acknowledged(served: Served, route: str) -> None:
    start, end = (b"\x02", b"\x03\r") if route == "both" else (b"\x0b", b"\x1c\r")
    with served.row() as row:
        sender = served.peer(route)
        payloads = [message(f"R2-{route}{n}") for n in range(3)]
        sender.socket.sendall(b"".join(start + one + end for one in payloads))
        for number in range(3):
            assert hear(sender, start, end) == COMMIT
            assert parts(hear(sender, start, end)) == (b"AA", f"R2-{route}{number}".encode())
        assert row.forwarded(3) == payloads


def test_release_2_with_no_acknowledgment_asked_for_commits_alone(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("release2")
        quiet = message("R2-NE", accept="NE", application="NE")
        sender.send(quiet, message("R2-AFTER"))
        assert [hear(sender), hear(sender)] == [COMMIT, COMMIT]
        assert parts(hear(sender)) == (b"AA", b"R2-AFTER")
        assert row.forwarded(2)[0] == quiet


def test_release_2_commits_a_resend_again_and_forwards_it_once(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("release2")
        for _ in range(2):
            sender.send(message("R2-AGAIN"))
            assert hear(sender) == COMMIT
            assert parts(hear(sender)) == (b"AA", b"R2-AGAIN")
        assert row.forwarded(1) == [message("R2-AGAIN")]


def test_release_2_refuses_what_is_not_taken_and_keeps_it(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("release2")
        sender.send(message(""), b"EVN|A01\r", message("R2-GOOD"))
        assert [hear(sender), parts(hear(sender))] == [REFUSE, (b"AR", b"")]
        assert [hear(sender), parts(hear(sender))] == [REFUSE, (b"AR", b"")]
        assert [hear(sender), parts(hear(sender))] == [COMMIT, (b"AA", b"R2-GOOD")]
        assert [code for code, _ in row.quarantined(3)] == ["H_NO_CONTROL_ID", "H_NO_MSH"]
        assert row.forwarded(1) == [message("R2-GOOD")]


def test_release_2_takes_the_senders_own_commit_of_our_answer_without_a_word(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("release2")
        for number in range(3):
            sender.send(message(f"R2-PEER{number}"))
            assert hear(sender) == COMMIT
            hear(sender)
            sender.send(REFUSE if number == 1 else COMMIT)
        assert len(row.forwarded(3)) == 3
        assert row.quarantined(0) == []


def test_release_1_takes_a_commit_block_for_what_it_is_there_no_message(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        sender.send(COMMIT)
        assert parts(hear(sender)) == (b"AR", b"")
        assert row.quarantined(1) == [("H_NO_MSH", COMMIT)]
