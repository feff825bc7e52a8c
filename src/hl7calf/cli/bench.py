"""`hl7calf bench`: how fast this machine runs hl7calf, as ratios to a bare echo of the same run."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hl7calf.cli.terminal import say, say_err, table, terminal

if TYPE_CHECKING:
    from hl7calf.cli.stage import Stage

DRAIN_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured; `budget` in words, `within` None where there is none (docs/architecture.md, Budgets)."""

    name: str
    value: float
    unit: str
    budget: str = ""
    within: bool | None = None


@click.command(short_help="Measure hl7calf on this machine.")
@click.option("--messages", type=click.IntRange(100), default=20_000, show_default=True, help="Messages in each run.")
@click.option(
    "--connections", type=click.IntRange(1, 900), default=100, show_default=True, help="Senders side by side."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each figure.")
def bench(messages: int, connections: int, as_json: bool) -> int:
    """Measure intake (durable AA), store-and-forward and vetting, beside a bare Twisted echo in the same run.

    Ratios travel from machine to machine, rates do not. Exit code 1 when a budget is missed.
    """
    from hl7calf.cli.reactor import run_reactor
    from hl7calf.cli.stage import Stage
    from hl7calf.cli.timing import vetting_figures
    from hl7calf.service.mappings import shipped_mappings

    figures = vetting_figures()
    with (
        tempfile.TemporaryDirectory(prefix="hl7calf-bench-") as folder,
        Stage(Path(folder), shipped_mappings()) as stage,
    ):
        say_err(f"{messages} messages over {connections} connections, twice ...")
        _start(stage, connections)
        figures += run_reactor(lambda reactor: _run(reactor, stage, messages, connections))
    _tell(figures, as_json)
    return 1 if any(figure.within is False for figure in figures) else 0


def _start(stage: "Stage", connections: int) -> None:
    """Start the echo, the destination (another echo) and the service."""
    text = stage.settings.read_text(encoding="utf-8")
    wider = f"connections_per_listener = {connections + 10}\nconnections_per_address = {connections + 10}\n"
    stage.settings.write_text(text.replace("ack_timeout_s =", wider + "ack_timeout_s ="), encoding="utf-8")
    stage.start("echo", [str(stage.echo)], "hl7calf.cli.bare_echo")
    stage.start("destination", [str(stage.forward)], "hl7calf.cli.bare_echo")
    stage.start("serve", ["serve", "-c", str(stage.settings)])
    for name, port in (("echo", stage.echo), ("destination", stage.forward), ("serve", stage.listen)):
        stage.wait_for(name, port)


async def _run(reactor: Any, stage: "Stage", messages: int, connections: int) -> list[Figure]:
    """Put the same load on the echo and on the service; wait until everything is delivered."""
    from time import perf_counter

    from twisted.internet.task import deferLater

    from hl7calf.cli.load import Load, run_load
    from hl7calf.service.journal.reader import Reader

    await run_load(reactor, stage.echo, connections, Load("W", min(messages, 2000)))
    echo = await run_load(reactor, stage.echo, connections, Load("E", messages))
    started = perf_counter()
    intake = await run_load(reactor, stage.listen, connections, Load("S", messages))
    with Reader(stage.folder / "var") as reader:
        while reader.books().delivered < messages and perf_counter() - started < DRAIN_TIMEOUT_S:
            await deferLater(reactor, 0.05)
        delivered = reader.books().delivered
    forwarded = delivered / (perf_counter() - started)
    ratio = intake.rate / echo.rate
    return [
        Figure("bare echo", echo.rate, "/s"),
        Figure("intake, durable AA", intake.rate, "/s"),
        Figure("intake / echo", 100 * ratio, "%", "at least 25 %", ratio >= 0.25),
        Figure("ack p50", intake.percentile_ms(0.50), "ms"),
        Figure("ack p99 at full load", intake.percentile_ms(0.99), "ms"),
        Figure("store and forward, strict order", forwarded, "/s", "at least 2,500/s", forwarded >= 2500),
        Figure("forward / echo", 100 * forwarded / echo.rate, "%"),
        Figure("memory of serve", stage.memory_mb("serve"), "MB", "under 120 MB", stage.memory_mb("serve") < 120),
    ]


def _tell(figures: list[Figure], as_json: bool) -> None:
    if as_json:
        for figure in figures:
            say(
                json.dumps(
                    {
                        "name": figure.name,
                        "value": round(figure.value, 4),
                        "unit": figure.unit,
                        "budget": figure.budget or None,
                        "within": figure.within,
                    }
                )
            )
        return
    rows = [
        [
            figure.name,
            f"{figure.value:,.1f} {figure.unit}",
            figure.budget,
            {None: "", True: "yes", False: "NO"}[figure.within],
        ]
        for figure in figures
    ]
    say(table(["measured", "value", "budget", "within"], rows, terminal(sys.stdout), right=(1,)))
