"""Labelled orders: one ORM^O01 a row, vetted in this process, compared with its labels field by field.

What the labels mean is told in ../shared/orders/README.md: `expected` or any `accept` value is right; a row in
another language may pass; facts are scored where the order is a target that does not pass.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hl7calf.calf.tables import Tables
from hl7calf.calf.verdict import OrderVerdict
from hl7calf.calf.vetting import vet

Row = Mapping[str, Any]
FLAGS = ("is_ultrasound", "calf", "calcification", "limited")
LISTS = ("symptoms", "risk_factors")
SINGLE = ("laterality", "duration", "prior_imaging")


def read_rows(path: Path) -> list[Row]:
    """Read one file of labelled orders, one JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _escaped(text: str) -> str:
    """Escape the field separator only: rows carry their own HL7 escapes."""
    return text.replace("|", "\\F\\").replace("\r", " ").replace("\n", " ")


def message_of(row: Row) -> bytes:
    """Write a row as a message: reason in OBR-31.2, notes after OBR, ICD-10-CM codes, questions with answers."""
    name = row["id"]
    obr = ["OBR", "1", f"{name}^CPOE", "", row["obr4"], *[""] * 26, "^" + _escaped(row["reason"]).replace("^", "\\S\\")]
    segments = [
        f"MSH|^~\\&|CPOE|HOSP|HL7CALF|RIS|20261123080000||ORM^O01|{name}|P|2.5.1",
        f"PID|1||{name}^^^HOSP^MR||TEST^PATIENT",
        "PV1|1|O",
        f"ORC|{row['order_control']}|{name}^CPOE",
        "|".join(obr),
    ]
    segments += [f"NTE|{n}||{_escaped(text)}" for n, text in enumerate(row.get("nte") or [], 1)]
    segments += [f"DG1|{n}||{_escaped(code)}^I10C" for n, code in enumerate(row.get("dg1") or [], 1)]
    for n, pair in enumerate(row.get("obx") or [], 1):
        question, _, answer = pair.partition("=")
        segments.append(f"OBX|{n}|TX|{_escaped(question)}||{_escaped(answer)}||||||F")
    return ("\r".join(segments) + "\r").encode()


@dataclass(slots=True)
class Score:
    """What came of a set of rows; shares are between 0 and 1."""

    rows: int = 0
    lenient: int = 0
    strict: int = 0
    wrong_upgrades: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    targets: list[tuple[bool, bool]] = field(default_factory=list)
    facts: dict[str, list[bool]] = field(default_factory=dict)
    lists: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = field(default_factory=dict)

    @property
    def action(self) -> float:
        return self.lenient / self.rows

    @property
    def precision(self) -> float:
        found = [wanted for wanted, got in self.targets if got]
        return sum(found) / len(found) if found else 1.0

    @property
    def recall(self) -> float:
        wanted = [got for wanted, got in self.targets if wanted]
        return sum(wanted) / len(wanted) if wanted else 1.0

    def fact(self, name: str) -> float:
        """Return the share of right values, for a list of words the F1 over all rows."""
        if name in self.lists:
            hits = sum(len(wanted & got) for wanted, got in self.lists[name])
            told = sum(len(wanted) + len(got) for wanted, got in self.lists[name])
            return 2 * hits / told if told else 1.0
        right = self.facts[name]
        return sum(right) / len(right) if right else 1.0


def score(rows: Iterable[Row], tables: Tables) -> Score:
    """Vet every row and count."""
    done = Score(facts={n: [] for n in FLAGS + SINGLE}, lists={n: [] for n in LISTS})
    for row in rows:
        [decided] = vet(message_of(row), tables).orders
        _count(done, row, decided)
    return done


def _is_right(row: Row, name: str, got: object) -> bool:
    return got == row["expected"].get(name) or got in (row.get("accept") or {}).get(name, [])


def _count(done: Score, row: Row, decided: OrderVerdict) -> None:
    expected, facts = row["expected"], decided.facts
    indicated = decided.indicated.value
    foreign = any(tag.startswith("lang_") for tag in row.get("tags") or [])
    right = _is_right(row, "action", indicated) or (foreign and indicated == "pass")
    done.rows += 1
    done.strict += indicated == expected["action"]
    done.lenient += right
    if not right:
        done.wrong.append(f"{row['id']}: {indicated}, not {expected['action']}: {row['obr4']} | {row['reason']}")
        if indicated == "upgrade":
            done.wrong_upgrades.append(done.wrong[-1])
    accepted = _is_right(row, "target", facts.target) or (foreign and not facts.target)
    done.targets.append((facts.target if accepted else expected["target"], facts.target))
    for name in FLAGS:
        if name != "limited" or expected["is_ultrasound"]:
            done.facts[name].append(_is_right(row, name, getattr(facts, name)))
    if expected["target"] and expected["action"] != "pass":
        for name in SINGLE:
            done.facts[name].append(_is_right(row, name, getattr(facts, name)))
        for name in LISTS:
            done.lists[name].append((frozenset(expected.get(name) or ()), frozenset(getattr(facts, name))))
