"""`hl7calf bench`: how fast this machine runs hl7calf, beside its budgets and a bare echo of the same run."""

import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from hl7calf.cli.figures import Figure, as_table, missed, under
from hl7calf.cli.terminal import say, say_err

if TYPE_CHECKING:
    from hl7calf.cli.stage import Stage


@click.command(short_help="Measure hl7calf on this machine.")
@click.option("--messages", type=click.IntRange(100), default=4000, show_default=True, help="Messages in each run.")
@click.option(
    "--connections", type=click.IntRange(1, 900), default=100, show_default=True, help="Senders side by side."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each figure.")
@click.option("--strict", is_flag=True, help="Exit with 1 when a budget is missed.")
def bench(messages: int, connections: int, as_json: bool, strict: bool) -> int:
    """Measure vetting, start, intake (durable AA), store-and-forward and memory, beside a bare Twisted echo.

    Everything runs on loopback in a folder that is removed again. Ratios travel from machine to machine, rates do
    not: on a busy machine look at the shares of the echo.
    """
    figures = measure(messages, connections)
    if as_json:
        for figure in figures:
            say(json.dumps(figure.as_json()))
    else:
        say(as_table(figures))
    return 1 if strict and missed(figures) else 0


def measure(messages: int, connections: int) -> list[Figure]:
    """Measure everything, in about a minute."""
    from hl7calf.cli.timing import start_figures, vetting_figures

    say_err("Vetting and start ...")
    figures = vetting_figures() + start_figures()
    say_err(f"{messages:,} messages over {connections} connections, in strict order ...")
    figures += _on_a_stage(messages, connections, keyed=False)
    say_err("The same in eight keyed lanes ...")
    return figures + _on_a_stage(messages, connections, keyed=True)


def _on_a_stage(messages: int, connections: int, keyed: bool) -> list[Figure]:
    """Start a service and what it talks to, measure them, and end them."""
    from hl7calf.cli.rates import disk_figures, forward_figures, intake_figures, memory_figure
    from hl7calf.cli.stage import Stage
    from hl7calf.service.mappings import shipped_mappings

    with (
        tempfile.TemporaryDirectory(prefix="hl7calf-bench-") as folder,
        Stage(Path(folder), shipped_mappings()) as stage,
    ):
        started_s = _start(stage, connections, keyed)
        if keyed:
            return forward_figures(stage, connections, messages, keyed=True)
        figures = [under(1, "start of serve", started_s, "s", "from the command to the open port")]
        figures += disk_figures(stage.folder)
        figures += forward_figures(stage, connections, messages // 2, keyed=False)
        figures += intake_figures(stage, connections, messages)
        return [*figures, memory_figure(stage)]


def _start(stage: "Stage", connections: int, keyed: bool) -> float:
    """Start the echo, the destination (another echo) and the service; return how long the last one took."""
    text = stage.settings.read_text(encoding="utf-8")
    most = 2 * connections + 10  # those of the run before may not all be seen to have left
    wider = f"connections_per_listener = {most}\nconnections_per_address = {most}\n"
    text = text.replace("ack_timeout_s =", wider + "ack_timeout_s =")
    if keyed:
        text = text.replace("order_by = []", 'order_by = ["ORC-2"]').replace("\nconnections = 1", "\nconnections = 8")
    stage.settings.write_text(text, encoding="utf-8")
    stage.start("echo", [str(stage.echo)], "hl7calf.cli.bare_echo")
    stage.start("destination", [str(stage.forward)], "hl7calf.cli.bare_echo")
    stage.wait_for("echo", stage.echo)
    stage.wait_for("destination", stage.forward)
    begun = perf_counter()
    stage.start("serve", ["serve", "-c", str(stage.settings)])
    stage.wait_for("serve", stage.listen)
    return perf_counter() - begun
