"""The fault catalogue rows F1 to F18, each put to one running service on real sockets."""

import os
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from hl7calf.service.journal.jobs import State
from tests.conftest import require_service, shared_folder
from tests.service.doubles import frame, message
from tests.service.served import ROUTES, Served, parts, serving, target
from tests.service.stage import Sender, until

EB, SB = b"\x1c", b"\x0b"
KEPT_BYTES = 65536


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("framing")
    authority = trustme.CA()
    own = authority.issue_cert("localhost")
    own.private_key_and_cert_chain_pem.write_to_path(folder / "own.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with serving(folder, ROUTES | {"tls": 'tls = {certificate = "own.pem", key = "own.pem"}'}) as served:
        yield served


def send(sender: Sender, data: bytes) -> None:
    sender.socket.sendall(data)


def answers(sender: Sender, count: int) -> list[tuple[bytes, bytes]]:
    return [parts(sender.answer()) for _ in range(count)]


def test_f01_a_frame_split_anywhere_is_one_message(served: Served) -> None:
    with served.row() as row:
        sender, sent = served.peer(), []
        whole = frame(message("F01-BYTES"))
        sent.append(whole[1:-2])
        for at in range(len(whole)):  # one byte per packet
            send(sender, whole[at : at + 1])
        assert answers(sender, 1) == [(b"AA", b"F01-BYTES")]
        for number, at in enumerate([1, 2, 4, len(whole) // 2, len(whole) - 2, len(whole) - 1]):
            whole = frame(message(f"F01-CUT{number}"))
            sent.append(whole[1:-2])
            send(sender, whole[:at])
            time.sleep(0.02)
            send(sender, whole[at:])
            assert answers(sender, 1) == [(b"AA", b"F01-CUT%d" % number)]
        assert row.forwarded(len(sent)) == sent
        assert row.quarantined(0) == []


def test_f02_several_frames_in_one_segment_are_answered_and_forwarded_in_order(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        payloads = [target(f"F02-{n}") if n % 4 == 0 else message(f"F02-{n}") for n in range(20)]
        sender.send(*payloads)
        assert answers(sender, 20) == [(b"AA", b"F02-%d" % n) for n in range(20)]
        forwarded = row.forwarded(20)
        assert [p.split(b"|")[9] for p in forwarded] == [b"F02-%d" % n for n in range(20)]
        assert [p for n, p in enumerate(forwarded) if n % 4] == [p for n, p in enumerate(payloads) if n % 4]


def test_f03_bytes_before_the_start_block_are_skipped_counted_and_never_shown(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, b"220 KANARIENVOGEL ready\r\n" + frame(message("F03-1")))
        assert answers(sender, 1) == [(b"AA", b"F03-1")]
        assert row.forwarded(1) == [message("F03-1")]
        assert row.tolerated("F_LEADING_JUNK")["count"] == len(b"220 KANARIENVOGEL ready\r\n")
        assert "KANARIENVOGEL" not in str(row.events)


@pytest.mark.parametrize(
    "probe", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"j" * 1025]
)
def test_f03_another_protocol_and_more_than_1_kb_of_junk_end_the_connection(served: Served, probe: bytes) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, probe)
        assert sender.ended()
        row.event("F_FAULT", fault="F_LEADING_JUNK", kept_bytes=0)
        assert row.forwarded(0) == []
        assert row.quarantined(0) == []


@pytest.mark.parametrize("filler", [b"\n", b"\r\n", b"\x00", b"\r"])
def test_f04_line_ends_and_nul_between_frames_are_ignored(served: Served, filler: bytes) -> None:
    with served.row() as row:
        sender = served.peer()
        name = filler.hex()
        send(sender, frame(message(f"F04-{name}A")) + filler + frame(message(f"F04-{name}B")))
        assert answers(sender, 2) == [(b"AA", f"F04-{name}A".encode()), (b"AA", f"F04-{name}B".encode())]
        assert len(row.forwarded(2)) == 2
        assert row.tolerated("F_FILLER")["count"] == len(filler)


def test_f05_end_block_without_cr_before_the_next_start_ends_the_frame(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, SB + message("F05-A") + EB + SB + message("F05-B") + EB + b"\r")
        assert answers(sender, 2) == [(b"AA", b"F05-A"), (b"AA", b"F05-B")]
        assert row.forwarded(2) == [message("F05-A"), message("F05-B")]
        row.tolerated("F_EB_NO_CR")


def test_f05_end_block_without_cr_and_nothing_behind_it_is_answered_after_a_pause(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, SB + message("F05-C") + EB)
        assert answers(sender, 1) == [(b"AA", b"F05-C")]
        assert row.forwarded(1) == [message("F05-C")]
        row.tolerated("F_EB_NO_CR")


def test_f05_a_strict_route_refuses_it_and_keeps_it(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("strict")
        send(sender, SB + message("F05-D") + EB + frame(message("F05-E")))
        assert answers(sender, 2) == [(b"AR", b"F05-D"), (b"AA", b"F05-E")]
        assert row.forwarded(1) == [message("F05-E")]
        assert row.quarantined(2) == [("F_EB_NO_CR", message("F05-D"))]
        row.event("F_FAULT", fault="F_EB_NO_CR")


def test_f06_end_block_character_inside_the_data_is_data(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        payload = message("F06", body="NTE|1||left\x1c calf\r")
        assert parts(sender.exchange(payload)) == (b"AA", b"F06")
        assert row.forwarded(1) == [payload]
        told = row.tolerated("F_CTRL_IN_DATA")
        assert (told["count"], told["offset"]) == (1, payload.index(EB))


def test_f07_start_block_character_inside_the_data_is_data(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        payload = message("F07-A", body="NTE|1||left\x0b calf\r")
        assert parts(sender.exchange(payload)) == (b"AA", b"F07-A")
        assert row.forwarded(1) == [payload]
        row.tolerated("F_SB_IN_DATA")


def test_f07_another_message_within_an_unfinished_frame_tears_the_first(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        torn = message("F07-TORN")[:60]
        send(sender, SB + torn + frame(message("F07-B")))
        assert answers(sender, 1) == [(b"AA", b"F07-B")], "the torn one gets no answer"
        assert row.forwarded(1) == [message("F07-B")]
        assert row.quarantined(2) == [("F_SB_IN_DATA", torn)]
        row.event("F_FAULT", fault="F_SB_IN_DATA", kept_bytes=60)


def test_f08_a_message_without_start_block_is_refused_and_kept(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, message("F08-A") + EB + b"\r" + frame(message("F08-B")))
        assert answers(sender, 2) == [(b"AR", b"F08-A"), (b"AA", b"F08-B")]
        assert row.forwarded(1) == [message("F08-B")]
        assert row.quarantined(2) == [("F_NO_SB", message("F08-A"))]
        row.event("F_FAULT", fault="F_NO_SB")


def test_f08_a_lenient_route_takes_it(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("lenient")
        send(sender, message("F08-C") + EB + b"\r")
        assert answers(sender, 1) == [(b"AA", b"F08-C")]
        assert row.forwarded(1) == [message("F08-C")]
        row.tolerated("F_NO_SB")


@pytest.mark.parametrize("empty", [b"", b"\r", b"\r\n"])
def test_f09_an_empty_frame_is_ignored(served: Served, empty: bytes) -> None:
    with served.row() as row:
        sender = served.peer()
        name = f"F09-{empty.hex()}"
        send(sender, frame(empty) + frame(message(name)))
        assert answers(sender, 1) == [(b"AA", name.encode())]
        assert row.forwarded(1) == [message(name)]
        row.tolerated("F_EMPTY")
        assert row.quarantined(0) == []


def test_f10_two_msh_in_one_frame_go_on_whole_and_are_never_matched(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        payload = target("F10-A") + target("F10-B")
        assert parts(sender.exchange(payload)) == (b"AA", b"F10-A")
        assert row.forwarded(1) == [payload]
        assert row.tolerated("F_MULTI_MSH")["count"] == 2


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_f11_other_segment_ends_are_matched_and_spliced_in_their_own_style(served: Served, end: bytes) -> None:
    with served.row() as row:
        sender = served.peer()
        payload = target(f"F11-{end.hex()}").replace(b"\r", end)
        plain = message(f"F11-{end.hex()}-P").replace(b"\r", end)
        sender.send(payload, plain)
        assert [code for code, _ in answers(sender, 2)] == [b"AA", b"AA"]
        changed, same = row.forwarded(2)
        assert same == plain
        assert changed != payload and b"NTE|" in changed
        assert changed.count(end) == len(changed.split(end)) - 1 and changed.replace(end, b"").find(b"\r") < 0
        assert changed.split(end)[0] == payload.split(end)[0]
        assert row.tolerated("F_LF_ENDS")["offset"] == payload.index(b"\n")
        assert 'frame_fault_total{code="F_LF_ENDS",route="orders"}' in served.stage.get("/metrics")[2].decode()


def test_f12_a_frame_longer_than_the_limit_is_closed_answered_and_its_start_kept(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("small")
        payload = message("F12-A", body="ZZZ|" + "x" * 30000)
        with suppress(OSError):  # closed while it was still sending
            send(sender, SB + payload)
        assert answers(sender, 1) == [(b"AR", b"F12-A")]
        assert sender.ended()
        assert row.forwarded(0) == []
        ((code, kept),) = row.quarantined(1)
        assert code == "F_TOO_LARGE" and payload.startswith(kept) and 0 < len(kept) <= KEPT_BYTES
        row.event("F_FAULT", fault="F_TOO_LARGE")


def test_f12_a_frame_that_does_not_end_in_time_is_closed_and_kept(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("small")
        send(sender, SB + message("F12-B"))
        assert answers(sender, 1) == [(b"AR", b"F12-B")]
        assert sender.ended()
        row.event("F_SLOW")
        assert row.forwarded(0) == []
        assert row.quarantined(1) == [("F_TORN", message("F12-B"))]


def test_f12_without_msh_it_is_kept_and_gets_no_answer(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("small")
        send(sender, SB + b"ZZZ|nothing to answer to")
        assert sender.ended()
        assert row.quarantined(1) == [("F_TORN", b"ZZZ|nothing to answer to")]


def test_f13_messages_over_64_kb_are_accepted_and_go_on_unchanged(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        payload = message("F13-A", body="OBX|1|ED|X||" + "Q" * 210_000 + "\r")
        big = message("F13-B", body="OBX|1|ED|X||" + "Q" * 9_000_000 + "\r")
        for each, name in ((payload, b"F13-A"), (big, b"F13-B")):
            assert parts(sender.exchange(each)) == (b"AA", name)
        assert row.forwarded(2) == [payload, big]


@pytest.mark.alone
def test_f14_silent_peers_are_sent_away_and_a_healthy_one_is_served(served: Served) -> None:
    with served.row() as row:
        idle = [served.peer("small") for _ in range(15)]
        slow = [served.peer("small") for _ in range(15)]
        for number, sender in enumerate(slow):
            send(sender, SB + b"MSH|^~\\&|%d" % number)
        healthy = served.peer("small")
        began = time.monotonic()
        assert parts(healthy.exchange(message("F14-OK"))) == (b"AA", b"F14-OK")
        assert time.monotonic() - began < 1.0
        assert all(sender.ended() for sender in idle)
        row.event("C_NO_FIRST_BYTE")
        row.event("F_SLOW")
        assert healthy.ended()
        row.event("C_IDLE")


def test_f15_keep_alive_is_on_for_every_peer(served: Served) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc/net/tcp")
    sender = served.peer()
    assert parts(sender.exchange(message("F15"))) == (b"AA", b"F15")
    ours, theirs = served.ports["orders"], sender.socket.getsockname()[1]

    def timer() -> bool:
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        found = [r[5] for r in rows if r[1].endswith(f":{ours:04X}") and r[2].endswith(f":{theirs:04X}")]
        return bool(found) and found[0].startswith("02:")

    until(timer, "the kernel's timer of the connection is the keep-alive one")


def namespace() -> list[str]:
    """Return the command that runs another in a network namespace of its own; skip where that cannot be."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("nft", "nftables")):
        require_service(package, shutil.which(tool, path=places))
    command = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    trial = subprocess.run(
        [*command, "sh", "-c", "ip link set lo up && nft add table inet trial"],
        env={**os.environ, "PATH": places},
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode:  # no package mends this, so it is no failure where all services are required either
        pytest.skip(f"this kernel or container permits no network namespace with a filter: {trial.stderr.strip()}")
    return command


def test_f15_a_cable_cut_without_a_word_is_noticed_on_both_sides_and_loses_nothing(tmp_path: Path) -> None:
    command = namespace()
    root = Path(__file__).resolve().parents[2]
    environment = {
        **os.environ,
        "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
        "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)]),
    }
    ran = subprocess.run(
        [*command, sys.executable, "-m", "tests.service.cable", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]


def test_f16_a_sender_that_resets_before_its_answer_is_stored_and_its_resend_recognised(served: Served) -> None:
    with served.row() as row:
        payload = message("F16")
        sender = served.peer()
        sender.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        many = b"".join(frame(message(f"F16-{n}")) for n in range(200))
        send(sender, many + frame(payload))
        sender.close()
        again = served.peer()
        assert parts(again.exchange(payload)) == (b"AA", b"F16")
        until(lambda: served.reader.books().queued == 0)
        arrived = row.forwarded(1)
        assert arrived.count(payload) == 1
        assert all(arrived.count(one) == 1 for one in arrived)


def test_f16_an_acknowledgment_nobody_took_is_said_in_the_log(served: Served) -> None:
    with served.row() as row:
        for attempt in range(20):
            sender = served.peer()
            sender.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            send(sender, b"".join(frame(target(f"F16-L{attempt}-{n}")) for n in range(30)))
            time.sleep(0.01)
            sender.close()
            if any(event["event"] == "A_ACK_UNDELIVERED" for event in row.events):
                break
        assert row.event("A_ACK_UNDELIVERED")["answers"] > 0
        until(lambda: served.stage.metric("connections") == 0)
        assert parts(served.peer().exchange(message("F16-LAST"))) == (b"AA", b"F16-LAST"), "behind all the others"


def test_f17_a_sender_that_half_closes_is_answered_and_then_closed(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        sender.send(message("F17-A"), target("F17-B"))
        sender.socket.shutdown(socket.SHUT_WR)
        assert answers(sender, 2) == [(b"AA", b"F17-A"), (b"AA", b"F17-B")]
        assert sender.ended()
        assert len(row.forwarded(2)) == 2


def test_f17_a_half_close_inside_a_frame_is_a_torn_frame(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        send(sender, frame(message("F17-C")) + SB + b"MSH|^~\\&|torn")
        sender.socket.shutdown(socket.SHUT_WR)
        assert answers(sender, 1) == [(b"AA", b"F17-C")]
        assert sender.ended(), "and nothing more"
        assert row.quarantined(2) == [("F_TORN", b"MSH|^~\\&|torn")]


def secure(served: Served) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(served.stage.folder / "ca.pem"))
    plain = socket.create_connection(("127.0.0.1", served.ports["tls"]), 30)
    return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=True)


def test_f18_a_tls_record_boundary_may_be_anywhere(served: Served) -> None:
    with served.row() as row, secure(served) as peer:
        whole = frame(message("F18-A"))
        for at in random.Random(18).sample(range(1, len(whole)), 20):
            peer.sendall(whole[:at])  # each call is a record of its own
            peer.sendall(whole[at:])
            assert b"MSA|AA|F18-A" in peer.recv(4096)
        assert row.forwarded(1) == [message("F18-A")]


def test_f18_a_close_without_close_notify_inside_a_frame_is_torn_and_not_answered(served: Served) -> None:
    with served.row() as row:
        peer = secure(served)
        torn = message("F18-B")[:70]
        peer.sendall(SB + torn)
        time.sleep(0.1)
        os.close(peer.detach())  # no close_notify
        assert row.quarantined(1) == [("F_TORN", torn)]
        row.event("F_FAULT", fault="F_TORN", kept_bytes=70)
        assert row.forwarded(0) == []


def test_what_is_in_quarantine_is_counted_in_books_that_balance(served: Served) -> None:
    quarantined = served.reader.messages(State.QUARANTINED)
    books = served.reader.books()
    assert books.quarantined == len(quarantined) >= 8 and books.balanced
    assert served.stage.metric('quarantined{route="orders"}') > 0


def test_the_corpus_goes_through_byte_for_byte(served: Served) -> None:
    folder = shared_folder("corpus")
    files = sorted(folder.rglob("*.hl7"))[:40]
    seen = 0
    with served.row() as row:
        sender = served.peer("relay")
        sent = []
        for path in files:
            payload = path.read_bytes()
            if EB + b"\r" in payload or SB in payload or not payload.strip():
                continue
            sent.append(payload)
            sender.send(payload)
            sender.answer()
            seen += 1
        if sent:
            forwarded = row.forwarded(1)
            assert set(forwarded) <= set(sent)
    assert seen or not files
