"""`hl7calf replay`: sends messages over MLLP and counts the answers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from hl7calf.cli.endpoints import Address, AddressType, client_endpoint, read_tls, tls_options
from hl7calf.cli.failures import Unusable
from hl7calf.cli.terminal import say, terminal

if TYPE_CHECKING:
    from hl7calf.cli.outcome import Outcome
    from hl7calf.cli.sending import Pace
    from hl7calf.cli.sources import Source

PROGRESS_FROM = 20  # messages; fewer are done before a bar could be read


class Expecting(NamedTuple):
    """Where to look for what arrives (None: do not), and how long to wait for one more."""

    where: str | None
    timeout_s: float


@click.command(short_help="Send files, folders or stored messages over MLLP.")
@click.argument("places", metavar="[SRC]...", nargs=-1)
@click.option("--to", "to", type=AddressType(), required=True, help="The receiver, HOST:PORT.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Messages a second, over all connections.")
@click.option(
    "--connections",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Connections side by side; with one, order is kept.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for an answer.",
)
@click.option("--repeat", type=click.IntRange(1), default=1, metavar="N", help="Send everything N times.")
@click.option(
    "--expect",
    metavar="HOST:PORT|DIR",
    help="Compare what arrives with the .expected.hl7 and .ack.hl7 siblings: listen at HOST:PORT, or "
    "read DIR, where `receive --store DIR` writes.",
)
@click.option(
    "--expect-timeout",
    "expect_timeout_s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait this long for one more message to arrive.",
)
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each message.")
@click.option("--journal", is_flag=True, help="Send stored messages as they came in (with -c).")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="Settings file that names the store.")
@click.option("--since", metavar="WHEN", help="Stored messages from then on: 2h, 3d, or an ISO time.")
@click.option("--control-id", metavar="ID", help="Stored messages with this MSH-10.")
@click.option("--dry-run", is_flag=True, help="With --journal: show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="With --journal: do not ask before sending.")
@click.option(
    "--reason", default="", metavar="TEXT", help="With --journal: why; kept with the original. No patient data."
)
@tls_options
def replay(
    places: tuple[str, ...],
    to: Address,
    expect: str | None,
    expect_timeout_s: float,
    junit: Path | None,
    as_json: bool,
    repeat: int,
    **options: Any,
) -> int:
    """Send files, folders or stored messages over MLLP and count the answers.

    With --journal the messages are shown first, and at a terminal you are asked; each original keeps a line
    that it was sent again, by whom, where to and why.

    Exit code 1 when a message was not taken (AA or CA), or with --expect did not come out as its
    siblings say.
    """
    from hl7calf.cli.expectation import read_expected
    from hl7calf.cli.outcome import Outcome
    from hl7calf.cli.reactor import run_reactor
    from hl7calf.cli.sending import Pace

    tls = read_tls(options)
    sources = _sources(places, to, options) * repeat
    if not sources:
        return 0
    outcome = Outcome(sources, None if expect is None else [read_expected(source) for source in sources])
    pace = Pace(options["connections"], options["rate"], options["timeout_s"])
    expecting = Expecting(expect, expect_timeout_s)

    async def work(reactor: Any) -> float:
        endpoint = client_endpoint(reactor, to, tls, pace.timeout_s)
        return await _run(reactor, outcome, to, endpoint, pace, expecting, as_json)

    seconds = run_reactor(work)
    if options["journal"]:
        from hl7calf.cli.stored import note_replayed

        note_replayed(options["config"], sources, outcome.answers, str(to), options["reason"])
    outcome.tell(seconds, err=as_json)
    if junit is not None:
        outcome.write_junit(junit)
    return 0 if outcome.fine else 1


def _sources(places: tuple[str, ...], to: Address, options: dict[str, Any]) -> "list[Source]":
    """Return the payloads to send, from places or from the store; none when a person said no, or it is a dry run.

    Raises:
        Unusable: the options contradict each other or name nothing.
    """
    from hl7calf.cli.sources import read_sources

    if options["journal"]:
        if places:
            raise Unusable("Give either SRC or --journal, not both.")
        from hl7calf.cli.stored import agreed, show_plan, stored_messages

        stored = stored_messages(options["config"], options["since"], options["control_id"])
        show_plan(stored, str(to))
        if options["dry_run"] or not (options["yes"] or agreed(len(stored))):
            return []
        return [one.source for one in stored]
    if any(options[name] for name in ("since", "control_id", "dry_run", "yes", "reason")):
        raise Unusable("--since, --control-id, --dry-run, --yes and --reason are for stored messages; add --journal.")
    if not places:
        raise Unusable("Nothing to send: name files or folders, - for standard input, or --journal.")
    return list(read_sources(places, keep_batches=True))


async def _run(
    reactor: Any, outcome: "Outcome", to: Address, endpoint: Any, pace: "Pace", expecting: "Expecting", as_json: bool
) -> float:
    """Send everything, gather what arrives where that is expected, judge; return the seconds of sending."""
    from hl7calf.cli.gathering import gather, settled
    from hl7calf.cli.outcome import answer_to_json
    from hl7calf.cli.reactor import cannot_connect
    from hl7calf.cli.sending import Sending

    gathered = None if expecting.where is None else await gather(reactor, expecting.where)
    started = time.monotonic()
    with _progress(len(outcome.sources), wanted=not as_json) as advance:

        def report(index: int, answer: Any) -> None:
            outcome.answers[index] = answer
            advance()
            if as_json:
                say(answer_to_json(outcome.sources[index], answer))

        try:
            await Sending(reactor, endpoint, pace, [source.payload for source in outcome.sources], report).run()
        except Exception as error:
            if outcome.answers:
                outcome.judge(None)
                outcome.tell(time.monotonic() - started, err=as_json)
            raise cannot_connect(to, error) from None
    seconds = time.monotonic() - started
    wanted = sum(one.received is not None for one in outcome.expected or ())
    outcome.judge(None if gathered is None else await settled(reactor, gathered, wanted, expecting.timeout_s))
    return seconds


@contextmanager
def _progress(total: int, wanted: bool) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr where that is a window; rich is imported only then."""
    import sys

    if not wanted or total < PROGRESS_FROM or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, no_color=not terminal(sys.stderr).colour)
    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
