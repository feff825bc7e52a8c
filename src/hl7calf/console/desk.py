"""What every page works with: the journal, the people, the figures, the templates.

Law: one worker thread uses it, so nothing in here is locked and no connection leaves its thread; `sessions` and
`users` are looked at by the door as well, in short reads. A page is always drawn by `page`: there is one way from a
value to HTML, and it escapes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from hl7calf.calf.vetting import Options as VetOptions
from hl7calf.console.figures import Arrivals, Daily
from hl7calf.console.guard import new_token
from hl7calf.console.journal import Journal
from hl7calf.console.options import Options, Role
from hl7calf.console.queries import Archive
from hl7calf.console.rendering import Templates
from hl7calf.console.sessions import Sessions
from hl7calf.console.throttle import Throttle
from hl7calf.console.trial import Mappings
from hl7calf.console.users import Users
from hl7calf.console.visit import Answer, Visit

# pages that may show what was revealed: without JavaScript, too, they must not show it for ever
_MAY_SHOW = ("overview.html", "log.html", "message.html", "entry.html", "review.html", "waiting.html")


@dataclass(slots=True)
class Desk:
    """Everything the pages work with.

    Args:
        open_journal: opens the journal, in the thread that calls; raises JournalError while there is none.
        database: the journal's file, for the console's own queries.
    """

    options: Options
    open_journal: Callable[[], Journal]
    database: Path
    mappings: Mappings
    users: Users
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    throttle: Throttle = field(default_factory=Throttle)
    arrivals: Arrivals = field(default_factory=Arrivals)
    daily: Daily = field(default_factory=Daily)
    templates: Templates = field(default_factory=Templates)
    form_key: bytes = field(default_factory=lambda: new_token().encode("ascii"))
    totp_steps: dict[str, int] = field(default_factory=dict)
    sessions: Sessions = field(init=False)
    _journal: Journal | None = None
    _archive: Archive | None = None

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.options.idle_s)

    @property
    def journal(self) -> Journal:
        """The journal, opened at first use; JournalError while there is none."""
        if self._journal is None:
            self._journal = self.open_journal()
        return self._journal

    @property
    def archive(self) -> Archive:
        """The console's own connection, opened at first use; JournalError while there is no journal."""
        if self._archive is None:
            self._archive = Archive(self.database)
        return self._archive

    @property
    def vet_options(self) -> VetOptions:
        """The site's choices of the clinical rule."""
        return self.options.vet_options if self.options.vet_options is not None else VetOptions()

    def today(self) -> date:
        """Return the site's own calendar day: a policy lapses by it."""
        return self.options.today()

    def page(self, visit: Visit, template: str, code: int = 200, **values: Any) -> Answer:
        """Draw a template for this visit."""
        drawn = self.templates.draw(
            template,
            visit=visit,
            user=visit.user,
            role=visit.role,
            is_reviewer=visit.role.may(Role.REVIEWER),
            is_operator=visit.role.may(Role.OPERATOR),
            token=visit.session.token,
            now=visit.now,
            idle_s=self.options.idle_s,
            by_proxy=visit.session.by_proxy,
            said="" if template.startswith("_") else visit.session.take_said(),
            **values,
        )
        return Answer(drawn, code, refresh=self._refresh(visit) if template in _MAY_SHOW else "")

    def _refresh(self, visit: Visit) -> str:
        """Return when a page must be asked for again because what it shows was revealed for a while only."""
        left = [until - visit.tick for until in visit.session.revealed.values() if until > visit.tick]
        return str(int(min(*left, self.options.idle_s)) + 1) if left else ""
