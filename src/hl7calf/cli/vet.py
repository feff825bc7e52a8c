"""`hl7calf vet`: a dry run over files, folders and standard input."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.failures import Unusable
from hl7calf.cli.terminal import say, say_err, terminal

if TYPE_CHECKING:
    from hl7calf.calf.verdict import Verdict
    from hl7calf.cli.dry_run import DryRun
    from hl7calf.cli.sources import Source

_PATH = click.Path(path_type=Path)


@click.command(short_help="Dry run: show what would be done.")
@click.argument("places", metavar="[PATH or -]...", nargs=-1)
@click.option("--diff", "shape", flag_value="diff", default="diff", help="Show changes and reasons (default).")
@click.option("--json", "shape", flag_value="json", help="One JSON object a line for each message.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write what would be sent into DIR.")
@click.option("--force", is_flag=True, help="Let --out replace files that are there.")
@click.option("-c", "--config", type=_PATH, help="Settings file: its mappings, mode and policy.")
@click.option("--mappings", type=_PATH, help="Folder of mappings; else -c's, ./mappings, or the shipped ones.")
@click.option("--mode", type=click.Choice(["observe", "annotate", "upgrade"]), help="How far to go [default: upgrade].")
@click.option("--changed", "only_changed", is_flag=True, help="Show changed, reviewed and refused messages only.")
def vet(
    places: tuple[str, ...],
    shape: str,
    out: Path | None,
    force: bool,
    config: Path | None,
    mappings: Path | None,
    mode: str | None,
    only_changed: bool,
) -> int:
    """Show what would be done with messages; nothing is sent or stored.

    Reads raw HL7, several messages in one file, MLLP-framed files, FHS/BHS batches and folders, with any
    segment ends; - or nothing is standard input. Exit code 1 when a message would be refused.
    """
    import sys

    from hl7calf.cli.dry_run import prepare
    from hl7calf.cli.sources import read_sources

    if not places and sys.stdin.isatty():
        raise Unusable("Nothing to vet: name files or folders, or pipe a message in.")
    run = prepare(config, mappings, mode)
    counts: Counter[str] = Counter()
    for source in read_sources(places or ("-",)):
        verdict = run.vet(source.payload)
        counts[verdict.action.value] += 1
        counts["changed"] += verdict.changed
        if not only_changed or verdict.changed or verdict.action.value in ("review", "refuse"):
            _show(verdict, source, shape)
        if out is not None:
            _write(verdict, source, out, force)
    _tell_totals(counts, run)
    return 1 if counts["refuse"] else 0


def _show(verdict: "Verdict", source: "Source", shape: str) -> None:
    """Write one verdict to stdout, for scripts or for a person."""
    if shape == "json":
        from hl7calf.calf.report import verdict_to_json
        from hl7calf.wire.conformance import compare

        advice = compare(verdict.payload, verdict.outbound) if verdict.fault is None else None
        say(json.dumps(verdict_to_json(verdict, source.name, advice), ensure_ascii=False))
        return
    from hl7calf.cli.difference import explain_change

    say(explain_change(verdict, source.name, terminal()))


def _write(verdict: "Verdict", source: "Source", out: Path, force: bool) -> None:
    """Write what would be sent under the file's own name; a refused message is not sent.

    Raises:
        Unusable: the file is there already.
    """
    if verdict.action.value == "refuse":
        return
    below = (
        source.below
        if source.count == 1
        else source.below.with_name(f"{source.below.stem}.{source.number}{source.below.suffix}")
    )
    target = out / below
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(verdict.outbound)
    except FileExistsError:
        raise Unusable(f"{target} is there already; give an empty folder, or --force to replace it.") from None


def _tell_totals(counts: Counter[str], run: "DryRun") -> None:
    actions = [
        f"{counts[action]} {action}" for action in ("upgrade", "annotate", "review", "pass", "refuse") if counts[action]
    ]
    total = sum(counts.values()) - counts["changed"]
    policy = f", policy {run.policy.id}" if run.policy else ""
    say_err(
        f"{total} {'message' if total == 1 else 'messages'}: {', '.join(actions)}; {counts['changed']} changed. "
        f"Mode {run.mode.value}{policy}, mappings {run.mappings}."
    )
