"""Who waits behind a parked message, so that a cancel never overtakes the order it cancels.

A parked message holds every later one of the same route with which it shares a key: a placer order (ORC-2), and
the lane key where lanes are by key. Whoever is held holds in turn. All others of the lane go on ([Promises]
A5). Law: a message is blocked if and only if it is parked or shares a key with an earlier blocked one.
"""

import heapq
from collections.abc import Iterable

from hl7calf.calf.verdict import Verdict
from hl7calf.service.journal.ledger import Ledger

FREE, HELD, PARKED = 0, 1, 2


def hold_keys(verdict: Verdict | None, lane_key: bytes) -> list[bytes]:
    """Return the keys of a message: its placer orders, and its lane's key if it has one."""
    if verdict is None or not verdict.orders:
        return [b"L" + lane_key] if lane_key else []
    keys = {b"P" + order.placer_key for order in verdict.orders if order.placer_key}
    if lane_key:
        keys.add(b"L" + lane_key)
    return sorted(keys)


def must_wait(ledger: Ledger, route: str, keys: Iterable[bytes], message_id: int) -> bool:
    """Tell whether an earlier message with one of these keys is parked or held."""
    return any(ledger.row("is_key_blocked", route, key, message_id) for key in keys)


def park(ledger: Ledger, route: str, lane: str, message_id: int) -> int:
    """Block a message as parked and hold its followers; return how many were held by it."""
    keys = _block(ledger, route, lane, message_id, PARKED)
    return hold_followers(ledger, route, message_id, keys)


def hold_followers(ledger: Ledger, route: str, message_id: int, keys: list[bytes]) -> int:
    """Hold every later free message that shares a key, and those behind them; return how many."""
    held = 0
    behind = [(message_id, key) for key in keys]
    while behind:
        earlier, key = behind.pop()
        for (later,) in ledger.rows("free_followers", route, key, earlier):
            whereabouts = ledger.row("lane_and_blocked_of", later)
            assert whereabouts is not None
            behind += [(later, shared) for shared in _block(ledger, route, whereabouts[0], later, HELD)]
            held += 1
    return held


def let_go(ledger: Ledger, route: str, message_id: int, keys: list[bytes]) -> int:
    """Free whoever waited only for this message, in order of arrival; return how many.

    The message itself is free or gone already. Going by rising number, each one's own reasons to wait are settled
    before it is asked for.
    """
    waiting = _behind(ledger, route, message_id, keys)
    heapq.heapify(waiting)
    seen: set[int] = set()
    freed = 0
    while waiting:
        later = heapq.heappop(waiting)
        if later in seen:
            continue
        seen.add(later)
        if unblock_if_free(ledger, route, later):
            freed += 1
            for follower in _behind(ledger, route, later, keys_of(ledger, later)):
                heapq.heappush(waiting, follower)
    return freed


def unblock_if_free(ledger: Ledger, route: str, message_id: int) -> bool:
    """Free a held message if no earlier one with a key of it is blocked."""
    whereabouts = ledger.row("lane_and_blocked_of", message_id)
    if not whereabouts or whereabouts[1] != HELD:
        return False
    if must_wait(ledger, route, keys_of(ledger, message_id), message_id):
        return False
    lane = whereabouts[0]
    first = ledger.row("first_free", route, lane)
    if first and first[1] and first[0] > message_id:
        ledger.run("set_head", 0, first[0])
    ledger.run("set_blocked", FREE, message_id)
    ledger.run("set_hold_blocked", 0, message_id)
    ledger.touch(route, lane)
    return True


def keys_of(ledger: Ledger, message_id: int) -> list[bytes]:
    """Return the keys of an undelivered message."""
    return [row[0] for row in ledger.rows("keys_of", message_id)]


def _behind(ledger: Ledger, route: str, message_id: int, keys: Iterable[bytes]) -> list[int]:
    return [row[0] for key in keys for row in ledger.rows("blocked_followers", route, key, message_id)]


def _block(ledger: Ledger, route: str, lane: str, message_id: int, how: int) -> list[bytes]:
    """Take a message out of its lane's order and return its keys."""
    ledger.run("set_blocked", how, message_id)
    ledger.run("set_hold_blocked", 1, message_id)
    ledger.touch(route, lane)
    return keys_of(ledger, message_id)
