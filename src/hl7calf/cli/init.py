"""`hl7calf init`: a first settings file and the mappings, which the site then owns."""

import shutil
from datetime import date
from pathlib import Path

import click

from hl7calf.cli.failures import Unusable
from hl7calf.cli.terminal import clean, say

SETTINGS_NAME = "hl7calf.toml"
MAPPINGS_NAME = "mappings"


@click.command(short_help="Write a first hl7calf.toml and the mappings.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> None:
    """Write a commented hl7calf.toml and a copy of the mappings into DIR; the site then owns both.

    Nothing is overwritten. The settings start on loopback under the DEMO policy.
    """
    from hl7calf.cli.settings_example import settings_text
    from hl7calf.service.mappings import shipped_mappings

    for name in (SETTINGS_NAME, MAPPINGS_NAME):
        if (folder / name).exists():
            raise Unusable(f"{folder / name} is there already and is left as it is; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(shipped_mappings(), folder / MAPPINGS_NAME, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    with (folder / SETTINGS_NAME).open("x", encoding="utf-8") as file:
        file.write(settings_text(date.today()))  # noqa: DTZ011 - the policy's dates are the site's own calendar days
    shown = clean(str(folder / SETTINGS_NAME))
    say(f"Wrote {shown} and {clean(str(folder / MAPPINGS_NAME))}.")
    say(f"Next: hl7calf check -c {shown}, then hl7calf serve -c {shown}.")
