"""Reading the books, what people decided, and the state of the whole.

Law: counts are read, never made, but by `recount`.
"""

from collections import defaultdict
from typing import Any

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal.query import Query, Row, seconds
from hl7calf.service.journal.views import Books, Control, Request, RouteStatus, Status
from hl7calf.service.modlog import Anchor

_PURGED = "purged:"


def by_route(query: Query) -> dict[str, Books]:
    """Return the books of each route."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for route, name, count in query.rows("all_books"):
        counts[route][name] = count
    return {route: _books(names) for route, names in counts.items()}


def books(query: Query, route: str | None) -> Books:
    """Return the books of a route, or of all together."""
    routes = by_route(query)
    if route is not None:
        return routes.get(route, Books())
    fields = Books.__slots__
    return Books(**{name: sum(getattr(one, name) for one in routes.values()) for name in fields})


def recount(query: Query) -> dict[str, Books]:
    """Count every message on disk anew and add what was purged; `received` is then the sum, by definition."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for route, state, count in query.rows("recount"):
        counts[route][state] += count
    for route, name, count in query.rows("all_books"):
        if name.startswith(_PURGED):
            counts[route][name] = count
            counts[route][name.removeprefix(_PURGED)] += count
        elif name == "duplicates":
            counts[route][name] = count
    states = ("queued", "delivered", "parked", "quarantined", "rejected")
    for names in counts.values():
        names["received"] = sum(names.get(state, 0) for state in states)
    return {route: _books(names) for route, names in counts.items()}


def _books(names: dict[str, int]) -> Books:
    purged = sum(count for name, count in names.items() if name.startswith(_PURGED))
    plain = {name: count for name, count in names.items() if not name.startswith(_PURGED)}
    return Books(**plain, purged=purged)


def control(query: Query) -> Control:
    """Return the mode and whether forwarding is paused."""
    mode = query.row("get_control", "mode")
    paused = query.row("get_control", "paused")
    return Control(
        mode=Mode(mode[0]) if mode else None,
        mode_user=mode[1] if mode else "",
        mode_reason=mode[2] if mode else "",
        mode_at=seconds(mode[3]) if mode else 0.0,
        paused=bool(paused and paused[0] == "1"),
        paused_why=paused[2] if paused and paused[0] == "1" else "",
    )


def requests(query: Query) -> list[Request]:
    """Return what nobody has answered yet."""
    return [_request(row) for row in query.rows("waiting_requests")]


def request(query: Query, request_id: int) -> Request | None:
    """Return one request with its answer."""
    row = query.row("get_request", request_id)
    return None if row is None else _request(row)


def status(query: Query, running: bool, head: Anchor) -> Status:
    """Return the whole at one moment."""
    node = query.row("get_control", "node")
    unclean = query.row("get_control", "unclean_starts")
    routes = tuple(_route(query, route, found) for route, found in sorted(by_route(query).items()))
    return Status(
        node=node[0] if node else "",
        running=running,
        control=control(query),
        routes=routes,
        head=head.sequence,
        head_hash=head.hash,
        bytes_used=query.value("bytes_used"),
        unclean_starts=int(unclean[0]) if unclean else 0,
    )


def _route(query: Query, route: str, found: Books) -> RouteStatus:
    waiting = [row for name in ("oldest_head", "oldest_held") for row in query.rows(name, route)]
    parked = query.row("oldest_parked", route)
    trouble = query.row("trouble", route)
    return RouteStatus(
        route=route,
        books=found,
        oldest_queued_at=_time(min(waiting, default=None), 1),
        oldest_parked_at=_time(parked, 0),
        last_error_at=_time(trouble, 0),
        last_error=trouble[2] if trouble else "",
        last_outcome=trouble[1] if trouble else "",
        newest_quarantined_at=_time(query.row("newest_quarantined", route), 0) if found.quarantined else None,
    )


def _time(row: Row | None, column: int) -> float | None:
    return None if row is None else seconds(row[column])


def _request(row: Row) -> Request:
    number, kind, message_id, value, user, reason, at, done_at, ok, message = row
    done: Any = None if done_at is None else seconds(done_at)
    return Request(number, kind, message_id, value, user, reason, seconds(at), done, bool(ok), message)
