"""What an entry says that is not about an order as it came: who decided what, in plain words.

Law: pure, and nothing is left out: of a kind that is not known here every detail is told by its name. What comes back
is not yet made safe to show; whoever shows it does that.
"""

from collections.abc import Mapping
from typing import Any

MOVES = {
    "release": "released", "retry": "to be tried now", "skip": "given up", "park": "parked",
    "raise": "released upgraded",
}  # fmt: skip
REVIEWS = {
    "keep": "kept as ordered", "ask-upgrade": "complete study wanted; the ordering side is asked",
    "release": "released as it came", "seen": "seen, nothing to do",
}  # fmt: skip
_FOLLOWERS = {"held": "held behind it", "freed": "let go with it"}
_SAID_ELSEWHERE = frozenset({"do", "outcome", *_FOLLOWERS})


def told(content: Mapping[str, Any]) -> str:
    """Return what the entry of a decision says: what, and why."""
    kind = str(content.get("kind", ""))
    details = {str(key): str(value) for key, value in (content.get("details") or {}).items() if value not in ("", None)}
    if kind == "mode":
        what = [_mode(details)]
    elif kind in ("queue", "parked"):
        what = _moved(kind, details)
    elif kind == "reveal":
        what = [f"message {details['message']}" if "message" in details else details.get("what", "")]
    elif kind == "review":
        decision = details.get("decision", "")
        what = [f"message {details.get('message', '')} {REVIEWS.get(decision, decision)}"]
    else:
        what = [f"{key.replace('_', ' ')} {value}" for key, value in details.items()]
    why = str(content.get("reason") or content.get("why") or "")
    return "; ".join(part for part in [*what, why] if part)


def _mode(details: Mapping[str, str]) -> str:
    before = details.get("before", "")
    return details.get("after", "") + (f", {before} before" if before else "")


def _moved(kind: str, details: Mapping[str, str]) -> list[str]:
    """Return what became of one message, how many others it took with it, and what else is said of it."""
    do = details.get("do", "")
    what = [MOVES.get(do, do)] if kind == "queue" else []
    what += [f"{details[key]} {words}" for key, words in _FOLLOWERS.items() if details.get(key, "0") != "0"]
    return what + [f"{key} {value}" for key, value in details.items() if key not in _SAID_ELSEWHERE]
