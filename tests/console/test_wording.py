"""Entries of decisions in plain words, kind by kind."""

from typing import Any

import pytest

from hl7calf.console.wording import told


@pytest.mark.parametrize(("kind", "details", "reason", "said"), [
    ("mode", {"before": "upgrade", "after": "observe"}, "odd upgrades", "observe, upgrade before; odd upgrades"),
    ("mode", {"before": "", "after": "upgrade"}, "go live", "upgrade; go live"),
    ("queue", {"do": "release", "freed": "0"}, "mended", "released; mended"),
    ("queue", {"do": "release", "freed": "2"}, "mended", "released; 2 let go with it; mended"),
    ("queue", {"do": "skip", "freed": "0"}, "ordered twice", "given up; ordered twice"),
    ("queue", {"do": "retry", "freed": "0"}, "it is back", "to be tried now; it is back"),
    ("queue", {"do": "park", "outcome": "refused", "held": "1"}, "wait", "parked; 1 held behind it; wait"),
    ("queue", {"do": "unheard of", "of": "x"}, "", "unheard of; of x"),
    ("parked", {"do": "park", "outcome": "refused", "held": "0"}, "answered AR: 204", "answered AR: 204"),
    ("parked", {"do": "park"}, "held for review", "held for review"),
    ("reveal", {"what": "message", "message": "17"}, "a call", "message 17; a call"),
    ("reveal", {"what": "identifiers in lists"}, "", "identifiers in lists"),
    ("review", {"message": "3", "about": "review", "decision": "keep"}, "seen", "message 3 kept as ordered; seen"),
    ("review", {"message": "3", "about": "review", "decision": "x"}, "", "message 3 x"),
    ("pause", {}, "RIS moves house", "RIS moves house"),
    ("start", {"mode": "upgrade", "policy_version": "1"}, "", "mode upgrade; policy version 1"),
    ("of tomorrow", {"a_b": "c", "empty": ""}, "why", "a b c; why"),
])  # fmt: skip
def test_what_and_why_are_told(kind: str, details: dict[str, str], reason: str, said: str) -> None:
    assert told({"kind": kind, "details": details, "reason": reason}) == said


@pytest.mark.parametrize("content", [{}, {"kind": "mode"}, {"kind": "queue", "details": None}, {"kind": "reveal"}])
def test_an_entry_without_details_is_no_trouble(content: dict[str, Any]) -> None:
    assert told(content) == ""
