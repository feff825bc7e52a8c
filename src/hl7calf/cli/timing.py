"""How long vetting takes, and the command itself, for `bench`: best of several rounds, without sockets or disk."""

import subprocess
import sys
from collections.abc import Callable
from time import perf_counter

from hl7calf.cli.figures import Figure, under

ROUND_S = 0.2
STARTS = 3


def vetting_figures() -> list[Figure]:
    """Return the time of the three kinds of message: no order, an order without the words, a changed order."""
    from hl7calf.calf.tables import load_tables
    from hl7calf.calf.verdict import nothing_remembered
    from hl7calf.calf.vetting import triage, vet
    from hl7calf.cli.load import message, other
    from hl7calf.service.mappings import read_mappings, shipped_mappings, shipped_samples

    tables = load_tables(read_mappings(shipped_mappings()))
    quiet, none = message("B1"), other("B1")
    changed = sorted((shipped_samples() / "upgraded").glob("epic*[!d].hl7"))[0].read_bytes()
    how = "best of many, in one process"
    return [
        under(10, "vetting what is no order", 1e6 * best_s(lambda: triage(none, tables)), "us", how),
        under(
            100, "vetting an order without the words", 1e6 * best_s(lambda: triage(quiet, tables, nothing_remembered)),
            "us", how,
        ),
        under(
            5, "vetting a changed order, with its proof", 1e3 * best_s(lambda: vet(changed, tables, thorough=False)),
            "ms", how,
        ),
    ]  # fmt: skip


def start_figures() -> list[Figure]:
    """Return how long the command takes to say what it can do."""
    command = [sys.executable, "-m", "hl7calf", "--help"]

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    run()
    took_s = min(_once(run) for _ in range(STARTS))
    return [under(150, "hl7calf --help", 1000 * took_s, "ms", f"best of {STARTS}, a process each")]


def best_s(work: Callable[[], object]) -> float:
    """Return the seconds of one call: the best of short rounds, so that a busy machine tells little."""
    once = min(_once(work) for _ in range(3))
    times = max(1, int(0.001 / once))
    until = perf_counter() + ROUND_S
    while perf_counter() < until:
        started = perf_counter()
        for _ in range(times):
            work()
        once = min(once, (perf_counter() - started) / times)
    return once


def _once(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
