"""P8, P22, P23: a rule that raises, hangs or eats memory at each of its calls; the drain; the switch of the mode."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal import desk
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import message
from tests.service.served import echo_ack, parts, target
from tests.service.stage import SRC, Receiver, Stage, msa, receiving, staged, until

pytestmark = pytest.mark.alone  # asks for answers within a time

FAULTY = """
import sys, time
from pathlib import Path
from hl7calf.app import serve
kind, where = sys.argv[2], sys.argv[3]

def go_wrong():
    if kind == "raise":
        raise ValueError("KANARIENVOGEL")
    if kind == "exit":
        raise SystemExit(3)
    if kind == "hang":
        time.sleep(600)
    if kind == "spin":
        ends = time.monotonic() + 600
        while time.monotonic() < ends:
            pass
    if kind == "memory":
        held = []  # 1 GB, every page of it touched
        for _ in range(128):
            held.append(bytearray(b"x") * (8 << 20))
        raise MemoryError  # as where there is no more; on a slow machine the time is up before

def wrapped(real):
    def instead(payload, *rest, **more):
        if b"FAULT" in payload:
            go_wrong()
        return real(payload, *rest, **more)
    return instead

import hl7calf.calf.vetting as vetting
import hl7calf.service.rule as rule
if where in ("vet", "triage"):
    true = getattr(vetting, where)
    for name, module in list(sys.modules.items()):  # wherever the service took it from
        if name.startswith("hl7calf") and getattr(module, where, None) is true:
            setattr(module, where, wrapped(true))
elif where == "proven":
    real = rule.proven
    rule.proven = lambda verdict, payload: (go_wrong() if b"FAULT" in payload else None) or real(verdict, payload)
else:
    real_inner = getattr(vetting, where)
    def inner(*given, **more):
        if any(b"FAULT" in (getattr(one, "payload", one) if isinstance(getattr(one, "payload", one), bytes) else b"") for one in given):
            go_wrong()
        return real_inner(*given, **more)
    setattr(vetting, where, inner)
sys.exit(serve(Path(sys.argv[1])))
"""


class FaultyStage(Stage):
    """A service whose rule goes wrong at one of its calls for messages that say so."""

    fault = ("raise", "vet")

    def start(self) -> None:
        with (self.folder / "stderr.txt").open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", FAULTY, str(self.folder / "hl7calf.toml"), *self.fault],
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(SRC)},
                cwd=self.folder,
            )
        until(self.ready, "the service is ready")


@contextmanager
def faulty(folder: Path, kind: str, where: str, service: str = "") -> Iterator[tuple[FaultyStage, Receiver]]:
    stage = FaultyStage(folder, service=service)
    stage.fault = (kind, where)
    try:
        with receiving(stage.forward, echo_ack) as receiver:
            stage.start()
            yield stage, receiver
            if stage.process is not None:
                stage.kill()
    finally:
        stage.close()


def bad(control_id: str) -> bytes:
    return target(control_id).replace(b"KANARIENVOGEL", b"FAULT")


# Every call of the rule: the quick look, the vetting as a whole, its steps, the proof of what it changed.
CALLS = [
    ("raise", where)
    for where in ("triage", "vet", "read_message", "read_orders", "decide_order", "splice", "prove", "proven")
]
CALLS += [("exit", "vet"), ("hang", "vet"), ("spin", "vet"), ("memory", "vet")]


@pytest.mark.parametrize(("kind", "where"), CALLS)
def test_whatever_the_rule_does_the_original_goes_on_within_a_second(tmp_path: Path, kind: str, where: str) -> None:
    with faulty(tmp_path, kind, where) as (stage, receiver):
        sender = stage.sender()
        sender.exchange(message("WARM"))
        payload = bad("B1")
        began = time.monotonic()
        assert parts(sender.exchange(payload)) == (b"AA", b"B1")
        took = time.monotonic() - began
        until(lambda: len(receiver.payloads) == 2)
        assert receiver.payloads[1] == payload
        assert took < 1.5, "a second, and what a busy machine adds"
        assert parts(sender.exchange(target("G1"))) == (b"AA", b"G1"), "the next one is vetted again"
        until(lambda: len(receiver.payloads) == 3)
        assert receiver.payloads[2] != target("G1")
        told = [code for code in stage.codes if code in ("V_FAILED", "V_TIMEOUT", "V_INEXACT")]
        assert len(told) == 1, "one event"
        assert "KANARIENVOGEL" not in (tmp_path / "stderr.txt").read_text()


def test_a_rule_that_keeps_failing_is_switched_off_and_alarmed_until_a_person_reloads(tmp_path: Path) -> None:
    with faulty(tmp_path, "raise", "vet", "vet_failures_limit = 3") as (stage, receiver):
        sender = stage.sender()
        for number in range(3):
            assert parts(sender.exchange(bad(f"B{number}")))[0] == b"AA"
        until(lambda: "V_RULE_OFF" in stage.codes)
        assert json.loads(stage.get("/readyz")[2])["alarms"] == ["V_RULE_OFF"]
        good = target("G1")
        assert parts(sender.exchange(good)) == (b"AA", b"G1")
        until(lambda: len(receiver.payloads) == 4)
        assert receiver.payloads[3] == good, "everything goes on unchanged"
        stage.signal(signal.SIGHUP)
        until(lambda: "V_RULE_ON" in stage.codes)
        assert parts(sender.exchange(target("G2"))) == (b"AA", b"G2")
        until(lambda: len(receiver.payloads) == 5)
        assert receiver.payloads[4] != target("G2")


def test_sigterm_drains_within_10_seconds_and_loses_nothing(tmp_path: Path) -> None:
    with staged(tmp_path) as stage, receiving(stage.forward, echo_ack) as receiver:
        stage.start()
        acknowledged: list[str] = []
        sender = stage.sender()
        count = 3000
        sending = threading.Thread(
            target=lambda: _quietly(
                sender.send, [message(f"D{n}") if n % 5 else target(f"D{n}") for n in range(count)]
            ),
            daemon=True,
        )
        sending.start()
        for _ in range(200):
            acknowledged.append(msa(sender.answer())[1])
        began = time.monotonic()
        stage.signal(signal.SIGTERM)
        try:
            while True:
                acknowledged.append(msa(sender.answer())[1])
        except (EOFError, OSError):
            pass
        assert stage.wait() == 0
        assert time.monotonic() - began < 10.0
        sending.join(10)
        with Reader(tmp_path / "var") as reader:
            books = reader.books()
            assert books.balanced and books.received >= len(acknowledged)
        stage.start()
        until(lambda: set(acknowledged) <= set(receiver.ids))
        ids = receiver.ids
        assert len(ids) == len(set(ids)), "and none twice"
        with Reader(tmp_path / "var") as reader:
            until(lambda: reader.books().queued == 0)
        stage.stop()


def _quietly(send: object, payloads: list[bytes]) -> None:
    try:
        send(*payloads)  # type: ignore[operator]
    except OSError:
        return


def test_the_mode_is_switched_within_a_second_before_the_next_message_of_each_lane_and_recorded(tmp_path: Path) -> None:
    route = 'order_by = ["PID-3.1"]\nconnections = 4'
    with staged(tmp_path, route=route) as stage, receiving(stage.forward, echo_ack) as receiver:
        stage.start()
        sender = stage.sender()
        lanes = [b"%d" % n for n in range(4)]
        for lane in lanes:
            assert msa(sender.exchange(target(f"U{lane.decode()}").replace(b"4711", lane)))[0] == "AA"
        began = time.monotonic()
        number = desk.ask(
            tmp_path / "var", "mode", user="nightshift", reason="odd orders", at=time.time(), value="observe"
        )
        with Reader(tmp_path / "var") as reader:
            until(lambda: (found := reader.request(number)) and found.done_at)
            assert time.monotonic() - began < 1.0
            plain = [target(f"O{lane.decode()}").replace(b"4711", lane) for lane in lanes]
            for payload in plain:
                assert msa(sender.exchange(payload))[0] == "AA"
            until(lambda: len(receiver.payloads) == 8)
            assert sorted(receiver.payloads[4:]) == sorted(plain)
            assert all(b"NTE|" in payload for payload in receiver.payloads[:4])
            assert reader.control().mode is Mode.OBSERVE
            entry = next(one for one in reversed(reader.newest_entries()) if one.kind == "mode")
            told = json.dumps(dict(entry.content))
            assert "nightshift" in told and "odd orders" in told and entry.at > 0
            assert reader.verify().ok
        stage.stop()
