"""The whole service as a process, on real sockets and a real store."""

import json
import signal
import time
from pathlib import Path

import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal import desk
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import ack, frame, message
from tests.service.stage import control_id, msa, receiving, staged, until

TARGET = (
    "PV1|1|O\rORC|NW|{placer}^CPOE\rOBR|1|{placer}^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    "||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)


def target(identifier: str, placer: str) -> bytes:
    return message(identifier, "ORM^O01^ORM_O01", TARGET.format(placer=placer))


def test_what_is_not_for_us_is_stored_acknowledged_and_forwarded_byte_for_byte(tmp_path: Path) -> None:
    odd = message("A1", body="ZZZ|\x1c|\xff|caf\u00e9\n").replace(b"caf", b"caf\xe9")
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        assert msa(stage.sender().exchange(odd)) == ("AA", "A1")
        until(lambda: receiver.payloads)
        assert receiver.payloads == [odd]
        until(lambda: stage.metric("delivered_total") == 1)
        assert stage.stop() == 0
    with Reader(tmp_path / "var") as reader:
        books = reader.books()
        assert (books.received, books.delivered, books.balanced) == (1, 1, True)
        stored = reader.message(1)
        assert stored is not None and stored.inbound == stored.outbound == odd
        assert msa(stored.answer) == ("AA", "A1")


def test_an_order_for_us_is_changed_in_obr_4_and_notes_and_nowhere_else(tmp_path: Path) -> None:
    payload = target("M1", "P-1")
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        assert msa(stage.sender().exchange(payload)) == ("AA", "M1")
        until(lambda: receiver.payloads)
        stage.stop()
    received = receiver.payloads[0].split(b"\r")
    sent = payload.split(b"\r")
    kept = [line for line in received if not line.startswith((b"NTE", b"OBR"))]
    assert kept == [line for line in sent if not line.startswith(b"OBR")]
    before, after = (next(line for line in lines if line.startswith(b"OBR")).split(b"|") for lines in (sent, received))
    assert before[4] != after[4]
    assert before[:4] + before[5:] == after[:4] + after[5:]
    assert any(line.startswith(b"NTE") for line in received)
    with Reader(tmp_path / "var") as reader:
        assert reader.verify().ok
        entry = reader.entries()[-1] if reader.entries() else None
        assert entry is not None
        stored = reader.message(1)
        assert stored is not None and stored.inbound == payload and stored.outbound == receiver.payloads[0]


def test_pipelined_frames_are_answered_and_forwarded_in_their_order(tmp_path: Path) -> None:
    mixed = [target(f"M{n}", f"P-{n}") if n % 3 == 0 else message(f"A{n}") for n in range(60)]
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        sender = stage.sender()
        sender.send(*mixed)
        answers = [msa(sender.answer()) for _ in mixed]
        assert answers == [("AA", control_id(payload)) for payload in mixed]
        until(lambda: len(receiver.payloads) == len(mixed))
        assert receiver.ids == [control_id(payload) for payload in mixed]
        assert stage.stop() == 0


def test_a_cancel_right_behind_its_order_carries_the_same_code(tmp_path: Path) -> None:
    order = target("M1", "P-1")
    cancel = target("M2", "P-1").replace(b"ORC|NW", b"ORC|CA").split(b"|20260115||||")[0] + b"\r"
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        stage.sender().send(order, cancel)
        until(lambda: len(receiver.payloads) == 2)
        stage.stop()
    codes = [next(line for line in p.split(b"\r") if line.startswith(b"OBR")).split(b"|")[4] for p in receiver.payloads]
    assert codes[0] == codes[1] != b"USVENLTDL^US VENOUS LIMITED LEFT^L"


def test_a_backlog_is_forwarded_in_order_after_a_restart(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        sender = stage.sender()
        sender.send(*[message(f"A{n}") for n in range(700)])
        assert [msa(sender.answer())[0] for _ in range(700)] == ["AA"] * 700
        assert stage.stop() == 0
        with receiving(stage.forward) as receiver:
            stage.start()
            stage.sender().exchange(message("LAST"))
            until(lambda: len(receiver.payloads) >= 701)
            assert receiver.ids == [*(f"A{n}" for n in range(700)), "LAST"]
            stage.stop()
    with Reader(tmp_path / "var") as reader:
        assert reader.books().delivered == 701


def test_after_kill_9_what_was_acknowledged_arrives_and_a_resend_is_recognised(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        sender = stage.sender()
        sender.send(*[message(f"A{n}") for n in range(300)])
        acknowledged = [msa(sender.answer())[1] for _ in range(150)]
        stage.kill()
        with receiving(stage.forward) as receiver:
            stage.start()
            again = stage.sender()
            again.send(*[message(f"A{n}") for n in range(300)])
            assert [msa(again.answer()) for n in range(300)] == [("AA", f"A{n}") for n in range(300)]
            with Reader(tmp_path / "var") as reader:
                until(lambda: reader.books().delivered == 300)
            assert set(acknowledged) <= set(receiver.ids)
            assert receiver.ids == [f"A{n}" for n in range(300)], "each once, in order"
            assert "S_UNCLEAN" in stage.codes
            stage.stop()
    with Reader(tmp_path / "var") as reader:
        books = reader.books()
        assert (books.received, books.delivered, books.balanced) == (300, 300, True)


def test_a_refused_message_is_parked_alarmed_and_passed_by_the_others(tmp_path: Path) -> None:
    def answer(payload: bytes) -> bytes:
        identifier = control_id(payload)
        return ack(identifier, "AR" if identifier == "BAD" else "AA")

    with staged(tmp_path) as stage, receiving(stage.forward, answer) as receiver:
        stage.start()
        sender = stage.sender()
        for identifier in ("A1", "BAD", "A2"):
            assert msa(sender.exchange(message(identifier))) == ("AA", identifier)
        until(lambda: receiver.ids == ["A1", "BAD", "A2"])
        until(lambda: "D_PARKED" in stage.codes)
        assert json.loads(stage.get("/readyz")[2])["alarms"] == ["D_PARKED"]
        with Reader(tmp_path / "var") as reader:
            parked = reader.messages(State.PARKED)
            assert [line.envelope.control_id for line in parked] == [b"BAD"]
            desk.ask(tmp_path / "var", "release", user="t", reason="r", at=time.time(), message_id=parked[0].message_id)
            receiver.answer = lambda payload: ack(control_id(payload))
            until(lambda: receiver.ids == ["A1", "BAD", "A2", "BAD"])
            until(lambda: reader.books().delivered == 3)
        assert stage.stop() == 0


def test_a_passing_refusal_is_tried_again_until_it_is_taken(tmp_path: Path) -> None:
    codes = iter(["AE", "AE", "AA", "AA"])
    with staged(tmp_path) as stage, receiving(stage.forward, lambda p: ack(control_id(p), next(codes))) as receiver:
        stage.start()
        sender = stage.sender()
        sender.send(message("A1"), message("A2"))
        until(lambda: receiver.ids == ["A1", "A1", "A1", "A2"])
        stage.stop()


def test_an_answer_that_never_comes_is_waited_for_and_the_message_sent_again_on_a_new_connection(
    tmp_path: Path,
) -> None:
    silent = [True]

    def answer(payload: bytes) -> bytes | None:
        return None if silent.pop() else ack(control_id(payload))

    silent[:] = [False, False, True, True]
    with staged(tmp_path) as stage, receiving(stage.forward, answer) as receiver:
        stage.start()
        stage.sender().exchange(message("A1"))
        stage.sender().exchange(message("A2"))
        until(lambda: receiver.ids == ["A1", "A1", "A1", "A2"])
        until(lambda: stage.metric("unknown_outcome_total") == 2)
        stage.stop()


def test_unreadable_frames_are_refused_and_kept_and_never_forwarded(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        sender = stage.sender()
        sender.socket.sendall(frame(b"EVN|KANARIENVOGEL") + frame(message("")) + frame(message("A3")))
        assert msa(sender.answer()) == ("AR", "")
        assert msa(sender.answer()) == ("AR", "")
        assert msa(sender.answer()) == ("AA", "A3")
        until(lambda: receiver.ids == ["A3"])
        stage.stop()
    with Reader(tmp_path / "var") as reader:
        lines = reader.messages(State.QUARANTINED)
        assert [line.fault_code for line in lines] == ["H_NO_MSH", "H_NO_CONTROL_ID"]
        assert reader.books().balanced
    assert "KANARIENVOGEL" not in (tmp_path / "stderr.txt").read_text()


@pytest.mark.alone
def test_the_mode_is_switched_within_a_second_and_for_the_next_message(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        sender = stage.sender()
        sender.exchange(target("M1", "P-1"))
        number = desk.ask(tmp_path / "var", "mode", user="t", reason="odd", at=time.time(), value="observe")
        started = time.monotonic()
        with Reader(tmp_path / "var") as reader:
            until(lambda: (r := reader.request(number)) and r.done_at)
            assert reader.control().mode is Mode.OBSERVE
        until(lambda: b'mode="observe"' in stage.get("/metrics")[2])
        assert time.monotonic() - started < 1.5
        changed = target("M2", "P-2")
        sender.exchange(changed)
        until(lambda: len(receiver.payloads) == 2)
        assert receiver.payloads[0] != target("M1", "P-1")
        assert receiver.payloads[1] == changed
        stage.stop()


def test_sighup_reloads_and_a_broken_reload_keeps_the_old(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward) as receiver:
        stage.start()
        whole = (tmp_path / "hl7calf.toml").read_text()
        (tmp_path / "hl7calf.toml").write_text(whole.replace("mode =", "mood ="))
        stage.signal(signal.SIGHUP)
        until(lambda: "S_RELOAD_REFUSED" in stage.codes)
        assert b'mode="upgrade"' in stage.get("/metrics")[2]
        (tmp_path / "hl7calf.toml").write_text(whole.replace('mode = "upgrade"', 'mode = "observe"'))
        stage.signal(signal.SIGHUP)
        until(lambda: "S_RELOAD" in stage.codes and b'mode="observe"' in stage.get("/metrics")[2])
        payload = target("M1", "P-1")
        stage.sender().exchange(payload)
        until(lambda: receiver.payloads == [payload])
        stage.stop()


def test_relay_passes_the_destinations_answer_on_byte_for_byte(tmp_path: Path) -> None:
    answers = {"A1": ack("A1", "AA") + b"ZZZ|as it came\r", "A2": ack("A2", "AE", "ERR|||207^x\r")}
    with staged(tmp_path, route='ack = "relay"') as stage, receiving(stage.forward, lambda p: answers[control_id(p)]):
        stage.start()
        sender = stage.sender()
        assert sender.exchange(message("A1")) == answers["A1"]
        assert sender.exchange(message("A2")) == answers["A2"]
        assert sender.exchange(message("A1")) == answers["A1"], "a resend gets the same answer"
        stage.stop()
    with Reader(tmp_path / "var") as reader:
        books = reader.books()
        assert (books.received, books.delivered, books.rejected, books.balanced) == (2, 1, 1, True)


def test_keyed_lanes_run_side_by_side_and_each_keeps_its_order(tmp_path: Path) -> None:
    route = 'order_by = ["PID-3.1"]\nconnections = 4'
    payloads = [message(f"A{n}").replace(b"4711", b"%d" % (n % 5)) for n in range(200)]
    with staged(tmp_path, route=route) as stage, receiving(stage.forward) as receiver:
        stage.start()
        sender = stage.sender()
        sender.send(*payloads)
        for _ in payloads:
            sender.answer()
        until(lambda: len(receiver.payloads) == 200)
        for key in range(5):
            mine = [control_id(p) for p in payloads if b"PID|1||%d|" % key in p]
            assert [control_id(p) for p in receiver.payloads if b"PID|1||%d|" % key in p] == mine
        stage.stop()


def test_post_vet_answers_and_stores_nothing(tmp_path: Path) -> None:
    with staged(tmp_path) as stage:
        stage.start()
        payload = target("M1", "P-1")
        status, headers, body = stage.get("/vet", "POST", payload, **{"Content-Type": "application/hl7-v2"})
        assert (status, headers["x-hl7calf-action"]) == (200, "upgrade")
        assert body != payload and headers["x-hl7calf-reasons"]
        status, _, body = stage.get("/vet", "POST", payload, Accept="application/json")
        told = json.loads(body)
        assert (told["action"], told["changed"], told["control_id"]) == ("upgrade", True, "M1")
        status, _, body = stage.get("/vet", "POST", b"GARBAGE")
        assert status == 400 and body.startswith(b"H_NO_MSH")
        assert stage.get("/healthz")[0] == 200
        stage.stop()
    with Reader(tmp_path / "var") as reader:
        assert reader.books().received == 0


def test_nothing_of_a_patient_is_in_the_log(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward, lambda p: ack(control_id(p), "AR")) as receiver:
        stage.start()
        sender = stage.sender()
        sender.exchange(target("KANARIENVOGEL", "CANARY"))
        sender.socket.sendall(b"KANARIENVOGEL\r\n")
        until(lambda: receiver.payloads)
        until(lambda: "D_PARKED" in stage.codes)
        told = stage.get("/metrics")[2] + stage.get("/readyz")[2]
        stage.stop()
    written = (tmp_path / "stderr.txt").read_bytes() + told
    assert b"KANARIENVOGEL" not in written and b"CANARY" not in written
