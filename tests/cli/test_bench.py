"""`bench`: what it sends, how it judges, and its exit code; the load generator against servers that misbehave."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from click.testing import CliRunner

from hl7calf.calf.tables import load_tables
from hl7calf.calf.verdict import Action, nothing_remembered
from hl7calf.calf.vetting import triage, vet
from hl7calf.cli import bench as module
from hl7calf.cli.failures import Stopped
from hl7calf.cli.figures import Figure, at_least, missed, under
from hl7calf.cli.load import changed, message, other, run_load
from hl7calf.cli.rates import LANES, _lane
from hl7calf.service.mappings import read_mappings, shipped_mappings
from hl7calf.wire.header import read_header

FIGURES = [Figure("echo", 20_000, "/s"), at_least(25, "share", 30, "%"), under(20, "p99", 21, "ms", "at half load")]


@contextmanager
def server(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Listen on loopback and answer each frame of each connection."""
    listening = socket.create_server(("127.0.0.1", 0))

    def talk(peer: socket.socket) -> None:
        with peer, suppress(ConnectionError):
            while data := peer.recv(65536):
                said = answer(data)
                if not said:
                    return
                peer.sendall(said)

    def accept() -> None:
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def acknowledged(frame: bytes) -> bytes:
    return b"\x0bMSH|^~\\&|B|B|A|A|2026||ACK|1|P|2.5.1\rMSA|AA|" + frame.split(b"|", 10)[9] + b"\r\x1c\r"


def test_every_message_is_answered_and_timed() -> None:
    with server(acknowledged) as port:
        load = run_load(port, 3, [message(f"A{n}") for n in range(20)])
    assert len(load.times_s) == 20
    assert load.rate > 0 and 0 < load.percentile_ms(0.5) <= load.percentile_ms(0.99)


def test_a_paced_load_takes_its_time() -> None:
    with server(acknowledged) as port:
        load = run_load(port, 3, [message(f"A{n}") for n in range(11)], rate=100)
    assert len(load.times_s) == 11
    assert load.seconds >= 0.1


@pytest.mark.parametrize(("answer", "why"), [
    (lambda frame: acknowledged(frame).replace(b"|AA|", b"|AE|"), "another answer than AA"),
    (lambda frame: acknowledged(b"|" * 9 + b"A9|"), "another answer than AA"),
    (lambda frame: b"", "closed a connection"),
])  # fmt: skip
def test_a_server_that_misbehaves_ends_the_run(answer: Callable[[bytes], bytes], why: str) -> None:
    with server(answer) as port, pytest.raises(Stopped, match=why):
        run_load(port, 2, [message("A1"), message("A2")])


def test_what_is_sent_is_what_it_is_said_to_be() -> None:
    tables = load_tables(read_mappings(shipped_mappings()))
    assert triage(other("N1"), tables) is not None
    assert triage(message("Q1"), tables) is None
    quiet = triage(message("Q1"), tables, nothing_remembered)
    assert quiet is not None and quiet.orders
    assert triage(changed("C1"), tables, nothing_remembered) is None
    assert vet(changed("C1"), tables).action is Action.UPGRADE
    assert read_header(changed("C1")).control_id == b"C1"


def test_there_are_eight_lanes() -> None:
    assert len({_lane(f"K{number:07d}") for number in range(100)}) == LANES == 8


def test_a_figure_is_judged_by_its_budget() -> None:
    assert [figure.within for figure in FIGURES] == [None, True, False]
    assert missed(FIGURES) == [FIGURES[2]]
    assert (FIGURES[1].budget, FIGURES[2].budget) == ("at least 25 %", "under 20 ms")


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure", lambda messages, connections: FIGURES)


@pytest.mark.usefixtures("_measured")
@pytest.mark.parametrize(("options", "code"), [([], 0), (["--strict"], 1)])
def test_a_missed_budget_is_told_and_fails_only_when_asked(options: list[str], code: int) -> None:
    result = CliRunner().invoke(module.bench, options, standalone_mode=False)
    assert result.return_value == code
    assert "NO" in result.output and "at least 25 %" in result.output


@pytest.mark.usefixtures("_measured")
def test_json_has_one_object_a_figure() -> None:
    result = CliRunner().invoke(module.bench, ["--json"], standalone_mode=False)
    lines = [json.loads(line) for line in result.output.splitlines()]
    assert lines[0] == {"name": "echo", "value": 20_000, "unit": "/s", "budget": None, "within": None, "how": ""}
    assert [line["within"] for line in lines] == [None, True, False]
    assert lines[2]["how"] == "at half load"


@pytest.mark.soak
def test_the_whole_benchmark_measures_every_row() -> None:
    named = {figure.name for figure in module.measure(200, 20)}
    assert {"hl7calf --help", "start of serve", "bare echo", "memory of serve"} <= named
    assert len(named) == 21
