"""The sample messages: each folder's assertion and each sibling's bytes hold, and the README has a row for each.

All samples go through `vet` in name order with the memory of one service, as the demo replays them.
"""

import re
from collections import Counter, defaultdict
from functools import lru_cache
from pathlib import Path

import pytest

from hl7calf.calf.tables import load_tables
from hl7calf.calf.verdict import Action, Policy, Remembered, Verdict
from hl7calf.calf.vetting import vet
from hl7calf.service.mappings import read_mappings, shipped_mappings, shipped_samples
from hl7calf.wire.files import split_messages
from hl7calf.wire.header import read_header
from hl7calf.wire.splice import unsplice

SAMPLES = shipped_samples()
FOLDERS = ("annotated", "refused", "review", "unchanged", "upgraded")
SIBLINGS = (".expected.hl7", ".ack.hl7")


def sample_files() -> list[Path]:
    return sorted(f for f in SAMPLES.rglob("*.hl7") if not f.name.endswith(SIBLINGS))


def payloads(path: Path) -> list[bytes]:
    return [piece.payload for piece in split_messages(path.read_bytes(), keep_batches=True)]


def sibling(path: Path, kind: str) -> Path:
    return path.with_name(f"{path.stem}.{kind}.hl7")


@lru_cache(maxsize=1)
def verdicts() -> dict[Path, list[Verdict]]:
    """Vet every sample once, in name order, later ones knowing what was done to the earlier."""
    tables = load_tables(read_mappings(shipped_mappings()))
    memory: dict[bytes, Remembered] = {}
    done: dict[Path, list[Verdict]] = defaultdict(list)
    for path in sample_files():
        for payload in payloads(path):
            verdict = vet(payload, tables, recall=memory.get, policy=Policy("DEMO", "1"))
            memory.update({kept.placer_key: kept for kept in verdict.remember})
            for key in verdict.forget:
                memory.pop(key, None)
            done[path].append(verdict)
    return done


FILES = sample_files()
NAMES = [str(path.relative_to(SAMPLES)) for path in FILES]


def is_refused(verdict: Verdict) -> bool:
    """Tell whether the service refuses it: unreadable, or without the control ID an acknowledgment needs."""
    return verdict.action is Action.REFUSE or not verdict.control_id


def recodes(verdict: Verdict) -> bool:
    return any(change.path != "NTE" for change in verdict.modifications)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_folder_says_what_happens(path: Path) -> None:
    own = verdicts()[path]
    happens = {
        "upgraded": any(recodes(v) for v in own),
        "annotated": all(v.changed and not recodes(v) for v in own),
        "review": all(not v.changed and v.action is Action.REVIEW for v in own),
        "unchanged": all(not v.changed and v.action is Action.PASS for v in own),
        "refused": all(is_refused(v) for v in own),
    }
    assert happens[path.parent.name], [(v.action.value, v.reasons) for v in own]
    assert path.parent.name == "refused" or not any(is_refused(v) for v in own)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_bytes_that_leave_are_the_expected_ones(path: Path) -> None:
    if path.parent.name == "refused":
        assert sibling(path, "ack").exists() and not sibling(path, "expected").exists()
        return
    expected = payloads(sibling(path, "expected") if sibling(path, "expected").exists() else path)
    assert [v.outbound for v in verdicts()[path]] == expected
    for verdict in verdicts()[path]:
        assert unsplice(verdict.outbound, verdict.modifications) == verdict.payload
        assert verdict.witness == ("ok" if verdict.changed else "unchanged")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("refused/")])
def test_a_refusal_is_a_negative_acknowledgment(name: str) -> None:
    [ack] = payloads(sibling(SAMPLES / name, "ack"))
    header = read_header(ack)
    assert header.message_code == "ACK" and header.control_id == b""
    [msa] = [line for line in ack.split(b"\r") if line.startswith(b"MSA")]
    assert msa.split(b"|")[1:3] == [b"AR", b""]
    assert b"\rERR|" in ack


def test_a_sibling_stands_only_beside_a_sample_that_needs_it() -> None:
    for file in SAMPLES.rglob("*.hl7"):
        if file.name.endswith(SIBLINGS):
            sample = file.with_name(file.name.removesuffix(".expected.hl7").removesuffix(".ack.hl7") + ".hl7")
            assert sample in FILES, file.name
            assert file.name.endswith(".ack.hl7") or any(v.changed for v in verdicts()[sample]), file.name


def readme_rows() -> list[tuple[str, str]]:
    """Return the name of each sample the README describes, with what its last column expects."""
    rows = []
    folder = ""
    for line in (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            folder = line[3:].strip()
        row = re.match(r"\| `([^`]+\.hl7)` \| \S.* \| (\S.*) \|$", line)
        if row:
            rows.append((folder + row[1], row[2]))
    return rows


def test_the_readme_has_exactly_one_row_for_each_sample() -> None:
    assert Counter(name for name, _ in readme_rows()) == Counter(NAMES)


def test_the_readme_names_the_gates_that_are_told() -> None:
    for name, expected in readme_rows():
        orders = [order for verdict in verdicts()[SAMPLES / name] for order in verdict.orders]
        told = {gate.code for order in orders for gate in order.gates}
        told |= {code for code, risk in RISKS.items() if any(risk in order.facts.risk_factors for order in orders)}
        named = set(re.findall(r"\bX[0-9]+\b", expected))
        assert not named or named & told, (name, named, told)


def first_numbers(verdict: Verdict) -> set[int]:
    """Return the first NTE-1 of each block written."""
    if not verdict.changed:
        return set()
    field = read_header(verdict.payload).delimiters.field
    blocks = [change.after.split(b"NTE", 1)[1] for change in verdict.modifications if change.path == "NTE"]
    return {int(block.split(field)[1]) for block in blocks}


def test_the_readme_says_where_the_numbers_of_the_notes_begin() -> None:
    for name, expected in readme_rows():
        numbers = {n for verdict in verdicts()[SAMPLES / name] for n in first_numbers(verdict)}
        if name.startswith("refused/"):
            continue
        said = {int(n) for n in re.findall(r"from ([0-9]+) on", expected)}
        assert said == numbers - {1}, (name, said, numbers)
        assert bool(numbers) is ("NTE" in expected.replace("no NTE", "")), name


def test_every_folder_is_known_and_there_are_enough() -> None:
    counted = Counter(path.parent.name for path in FILES)
    assert set(counted) == set(FOLDERS) and sum(counted.values()) >= 40


NAMED = [path for path in FILES if re.match(r"x[0-9]+-", path.name)]
RISKS = {"X18": "pregnancy", "X29": "anticoagulated"}  # conditions of the patient that close no gate


@pytest.mark.parametrize("path", NAMED, ids=[str(path.relative_to(SAMPLES)) for path in NAMED])
def test_a_file_named_for_a_gate_shows_that_gate(path: Path) -> None:
    code = path.name.split("-")[0].upper()
    orders = [order for verdict in verdicts()[path] for order in verdict.orders]
    if code in RISKS:
        assert any(RISKS[code] in order.facts.risk_factors for order in orders)
    else:
        assert code in [gate.code for order in orders for gate in order.gates]


def test_every_gate_that_can_stop_an_order_is_shown() -> None:
    shown = {int(named[1]) for path in FILES if (named := re.match(r"x([0-9]+)-", path.name))}
    assert shown == set(range(1, 30))


def test_no_two_samples_have_one_control_id() -> None:
    seen = Counter(v.control_id for own in verdicts().values() for v in own if v.control_id)
    assert [control_id for control_id, count in seen.items() if count > 1] == []
