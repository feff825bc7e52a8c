"""`make screenshots`: draws the pictures of the README and of the page about the console from an invented store, in Debian's Chromium.

    python -m tests.console.screenshots [FOLDER]

Every order in them is invented; the reveal that shows one of them whole is in the log of a store that is thrown away.
"""

import sys
import tempfile
import time
from pathlib import Path

from hl7calf.console.queries import Wanted
from tests.console.browsing import answering, browser, console_process, sign_in
from tests.console.stage import close_stage, hold_back, night_shift, open_stage

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 860}


def draw(folder: Path) -> list[Path]:
    """Write the pictures and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        stage = open_stage(Path(work), night_shift, now=time.time())
        held = hold_back(stage.store, "review/x16-cast.hl7", time.time() - 300)
        newest = stage.desk.archive.log_page(Wanted(action="upgrade"), limit=1).entries[0].message_id
        with console_process(Path(work)) as address, answering(stage.store), browser() as chromium:
            page = chromium.new_context(viewport=SIZE, color_scheme="light").new_page()
            sign_in(page, address, "rahel")
            page.screenshot(path=folder / "console-overview.png")
            page.goto(f"{address}/message/{newest}")
            page.fill("input[name=purpose]", "Checking the decision")
            page.click("text=Reveal for")
            page.wait_for_load_state()
            page.set_viewport_size({"width": 1280, "height": 1060})
            page.screenshot(path=folder / "console-message.png")
            page.goto(f"{address}/message/{held}")
            page.fill("input[name=purpose]", "Deciding a review")
            page.click("text=Reveal for")
            page.wait_for_load_state()
            page.set_viewport_size({"width": 1280, "height": 900})
            page.screenshot(path=folder / "console-review.png")
        close_stage(stage)
    return [folder / f"console-{name}.png" for name in ("overview", "message", "review")]


if __name__ == "__main__":
    for path in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        sys.stdout.write(f"{path}\n")
