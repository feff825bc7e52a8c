"""The overview: is everything well, and if not, what needs a person.

Law: counts, ages, names out of the settings and reasons; no identifier of an order or a patient.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from hl7calf.console import drawing
from hl7calf.console.desk import Desk
from hl7calf.console.journal import RouteStatus, Status
from hl7calf.console.options import Options
from hl7calf.console.pages.review import undecided, unseen_quarantined
from hl7calf.console.queries import Wanted
from hl7calf.console.summary import entry_summary
from hl7calf.console.text import age, plural
from hl7calf.console.visit import Answer, Visit, see

SPARK_HEIGHT = 24.0
MODES = ("observe", "annotate", "upgrade")
LAPSE_NOTICE_DAYS = 30
RECENT = 6
MOST_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs a person; `grave` ones first. `where` is a page of ours or ""."""

    grave: bool
    what: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class ModeShown:
    """The mode in force, the one wanted, who set it, and why the two differ."""

    in_force: str
    wanted: str
    user: str
    reason: str
    at: float
    lowered: str


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route with its figures."""

    name: str
    listen: str
    forward: str
    status: RouteStatus | None
    spark: list[drawing.Bar]
    day_total: int
    busiest: int


def show(desk: Desk, visit: Visit) -> Answer:
    """Draw the whole page."""
    return desk.page(visit, "overview.html", nav="overview", modes=MODES, **_values(desk, visit))


def part(desk: Desk, visit: Visit) -> Answer:
    """Draw what changes by itself."""
    return desk.page(visit, "_overview.html", **_values(desk, visit))


def set_mode(desk: Desk, visit: Visit) -> Answer:
    """Ask the service for another mode; who and why go into the log."""
    mode, reason = visit.form.get("mode", ""), visit.form.get("reason", "").strip()
    if mode not in MODES or not reason:
        visit.session.said = "Choose a mode and say why; nothing was changed."
        return see("/")
    _, visit.session.said = desk.journal.ask("mode", visit.user, reason[:200], None, mode)
    return see("/")


def _values(desk: Desk, visit: Visit) -> dict[str, Any]:
    status = desk.journal.status()
    desk.arrivals.catch_up(desk.archive, visit.now)
    mode = mode_shown(desk.options, status, desk.today())
    recent = [
        entry for action in ("upgrade", "annotate", "review")
        for entry in desk.archive.log_page(Wanted(action=action), limit=RECENT).entries
    ]  # fmt: skip
    recent.sort(key=lambda entry: -entry.sequence)
    may_see = visit.session.may_see(0, visit.tick)
    return {
        "status": status,
        "mode": mode,
        "policy": desk.options.policy_shown,
        "policy_days": policy_days(desk.options, desk.today()),
        "needs": sorted(_needs(desk, visit, status, mode), key=lambda need: not need.grave),
        "routes": [_route(desk, visit, status, name) for name in _names(desk, status)],
        "recent": [entry_summary(entry, may_see) for entry in recent[:RECENT]],
        "spark_height": SPARK_HEIGHT,
    }


def mode_shown(options: Options, status: Status, today: date) -> ModeShown:
    """Return which mode is in force: what people chose, held down to what the policy allows."""
    control = status.control
    wanted = str(control.mode or options.mode)
    days = policy_days(options, today)
    lowered = ""
    if wanted == "upgrade" and days is None:
        lowered = "no policy is named in the settings"
    elif wanted == "upgrade" and days is not None and days < 0:
        lowered = "the policy has lapsed"
    return ModeShown(
        "annotate" if lowered else wanted, wanted, control.mode_user, control.mode_reason, control.mode_at, lowered
    )


def policy_days(options: Options, today: date) -> int | None:
    """Return how many days the policy is still good for, negative when it lapsed; None without a policy."""
    return (options.policy_shown.valid_until - today).days if options.policy_shown else None


def _names(desk: Desk, status: Status) -> list[str]:
    known = [route.name for route in desk.options.routes]
    return known + sorted({route.route for route in status.routes} - set(known))


def _route(desk: Desk, visit: Visit, whole: Status, name: str) -> RouteRow:
    shown = next((route for route in desk.options.routes if route.name == name), None)
    status = next((route for route in whole.routes if route.route == name), None)
    hours = desk.arrivals.of(name, visit.now)
    return RouteRow(
        name, shown.listen if shown else "", shown.forward if shown else "", status,
        drawing.bars(hours, SPARK_HEIGHT), sum(hours), max(hours),
    )  # fmt: skip


def _needs(desk: Desk, visit: Visit, status: Status, mode: ModeShown) -> list[Need]:
    needs: list[Need] = []
    if not status.running:
        needs.append(Need(True, "The service does not run: nothing is received or forwarded."))
    if not status.balanced:
        what = "The books do not balance: a message may be missing. Keep the disk as it is and get help."
        needs.append(Need(True, what))
    if status.control.paused:
        needs.append(Need(True, f"Forwarding is paused: {status.control.paused_why or 'no reason was given'}"))
    if mode.lowered:
        needs.append(Need(False, f"Orders are annotated only, not upgraded: {mode.lowered}."))
    days = policy_days(desk.options, desk.today())
    if days is not None and 0 <= days <= LAPSE_NOTICE_DAYS:
        needs.append(Need(False, f"The policy lapses in {plural(days, 'day')}; then orders are annotated only."))
    for route in status.routes:
        needs += _route_needs(desk, visit, route)
    unseen = len(unseen_quarantined(desk, visit.now))
    if unseen:
        what = f"{plural(unseen, 'message')} could not be read and nobody has looked."
        needs.append(Need(False, what, "/waiting#quarantined"))
    reviews = len(undecided(desk, visit.now))
    if reviews:
        needs.append(Need(False, f"{plural(reviews, 'order message')} for review by a radiologist.", "/review"))
    return needs


def _route_needs(desk: Desk, visit: Visit, route: RouteStatus) -> list[Need]:
    needs: list[Need] = []
    parked = desk.journal.messages("parked", route.route, 0, MOST_LOOKED_AT) if route.books.parked else []
    held = [line for line in parked if line.action == "review"]
    if held:
        old = age(visit.now - held[0].received_at)
        what = f"{route.route}: {plural(len(held), 'order')} held back for a reviewer, the oldest for {old}."
        needs.append(Need(True, what, "/review"))
    if route.books.parked > len(held):
        others = [line for line in parked if line.action != "review"]
        old = f", the oldest for {age(visit.now - others[0].received_at)}" if others else ""
        what = f"{route.route}: {plural(route.books.parked - len(held), 'message')} parked{old}."
        needs.append(Need(True, what, "/waiting"))
    if route.oldest_queued_at is not None and visit.now - route.oldest_queued_at > desk.options.overdue_s:
        old = age(visit.now - route.oldest_queued_at)
        why = f" Last trouble there: {route.last_error}" if route.last_error else ""
        needs.append(Need(True, f"{route.route}: a message has waited {old}.{why}", "/waiting#queued"))
    return needs
