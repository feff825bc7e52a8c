"""How the service fares and what of it needs a person, read from the store, the settings and the ops port.

Law: the store is the truth and is enough; the ops port adds what only a running process knows
(connections), and its silence is no fault of its own.
"""

import http.client
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hl7calf.cli.moments import age, time_exact, time_shown
from hl7calf.cli.store import DEFAULT_CONFIG, find_store, read_settings
from hl7calf.config import Settings, mode_in_force
from hl7calf.config.endpoints import read_listen
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import RouteStatus, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

OVERDUE_S = 60.0  # where no settings are at hand; the default of overdue_alarm_s
RECENT_S = 86_400.0  # a quarantined message was refused to its sender; after a day it is history
OPS_TIMEOUT_S = 1.0
_CONNECTIONS = re.compile(r'^hl7calf_connections\{[^}]*route="([^"]*)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Condition:
    """One look at the service: `needs` are sentences for the person who must act, empty when all is well."""

    now: float
    status: Status
    needs: tuple[str, ...]
    mode_told: str
    policy_told: str
    connections: dict[str, int]

    def with_damage(self, found: list[str]) -> "Condition":
        """Return the same with what a thorough look at the store found wrong, first."""
        more = f"; {len(found) - 1} more of the kind" if len(found) > 1 else ""
        told = (
            [f"The store is not whole: {found[0]}{more}. See `hl7calf salvage` in the operations manual."]
            if found
            else []
        )
        return replace(self, needs=(*told, *self.needs))

    def to_json(self) -> dict[str, Any]:
        """Return everything for scripts."""
        status = self.status
        return {
            "ok": not self.needs,
            "needs": list(self.needs),
            "node": status.node,
            "running": status.running,
            "mode": status.control.mode.value if status.control.mode else None,
            "mode_told": self.mode_told,
            "policy": self.policy_told,
            "paused": status.control.paused,
            "balanced": status.balanced,
            "log_sequence": status.head,
            "log_hash": status.head_hash.hex(),
            "bytes_used": status.bytes_used,
            "unclean_starts": status.unclean_starts,
            "routes": [self._route(route) for route in status.routes],
        }

    def _route(self, route: RouteStatus) -> dict[str, Any]:
        books = route.books
        return {
            "route": route.route,
            "received": books.received,
            "delivered": books.delivered,
            "queued": books.queued,
            "parked": books.parked,
            "quarantined": books.quarantined,
            "rejected": books.rejected,
            "duplicates": books.duplicates,
            "balanced": books.balanced,
            "oldest_queued_seconds": None
            if route.oldest_queued_at is None
            else round(max(self.now - route.oldest_queued_at, 0.0), 3),
            "last_error": route.last_error or None,
            "last_error_at": None if route.last_error_at is None else time_exact(route.last_error_at),
            "connections": self.connections.get(route.route),
        }


def read_condition(config: Path | None, data_dir: Path | None, now: float) -> Condition:
    """Look at the store, and at the settings and the running process where they can be found.

    Raises:
        Unusable: there is no store.
    """
    folder = find_store(config, data_dir)
    named = config is not None or (data_dir is None and DEFAULT_CONFIG.exists())
    settings = read_settings(config) if named else None
    with Reader(folder) as reader:
        status = reader.status()
        looked = {route.route: _look_at(reader, route, now) for route in status.routes}
    needs = (
        *_of_the_service(status, settings),
        *(need for route in status.routes for need in _of_a_route(route, settings, looked[route.route], now)),
    )
    mode_told, lowered = _mode(status, settings)
    return Condition(now, status, (*needs, *lowered), mode_told, _policy(settings), _connections(settings))


def _of_the_service(status: Status, settings: Settings | None) -> "Iterator[str]":
    """Yield what a person must do about the process as a whole."""
    if not status.running:
        yield "The service does not run: start it (`hl7calf serve`, or its systemd unit)."
    if status.control.paused:
        yield f"Forwarding is paused: {status.control.paused_why or 'no reason given'}."
    if not status.balanced:
        yield "The books do not balance: a message is in no state or in two. Keep the store, tell the maintainers."


@dataclass(frozen=True, slots=True)
class _Looked:
    """What only the messages themselves tell of a route: how many are quarantined lately, which wait for a reviewer."""

    quarantined: int
    held_at: tuple[float, ...]


def _look_at(reader: Reader, route: RouteStatus, now: float) -> _Looked:
    quarantined = _recently_quarantined(reader, route.route, now) if route.books.quarantined else 0
    parked = reader.messages(state=State.PARKED, route=route.route, limit=1000) if route.books.parked else []
    return _Looked(quarantined, tuple(line.received_at for line in parked if line.why == HELD_FOR_REVIEW))


def _of_a_route(route: RouteStatus, settings: Settings | None, looked: _Looked, now: float) -> "Iterator[str]":
    """Yield what a person must do about one route."""
    overdue_s = settings.service.overdue_alarm_s if settings else OVERDUE_S
    if looked.held_at:
        yield (
            f"{route.route}: {len(looked.held_at)} held for review, the oldest for {age(now - min(looked.held_at))}: "
            "a reviewer reads and releases them in the console."
        )
    if route.books.parked > len(looked.held_at):
        since = f", the oldest for {age(now - route.oldest_parked_at)}" if route.oldest_parked_at is not None else ""
        since = "" if looked.held_at else since  # the oldest of all may be one that is held
        parked = route.books.parked - len(looked.held_at)
        yield f"{route.route}: {parked} parked{since}: decide with `hl7calf queue list --state parked`."
    if looked.quarantined:
        yield (
            f"{route.route}: {looked.quarantined} quarantined within a day, unreadable and refused to the "
            "sender: `hl7calf queue list --state quarantined`, then release or skip."
        )
    if route.oldest_queued_at is not None and now - route.oldest_queued_at > overdue_s:
        error = f" Last error: {route.last_error}." if route.last_error else ""
        yield (
            f"{route.route}: {route.books.queued} queued, the oldest for {age(now - route.oldest_queued_at)}: "
            f"look at the destination.{error}"
        )


def _recently_quarantined(reader: Reader, route: str, now: float) -> int:
    """Count the messages quarantined within a day."""
    count, after = 0, 0
    while page := reader.messages(state=State.QUARANTINED, route=route, after=after, limit=1000):
        count += sum(now - line.received_at < RECENT_S for line in page)
        after = page[-1].message_id
    return count


def _mode(status: Status, settings: Settings | None) -> tuple[str, tuple[str, ...]]:
    """Return the mode in words, and what a person must do when the policy holds it down."""
    control = status.control
    chosen = control.mode.value if control.mode else settings.service.mode if settings else ""
    if control.mode:
        told = f"{chosen}, set by {control.mode_user} at {time_shown(control.mode_at)} UTC: {control.mode_reason}"
    else:
        told = f"{chosen}, from the settings" if chosen else "as in the settings"
    if settings is None or not chosen:
        return told, ()
    in_force, why = mode_in_force(settings, chosen, date.today())  # noqa: DTZ011 - the site's own calendar days
    if not why:
        return told, ()
    return f"{told}; in force: {in_force}", (f"Mode {chosen} is held down to {in_force}: {why}. Renew the policy.",)


def _policy(settings: Settings | None) -> str:
    """Return who authorised order changes, and until when."""
    if settings is None:
        return "unknown without -c"
    if settings.policy is None:
        return "none"
    stated = settings.policy
    return f"{stated.id} version {stated.version}, {stated.approved_by}, valid until {stated.valid_until.isoformat()}"


def _connections(settings: Settings | None) -> dict[str, int]:
    """Ask the ops port how many peers are connected; nothing when it does not answer."""
    if settings is None or not settings.service.ops:
        return {}
    ops = read_listen(settings.service.ops)
    asked = http.client.HTTPConnection(ops.host or "127.0.0.1", ops.port, timeout=OPS_TIMEOUT_S)
    try:
        asked.request("GET", "/metrics")
        text = asked.getresponse().read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return {}
    finally:
        asked.close()
    return {route: int(float(value)) for route, value in _CONNECTIONS.findall(text)}
