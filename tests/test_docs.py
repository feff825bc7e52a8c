"""The documents say what the program does: commands, options, settings, metrics, events, codes, links, sources."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from prometheus_client.metrics import MetricWrapperBase

from hl7calf.app import BROKEN
from hl7calf.calf.gates import REASONS
from hl7calf.cli import hl7calf
from hl7calf.cli.failures import DONE, SOMETHING_WRONG, UNUSABLE
from hl7calf.config.settings import every_setting
from hl7calf.service.events import EVENTS
from hl7calf.service.metrics import Metrics
from tests.documents import (
    OPERATIONS,
    ROOT,
    blocks,
    code_lines,
    documents,
    first_cells,
    keys_cited,
    keys_listed,
    links,
    numbers_cited,
    prose,
    rows,
    said_in_code,
    section,
    slugs,
)

SRC = ROOT / "src" / "hl7calf"
DOCUMENTS = documents()
TEXT = OPERATIONS.read_text("utf-8")
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def python_files() -> list[Path]:
    return sorted(path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))


# -------------------------------------------------------------------------------------------- commands


def every_command(group: click.Group = hl7calf, prefix: str = "hl7calf") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{prefix} {name}")


COMMANDS = dict(every_command())
HELP = {"--help", "-h", "--version"}


def wrong_in(line: str) -> list[str]:
    """What of `... hl7calf queue list --state parked ...` the program does not know."""
    found = []
    for match in re.finditer(r"(?:^|[\s/])hl7calf((?: +[^`|;]+)?)", line):
        if line[: match.start() + 1].rstrip().endswith(("twist", "-m hl7calf", "import", "from")):
            continue
        words = match[1].split(" #")[0].split()
        path = "hl7calf"
        command: click.Command = hl7calf
        while words and isinstance(command, click.Group) and f"{path} {words[0]}" in COMMANDS:
            path = f"{path} {words.pop(0)}"
            command = COMMANDS[path]
        if path == "hl7calf" and words and re.fullmatch(r"[a-z]+", words[0]):
            found.append(f"no command {words[0]}")
            continue
        known = HELP | {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        found += [
            f"{path} has no {word}" for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known
        ]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_that_a_document_names_exists(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert [wrong for line in code_lines(text) for wrong in wrong_in(line)] == []


def test_a_command_or_option_that_does_not_exist_would_be_noticed() -> None:
    assert wrong_in("sudo hl7calf frobnicate now") == ["no command frobnicate"]
    assert wrong_in("hl7calf queue list --sate parked") == ["hl7calf queue list has no --sate"]
    assert wrong_in(".venv/bin/hl7calf vet --diff x.hl7") == []


def test_every_command_is_in_the_table_of_commands() -> None:
    groups_without_a_job = {"hl7calf queue", "hl7calf console user"}
    listed = first_cells(section(TEXT, "Commands"))
    assert len(listed) == len(set(listed))
    assert set(listed) == COMMANDS.keys() - groups_without_a_job


def test_the_readme_names_only_commands_in_its_table_of_readers() -> None:
    table = section((ROOT / "README.md").read_text("utf-8"), "Put it between your systems")
    named = {
        span.split()[0]
        for cells in table.splitlines()
        if cells.startswith("| ")
        for span in re.findall(r"`([^`]+)`", cells)
    }
    assert named and {f"hl7calf {name}" for name in named} <= COMMANDS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_a_document_names_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = code_lines((ROOT / name).read_text("utf-8"))
    assert {match[1] for line in lines if (match := re.match(r"\s*make ([a-z]+)\b", line))} <= targets


# -------------------------------------------------------------------------------------------- settings

TABLES = {
    "service": "[service]", "policy": "[policy]", "rule": "[rule]", "audit": "[audit]", "route": "[[route]]", "route.tls": "[route.tls]",
    "route.forward_tls": "[route.forward_tls]",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_stands_in_operations_with_its_default_and_nothing_else_does(table: str) -> None:
    told = {cells[0].strip("`"): cells[1] for cells in rows(own_rows(section(TEXT, TABLES[table])))}
    true = {s.key: "required" if s.default is None else f"`{s.default}`" for s in every_setting() if s.table == table}
    assert told == true


def own_rows(text: str) -> str:
    return re.split(r"^### ", text, flags=re.MULTILINE)[0]


def test_every_table_of_settings_stands_in_operations() -> None:
    assert {s.table for s in every_setting()} == TABLES.keys()


# --------------------------------------------------------------------------------- metrics and events


def metrics() -> dict[str, tuple[str, frozenset[str]]]:
    found = {}
    for value in vars(Metrics()).values():
        if isinstance(value, MetricWrapperBase):
            kind = value._type
            name = value._name + ("_total" if kind == "counter" else "")
            found[name] = (kind, frozenset(value._labelnames))
    return found


def test_every_metric_stands_in_operations_with_its_labels_and_nothing_else_does() -> None:
    told = {}
    for name, kind, labels, _ in rows(section(TEXT, "Metrics")):
        told[name.strip("`")] = (kind, frozenset(labels.replace(",", " ").split()))
    assert told == metrics()


def test_every_metric_that_a_document_names_exists() -> None:
    exposed = {"up"} | metrics().keys()
    for path in DOCUMENTS:
        named = set(re.findall(r"\bhl7calf_[a-z_]+", path.read_text("utf-8"))) - {"hl7calf_", "hl7calf_plugin"}
        assert named <= exposed, path.name


def test_every_event_stands_in_operations_and_nothing_else_does() -> None:
    told = first_cells(section(TEXT, "Events"))
    assert len(told) == len(set(told))
    assert set(told) == EVENTS.keys()


def test_each_event_means_what_the_program_says_it_means() -> None:
    assert {cells[0].strip("`"): cells[2] for cells in rows(section(TEXT, "Events"))} == dict(EVENTS)


def test_each_event_has_the_level_that_operations_gives() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in rows(section(TEXT, "Events"))}
    for path in SRC.rglob("*.py"):
        for code, level in re.findall(r"\bemit\(\s*\"([A-Z_]+)\",\s*\"([a-z]+)\"", path.read_text()):
            assert level in told[code], code


def test_every_alarm_stands_in_operations_and_is_marked_as_one() -> None:
    sounded = set()
    for path in (SRC / "service").rglob("*.py"):
        text = path.read_text()
        names = dict(re.findall(r"^([A-Z_]+) = \"([A-Z]_[A-Z_]+)\"", text, re.MULTILINE))
        for quote, word in re.findall(r"(?:\.sound|_alarm)\(\s*(\"?)([A-Z_]+)", text):
            sounded.add(word if quote else names[word])
    assert sounded == set(first_cells(section(TEXT, "Alarms")))
    assert sounded == {cells[0].strip("`") for cells in rows(section(TEXT, "Events")) if "alarm" in cells[1]}


def test_every_fault_code_stands_in_operations_and_nothing_else_does() -> None:
    used = set()
    for path in SRC.rglob("*.py"):
        text = path.read_text()
        if path.parent.name != "calf":  # `hl7calf check` has codes of its own
            used |= set(re.findall(r"\"([FHVA]_[A-Z0-9_]+)\"", text)) - EVENTS.keys()
        used |= set(re.findall(r"(?:Fault|cut_off|_fail|_count)\(\"([A-Z]_[A-Z0-9_]+)\"", text))
    assert used == set(first_cells(section(TEXT, "Fault codes")))


def test_the_exit_codes_are_the_programs() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section(TEXT, "Exit codes"), re.MULTILINE)}
    assert told == {DONE, SOMETHING_WRONG, UNUSABLE, BROKEN}


def test_codes_that_documents_name_exist() -> None:
    known = set().union(*(re.findall(r"\"([A-Z]_[A-Z0-9_]+)\"", path.read_text()) for path in SRC.rglob("*.py")))
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        named = set(re.findall(r"`([SCFHAVJD]_[A-Z][A-Z0-9_]+)`", text))
        assert named <= known | {"H_NO_OBR"}, path.name  # H_NO_OBR: a sample docstring in CONTRIBUTING


# ------------------------------------------------------------------------------------- links, sources


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    path = ROOT / name
    broken = []
    for link in links(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (path.parent / target).resolve() if target else path
        if not found.exists() or (anchor and found.suffix == ".md" and anchor not in slugs(found.read_text("utf-8"))):
            broken.append(link)
    assert broken == []


def test_every_key_that_is_cited_is_listed_among_the_sources() -> None:
    listed = keys_listed()
    missing = {}
    for path in python_files():
        keys = set().union(*map(keys_cited, said_in_code(path))) - listed
        keys = {
            key for key in keys if path.is_relative_to(SRC) or not key.isupper()
        }  # `script.py [FOLDER]` in a test's tool
        if keys:
            missing[str(path.relative_to(ROOT))] = sorted(keys)
    for path in [*DOCUMENTS, *(ROOT / "mappings").rglob("*.csv")]:
        keys = keys_cited(prose(path.read_text("utf-8"))) - listed
        if keys:
            missing[str(path.relative_to(ROOT))] = sorted(keys)
    assert missing == {}


def test_no_key_is_listed_twice() -> None:
    found = re.findall(r"^\| \[([A-Za-z0-9-]+)\] \|", (ROOT / "docs" / "sources.md").read_text("utf-8"), re.MULTILINE)
    assert len(found) == len(set(found))


def test_every_number_of_a_promise_or_fault_that_the_code_cites_is_in_promises() -> None:
    listed = set(
        re.findall(r"^\| ([PFHARS][0-9]+) \|", (ROOT / "docs" / "promises.md").read_text("utf-8"), re.MULTILINE)
    )
    missing = {}
    for path in python_files():
        numbers = set().union(*map(numbers_cited, said_in_code(path))) - listed
        if numbers and path.is_relative_to(SRC):
            missing[str(path.relative_to(ROOT))] = sorted(numbers)
    assert missing == {}


def test_nothing_refers_to_a_paper_that_is_not_in_the_repository() -> None:
    absent = re.compile(
        r"\b(CLINICAL|PROMISES|CONTRACT|DESIGN|STYLE|HOUSE)(\.md| [0-9]|, [A-Z]| table| section| [PFHARS][0-9])"
    )
    tables = [path for path in (ROOT / "mappings").rglob("*") if path.is_file()]
    files = [*python_files(), *DOCUMENTS, *SRC.rglob("*.sql"), *tables]
    found = {}
    for path in files:
        if path != Path(__file__) and (hits := absent.findall(path.read_text("utf-8"))):
            found[str(path.relative_to(ROOT))] = len(hits)
    assert found == {}


def test_every_gate_stands_in_the_clinical_notes_and_no_other() -> None:
    text = section((ROOT / "docs" / "clinical.md").read_text("utf-8"), "4. Gates")
    assert set(re.findall(r"^\| (X[0-9]+) \|", text, re.MULTILINE)) == REASONS.keys()
    others = set()
    for path in (SRC / "calf").glob("*.py"):
        others |= set(re.findall(r"\bGate\(\s*\"([A-Z]+)\"", path.read_text()))
    assert others <= set(re.findall(r"`([A-Z]+)`", text))


def test_the_section_of_the_clinical_notes_that_the_code_cites_is_there() -> None:
    text = (ROOT / "docs" / "clinical.md").read_text("utf-8")
    sections = set(re.findall(r"^#+ ([0-9]+(?:\.[0-9]+)?)\.? ", text, re.MULTILINE))
    for path in python_files():
        for said in said_in_code(path):
            assert set(re.findall(r"\[ClinicalNotes §?([0-9]+(?:\.[0-9]+)?)\]", said)) <= sections, path


# ------------------------------------------------------------------------------------------ the rest


def test_the_package_carries_the_readme() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == "README.md"


def test_alarm_rules_for_prometheus_name_existing_metrics_only() -> None:
    rules = blocks(TEXT, "yaml")
    assert rules
    assert set(re.findall(r"\bhl7calf_[a-z_]+", "".join(rules))) <= metrics().keys()


def test_the_readme_says_what_it_is_on_its_third_line() -> None:
    assert "ultrasound" in (ROOT / "README.md").read_text("utf-8").splitlines()[2]
