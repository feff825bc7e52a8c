"""What the command tests share: the group run in this process, and as a process of its own."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hl7calf.calf.verdict import Action, Facts, Fault, Gate, Modification, OrderVerdict, Remembered, Verdict
from hl7calf.cli import hl7calf
from hl7calf.service.journal.jobs import CarryOut, Envelope, Receipt, RecordArrival
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]
SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "HL7CALF_CONFIG", "HL7CALF_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture
def run() -> Run:
    """Run a command in this process; stdout and stderr apart."""

    def _run(*args: object, stdin: bytes | str | None = None) -> Result:
        return CliRunner().invoke(hl7calf, [str(arg) for arg in args], input=stdin, prog_name="hl7calf")

    return _run


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a child process."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, **more}


@pytest.fixture
def process() -> Process:
    """Run a command as a process of its own."""

    def _process(
        *args: object, stdin: str | None = None, timeout: float = 30, **env: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "hl7calf", *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(**env),
            check=False,
        )

    return _process


@pytest.fixture
def start() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a command as a process of its own; it is ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def _start(*args: object, **env: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-m", "hl7calf", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**env),
        )
        started.append(child)
        return child

    yield _start
    for child in started:
        if child.poll() is None:
            child.terminate()
        child.communicate(timeout=20)


ORDER = (
    b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01|%(id)s|P|2.5.1\rPID|1||1||CANARY^JANE\rORC|NW|%(placer)s^CPOE\r"
    b"OBR|1|%(placer)s^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||||||||calcs in the left calf\r"
)


def order_bytes(control_id: str = "A1", placer: str = "P-1") -> bytes:
    """Return an order message."""
    return ORDER % {b"id": control_id.encode(), b"placer": placer.encode()}


def upgrade_verdict(payload: bytes, control_id: str, placer: str) -> Verdict:
    """Return a verdict as vetting would give it, made by hand."""
    start = payload.index(b"USVENLTDL")
    changed = Modification("OBR[1]-4", start, 9, b"USVENLTDL", b"USVENCOML", "study_map.csv:2")
    order = OrderVerdict(
        1,
        f"{placer}^CPOE",
        "NW",
        "USVENLTDL^US VENOUS LIMITED LEFT^L",
        Action.UPGRADE,
        Action.UPGRADE,
        facts=Facts(True, True, "affirmed", True, True, "L"),
        modifications=(changed,),
        placer_key=f"{placer}^CPOE".encode(),
    )
    outbound = payload.replace(b"USVENLTDL", b"USVENCOML")
    left = ("USVENLTDL", "US VENOUS LIMITED LEFT", "L")
    remembered = Remembered(order.placer_key, left, ("USVENCOML", *left[1:]), "R 1", control_id)
    return Verdict(
        payload,
        outbound,
        control_id,
        "ORM^O01",
        "2.5.1",
        Action.UPGRADE,
        (order,),
        ("upgraded",),
        witness="ok",
        remember=(remembered,),
        policy="DEMO 1",
        digest="ab12",
        rule="R 1",
    )


@dataclass
class Journal:
    """A store that a test fills; `now` is when its messages came in."""

    folder: Path
    store: Store
    now: float
    closing: contextlib.ExitStack

    def stop(self) -> None:
        """Close the store, as a service that ended."""
        self.closing.close()

    def arrive(
        self,
        control_id: str = "A1",
        placer: str = "P-1",
        *,
        review: bool = False,
        fault: Fault | None = None,
        route: str = "orders",
        age_s: float = 0.0,
        cancel: bool = False,
    ) -> int:
        """Record one message and return its number."""
        payload = order_bytes(control_id, placer) if fault is None else b"no header %s" % control_id.encode()
        payload = payload.replace(b"ORC|NW", b"ORC|CA") if cancel else payload
        verdict = upgrade_verdict(payload, control_id, placer) if fault is None else None
        if review and verdict is not None:
            held = replace(
                verdict.orders[0],
                action=Action.REVIEW,
                modifications=(),
                gates=(Gate("X16", "a cast limits the exam"),),
            )
            verdict = replace(verdict, outbound=payload, action=Action.REVIEW, orders=(held,))
        envelope = (
            Envelope(b"CPOE", b"WARD", b"RIS", b"RAD", "ORM^O01", control_id.encode(), "2.5.1")
            if fault is None
            else Envelope()
        )
        receipt = Receipt(route, "127.0.0.1", 40001, self.now - age_s, payload, envelope)
        answer = self.do(
            RecordArrival(
                receipt, verdict, fault, route, forward=fault is None, answer_code="AA" if fault is None else "AR"
            )
        )
        return answer.message_id

    def do(self, job: Any) -> Any:
        """Run one job as the service's writer does."""
        (answer,) = self.store.run([job])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def carry_out(self) -> None:
        """Do what was asked of the service, as it does when it runs."""
        with Reader(self.folder) as reader:
            for request in reader.requests():
                self.do(CarryOut(request.request_id, self.now))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An open store, as if the service ran on it."""
    folder = tmp_path / "var"
    store = Store.open(folder, "node1")
    with contextlib.ExitStack() as closing:
        closing.callback(store.close)
        yield Journal(folder, store, time.time(), closing)


@pytest.fixture
def answering(journal: Journal) -> Iterator[Journal]:
    """The same, with a thread that carries out what commands ask for, as the service does."""
    ended = threading.Event()

    def work() -> None:
        with Reader(journal.folder) as reader:
            while not ended.wait(0.05):
                for request in reader.requests():
                    journal.do(CarryOut(request.request_id, time.time()))

    thread = threading.Thread(target=work)
    thread.start()
    yield journal
    ended.set()
    thread.join()
