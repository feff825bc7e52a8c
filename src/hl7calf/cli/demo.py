"""`hl7calf demo`: the real job on this machine, in a few seconds."""

import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.failures import Stopped, Unusable
from hl7calf.cli.terminal import Terminal, clean, say, say_err, terminal

if TYPE_CHECKING:
    from hl7calf.cli.played import Played
    from hl7calf.cli.stage import Stage

REPLAY_TIMEOUT_S = 60.0
ARRIVAL_TIMEOUT_S = "3"  # after the last arrival; on loopback a message takes milliseconds


@click.command(short_help="Show the whole job on this machine.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work in this new folder [default: a temporary one, which is kept].",
)
@click.option("--samples", type=click.Path(exists=True, path_type=Path), help="Other sample messages.")
@click.option("--quiet", is_flag=True, help="Show the totals only.")
def demo(folder: Path | None, samples: Path | None, quiet: bool) -> int:
    """Run a receiver, the service and a sender on loopback, and show what the service does with the samples.

    Shows each change with its reason, the totals, and where the log is. Exit code 0 only when every sample
    came out as its folder and its .expected.hl7 or .ack.hl7 say.
    """
    from hl7calf.cli.dry_run import prepare
    from hl7calf.cli.played import read_played
    from hl7calf.cli.sources import read_sources
    from hl7calf.cli.stage import Stage
    from hl7calf.service.mappings import shipped_mappings, shipped_samples

    started = time.monotonic()
    samples = samples or shipped_samples()
    sources = list(read_sources([str(samples)], keep_batches=True))
    say_err(f"Sending {len(sources)} sample messages through a service on loopback ...")
    with Stage(_folder(folder), shipped_mappings()) as stage:
        _start(stage, samples)
        run = prepare(stage.settings, None, None)
        verdicts = [run.vet(source.payload) for source in sources]  # while the service does the same
        replayed = _end(stage)
        played = read_played(stage.folder / "var", sources, verdicts)
    term = terminal()
    shown_whole = False
    for one in played:
        if one.is_refused and not quiet:
            say(f"{term.paint('refuse   ', fg='red')} {clean(str(one.source.below))}\n          because {one.why}")
        elif one.verdict.changed and not quiet:
            whole = not shown_whole and one.folder in ("upgraded", "")
            say(_change(one, term, whole))
            shown_whole = shown_whole or whole
    wrong = [one for one in played if one.fault is not None]
    for one in wrong:
        say(term.paint(f"wrong  {clean(str(one.source.below))}", fg="red") + f"\n       {clean(one.fault or '')}")
    if replayed:
        say(clean(stage.output("replay").read_text(encoding="utf-8", errors="replace").strip(), keep="\n"))
    _tell(played, len(wrong), not replayed, stage, time.monotonic() - started, term)
    return 1 if wrong or replayed else 0


def _folder(asked: Path | None) -> Path:
    """Return the empty folder to work in."""
    if asked is None:
        return Path(tempfile.mkdtemp(prefix="hl7calf-demo-"))
    if asked.exists() and any(asked.iterdir()):
        raise Unusable(f"{asked}: is not empty; give a new folder with --dir.")
    asked.mkdir(parents=True, exist_ok=True)
    return asked.resolve()


def _start(stage: "Stage", samples: Path) -> None:
    """Start the receiver, the service and, once both listen, the sender.

    Raises:
        Stopped: one did not start.
    """
    receiver, service = f"127.0.0.1:{stage.forward}", f"127.0.0.1:{stage.listen}"
    received, report = str(stage.received), str(stage.folder / "report.xml")
    stage.start("receive", ["receive", "--listen", receiver, "--store", received])
    stage.start("serve", ["serve", "-c", str(stage.settings)])
    stage.wait_for("receive", stage.forward)
    stage.wait_for("serve", stage.listen)
    expecting = ["--expect", received, "--expect-timeout", ARRIVAL_TIMEOUT_S, "--junit", report]
    stage.start("replay", ["replay", str(samples), "--to", service, *expecting])


def _end(stage: "Stage") -> int:
    """Wait for the sender, end the service, and return what the sender's exit code was.

    Raises:
        Stopped: one did not end as it should.
    """
    replayed = stage.finish("replay", REPLAY_TIMEOUT_S)
    ended = stage.stop("serve")
    if ended != 0:
        raise Stopped(f"The service ended with {ended} instead of 0.{stage.said('serve')}")
    if replayed not in (0, 1):
        raise Stopped(f"The samples were not sent.{stage.said('replay')}")
    return replayed


def _change(played: "Played", term: Terminal, whole: bool) -> str:
    """Return one changed sample: the first whole, the others with OBR-4, the number of notes, and the reason."""
    from hl7calf.cli.difference import explain_change

    name = str(played.source.below) + (f"#{played.source.number}" if played.source.count > 1 else "")
    if whole:
        return explain_change(played.verdict, name, term) + "\n"
    from hl7calf.cli.summary import summary_lines

    return "\n".join(summary_lines(played.verdict, name, term))


def _tell(played: "list[Played]", wrong: int, as_expected: bool, stage: "Stage", seconds: float,
          term: Terminal) -> None:  # fmt: skip
    """Write the totals and where everything is."""
    counts = Counter(one.folder or "other" for one in played)
    each = ", ".join(f"{count} {name}" for name, count in counts.items())
    fine = not wrong and as_expected
    verdict = (
        "all as expected at the receiver"
        if fine
        else f"{wrong} otherwise than the folder says"
        + ("" if as_expected else ", not all as expected at the receiver")
    )
    say()
    say(
        term.paint(
            term.fold(f"{len(played)} samples ({each}): {verdict}. {seconds:.1f} s."), fg="green" if fine else "red"
        )
    )
    say(term.fold(f"Everything is in {stage.folder}: store, log, received messages, report.xml."))
    say(f"The log: {_program()} log -c {stage.settings}")


def _program() -> str:
    """Return how this program was called, so that the next command can be copied: `.venv/bin/hl7calf`."""
    called = Path(sys.argv[0])
    if called.name != "hl7calf":
        return "python -m hl7calf"
    if shutil.which("hl7calf") == str(called):
        return "hl7calf"
    here = Path.cwd()
    return str(called.relative_to(here)) if called.is_relative_to(here) else str(called)
