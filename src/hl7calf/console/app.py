"""Composes the console: a Site with one resource over a desk.

Law: nothing is opened here and no port is bound; whoever calls decides where it listens.
"""

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.web.server import Site

from hl7calf.console.desk import Desk
from hl7calf.console.door import Door
from hl7calf.console.journal import Journal
from hl7calf.console.limits import SmallRequest
from hl7calf.console.options import Options
from hl7calf.console.trial import Mappings, ReadMappings
from hl7calf.console.users import Users
from hl7calf.console.visit import Answer

REQUEST_TIMEOUT_S = 60.0


class QuietSite(Site):
    """A site that writes no access log: addresses and user agents of people are nobody's business."""

    def log(self, request: object) -> None:
        """Write nothing."""


def build_desk(
    options: Options, open_journal: Callable[[], Journal], database: Path, read_mappings: ReadMappings
) -> Desk:
    """Return what the pages work with."""
    return Desk(options, open_journal, database, Mappings(options.mappings, read_mappings), Users(options.data_dir))


def build_console(desk: Desk, run: Callable[[Callable[[], Answer]], "Deferred[Answer]"]) -> Site:
    """Return the console.

    Args:
        run: calls a function in the one thread that pages run in, and gives its result.
    """
    site = QuietSite(  # type: ignore[no-untyped-call]  # Twisted has no types here
        Door(desk, run), requestFactory=SmallRequest, timeout=REQUEST_TIMEOUT_S, parsePOSTFormSubmission=False
    )
    site.displayTracebacks = False
    return site
