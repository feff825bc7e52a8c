"""What `bench` measures on a running service: the echo beside it, intake, store and forward, answers, memory.

Law: everything that is compared was measured in one run, on one machine, minutes apart. The load, the echo, the
destination and the service are processes of their own; with two cores they take turns, and the figures say so.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from hl7calf.cli.failures import Stopped
from hl7calf.cli.figures import Figure, at_least, under
from hl7calf.cli.load import Load, changed, message, other, run_load
from hl7calf.cli.stage import Stage

DRAIN_TIMEOUT_S = 60.0
LANES = 8
STRICT, KEYED = 2500, 8000
_SYNCS = 60


def disk_figures(folder: Path) -> list[Figure]:
    """Return how many small synced writes a second the disk does: no lane can deliver more, one at a time."""
    path = folder / "sync"
    with path.open("wb", buffering=0) as file:
        file.write(bytes(1024**2))
        os.fsync(file.fileno())
        started = time.perf_counter()
        for place in range(_SYNCS):
            os.pwrite(file.fileno(), b"x" * 32_768, place * 16_384 % 900_000)
            os.fdatasync(file.fileno())
        rate = _SYNCS / (time.perf_counter() - started)
    path.unlink()
    return [Figure("synced writes of this disk", rate, "/s", how="32 KiB over what is there, fdatasync, one by one")]


def intake_figures(stage: Stage, connections: int, count: int) -> list[Figure]:
    """Return what intake takes with a durable answer, as shares of the echo; forwarding goes on beside it."""
    run_load(stage.echo, connections, _made(message, "W", count // 4))
    echo, echo_us = _costed(stage, "echo", connections, _made(message, "E", count))
    none, none_us = _costed(stage, "serve", connections, _made(other, "N", count))
    quiet, quiet_us = _costed(stage, "serve", connections, _made(message, "Q", count))
    raised, raised_us = _costed(stage, "serve", connections, _made(changed, "C", max(count // 20, 10)))
    how = f"durable AA, {connections} connections, one message out on each"
    cpu = "user and system time of the process, what it forwards meanwhile counted in"
    return [
        Figure("bare echo", echo.rate, "/s", how=f"Twisted, {connections} connections"),
        *_intake("no orders", none, echo, how),
        *_intake("orders without the words", quiet, echo, how),
        Figure("intake of changed orders", raised.rate, "/s", how=how + "; bound by the vetting of each"),
        Figure("CPU of the echo, a message", echo_us, "us", how=cpu),
        Figure("CPU of no order taken in", none_us, "us", how=cpu),
        Figure("CPU of an order without the words taken in", quiet_us, "us", how=cpu),
        Figure("CPU of a changed order taken in", raised_us, "us", how=cpu),
    ]


def _intake(what: str, load: Load, echo: Load, how: str) -> list[Figure]:
    return [
        Figure(f"intake of {what}", load.rate, "/s", how=how),
        at_least(25, f"intake of {what} / echo", 100 * load.rate / echo.rate, "%", how),
    ]


def _costed(stage: Stage, name: str, connections: int, messages: list[bytes]) -> tuple[Load, float]:
    """Put a load on a process; return it with the microseconds of a processor that each message took there.

    They say more than rates where other programs run beside.
    """
    before = stage.cpu_s(name)
    load = run_load(stage.echo if name == "echo" else stage.listen, connections, messages)
    return load, 1e6 * (stage.cpu_s(name) - before) / len(messages)


def forward_figures(stage: Stage, connections: int, count: int, keyed: bool) -> list[Figure]:
    """Return how many orders a second go in, are stored, and are acknowledged by the destination; and the answers.

    The answers are timed at half that load, or half the budget where more was reached, from when each was due.
    """
    before = delivered(stage)
    prefix = "K" if keyed else "F"
    started = time.perf_counter()
    run_load(stage.listen, connections, _made(lambda one: message(one, _lane(one)), prefix, count))
    _wait_for(stage, before + count)
    rate = count / (time.perf_counter() - started)
    budget, name = (KEYED, f"{LANES} keyed lanes") if keyed else (STRICT, "strict order")
    paced = min(rate, budget) / 2
    answers = run_load(
        stage.listen, connections, _made(lambda one: message(one, _lane(one)), prefix + "P", _few(paced)), paced
    )
    how = f"from the first sent to the last delivered, {count:,} orders"
    return [
        at_least(budget, f"store and forward, {name}", rate, "/s", how),
        under(20, f"ack p99 at half load, {name}", answers.percentile_ms(0.99), "ms", f"{paced:,.0f}/s, from when due"),
    ]


def delivered(stage: Stage) -> int:
    """Return how many messages the service has delivered."""
    from hl7calf.service.journal.reader import Reader

    with Reader(stage.folder / "var") as reader:
        return reader.books().delivered


def _wait_for(stage: Stage, count: int) -> None:
    until = time.perf_counter() + DRAIN_TIMEOUT_S
    while delivered(stage) < count:
        if time.perf_counter() > until:
            raise Stopped(f"The service has not delivered everything within {DRAIN_TIMEOUT_S:g} s.")
        time.sleep(0.02)


def memory_figure(stage: Stage) -> Figure:
    """Return the resident memory of the service after all that."""
    return under(120, "memory of serve", stage.memory_mb("serve"), "MB", "resident, after the load")


def _made(make: Callable[[str], bytes], prefix: str, count: int) -> list[bytes]:
    return [make(f"{prefix}{number:07d}") for number in range(count)]


def _lane(control_id: str) -> str:
    return f"L{int(control_id[-7:]) % LANES}"


def _few(rate: float) -> int:
    """Return as many messages as three seconds take, within reason."""
    return min(max(int(3 * rate), 100), 15_000)
