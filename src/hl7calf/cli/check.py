"""`hl7calf check`: lints the mappings and runs their examples."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hl7calf.cli.terminal import Terminal, clean, say, say_err, terminal

if TYPE_CHECKING:
    from hl7calf.errors import Defect

_PATH = click.Path(path_type=Path)


@click.command(short_help="Lint the mappings and run their examples.")
@click.argument("folder", metavar="[DIR]", required=False, type=_PATH)
@click.option("-c", "--config", type=_PATH, help="Check this settings file as well, and its mappings.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write a JUnit report.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each defect.")
def check(folder: Path | None, config: Path | None, junit: Path | None, as_json: bool) -> int:
    """Lint the mappings and run their examples; every defect with file, line, column and hint.

    DIR defaults to -c's mappings, else ./mappings, else the shipped ones. Exit code 1 when there is a defect.
    """
    from hl7calf.calf.check import check_mappings
    from hl7calf.cli.dry_run import choose_mappings
    from hl7calf.config import load_settings
    from hl7calf.errors import MappingError
    from hl7calf.service.mappings import read_mappings

    settings = load_settings(config) if config is not None else None
    chosen = choose_mappings(settings, folder)
    files: dict[str, str] = {}
    try:
        files = read_mappings(chosen)
        defects = list(check_mappings(files))
    except MappingError as error:
        defects = list(error.defects)
    term = terminal()
    for defect in defects:
        say(json.dumps(_defect_json(defect, chosen)) if as_json else _told(defect, chosen, term))
    if junit is not None:
        _write_junit(junit, defects, files)
    settings_told = f"{config} is sound. " if config is not None else ""
    say_err(
        f"{settings_told}{chosen}: {len(files)} files, {'no defect' if not defects else f'{len(defects)} to mend'}."
    )
    return 1 if defects else 0


def _told(defect: "Defect", folder: Path, term: Terminal) -> str:
    """Return one defect as `folder/file:line:column: why`, which editors jump to."""
    place = (
        f"{folder / defect.file}"
        + (f":{defect.line}" if defect.line else "")
        + (f":{defect.column}" if defect.column else "")
    )
    why = term.fold(clean(f"{defect.why} [{defect.code}]"), "  ")
    hint = "\n" + term.fold(clean(defect.hint), "  mend: ", " " * 8) if defect.hint else ""
    return (
        term.paint(clean(place), bold=True) + "\n" + why + hint
        if term.width
        else clean(f"{place}: {defect.why} [{defect.code}]" + (f" ({defect.hint})" if defect.hint else ""))
    )


def _defect_json(defect: "Defect", folder: Path) -> dict[str, object]:
    return {
        "file": str(folder / defect.file),
        "line": defect.line or None,
        "column": defect.column or None,
        "code": defect.code,
        "why": defect.why,
        "hint": defect.hint or None,
    }


def _write_junit(path: Path, defects: "list[Defect]", files: dict[str, str]) -> None:
    """Write a test case for each file, failed where it has a defect."""
    from hl7calf.cli.junit import Case, write_junit

    named = sorted({*files, *(defect.file for defect in defects)})
    write_junit(
        path,
        "hl7calf check",
        [
            Case("mappings", name, "\n".join(str(defect) for defect in defects if defect.file == name) or None)
            for name in named
        ],
    )
