"""The modification log: newest first, filtered, growing by itself.

Law: filters that name no patient stand in the address, so a view can be kept and sent on; a control ID or a placer
order number that is looked for stays in the session, so no address line, history or proxy log ever holds it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from hl7calf.calf.gates import REASONS
from hl7calf.console.desk import Desk
from hl7calf.console.queries import LogPage, Wanted
from hl7calf.console.sessions import LISTS
from hl7calf.console.summary import entry_summary
from hl7calf.console.visit import Answer, Visit, see

PAGE = 50
ACTIONS = ("upgrade", "annotate", "review", "pass", "refuse")
KINDS = {"": "everything", "message": "orders", "decision": "decisions of people and service"}
GATES = REASONS | {
    "MODE": "the mode in force",
    "POLICY": "the policy is not in force",
    "SCOPE": "outside the policy's scope",
    "OWN": "carries our note already",
    "WITNESS": "the change could not be proven",
    "REVIEWED": "a reviewer decided that the complete study is wanted",
}
KEPT = ("route", "action", "gate", "kind", "since", "until")
_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw the whole page."""
    return desk.page(
        visit, "log.html", nav="log", actions=ACTIONS, kinds=KINDS, gates=GATES,
        routes=[route.name for route in desk.options.routes], wanted=visit.query, search=visit.session.search,
        **_values(desk, visit),
    )  # fmt: skip


def part(desk: Desk, visit: Visit) -> Answer:
    """Draw the rows alone."""
    return desk.page(visit, "_log.html", **_values(desk, visit))


def search(desk: Desk, visit: Visit) -> Answer:
    """Keep what is looked for in the session, and show the log."""
    visit.session.search = (visit.form.get("control_id", "").strip()[:200], visit.form.get("placer", "").strip()[:200])
    return see("/log?" + kept(visit.form))


def reveal(desk: Desk, visit: Visit) -> Answer:
    """Show identifiers in lists for a while; recorded first."""
    desk.journal.record("reveal", visit.user, "", {"what": "identifiers in lists"})
    visit.session.reveal(LISTS, visit.tick + desk.options.reveal_s)
    back = visit.form.get("back", "")
    return see(f"/{back}" if back in ("review", "waiting") else "/log?" + kept(visit.form))


def wanted_of(query: Mapping[str, str], searched: tuple[str, str]) -> Wanted:
    """Return the filter that an address and what is looked for make; what cannot be read is left out."""
    kind = query.get("kind", "")
    return Wanted(
        route=query.get("route", ""), action=query.get("action", ""), gate=query.get("gate", "").upper(),
        kind=kind if kind in KINDS else "", control_id=searched[0], placer=searched[1],
        since=moment(query.get("since", "")), until=moment(query.get("until", "")),
    )  # fmt: skip


def moment(text: str) -> float | None:
    """Return the UTC time that a person typed or picked, None when it is none."""
    for pattern in _TIMES:
        try:
            return datetime.strptime(text.strip(), pattern).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None


def kept(query: Mapping[str, str], **more: str) -> str:
    """Return the filters that stand in the address, encoded."""
    return urlencode({key: query[key] for key in KEPT if query.get(key)} | more)


def _values(desk: Desk, visit: Visit) -> dict[str, Any]:
    before = visit.query.get("before", "")
    start = int(before) if before.isdigit() and len(before) < 19 else None
    may_see = visit.session.may_see(LISTS, visit.tick)
    page: LogPage = desk.archive.log_page(wanted_of(visit.query, visit.session.search), start, PAGE)
    return {
        "entries": [entry_summary(entry, may_see) for entry in page.entries],
        "may_see": may_see,
        "older": kept(visit.query, before=str(page.older)) if page.older else "",
        "examined": page.examined,
        "is_first": start is None,
        "here": kept(visit.query),
    }
