"""The proof of a row: needed, silent, covered, and what takes its place."""

import pytest

from hl7calf.calf.proofs import Proofs, read_example
from hl7calf.calf.schema import SCHEMAS
from hl7calf.calf.tables import load_tables
from hl7calf.errors import Defect
from tests.small_mappings import added, small_mappings

SMALL = small_mappings()


def proven(name: str, *lines: str) -> list[Defect]:
    """Add rows to a table and prove the last one."""
    tables = load_tables(added(SMALL, name, *lines))
    return list(Proofs(tables).of(tables.rows[name][-1]))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_row_of_the_small_tables_is_needed(name: str) -> None:
    tables = load_tables(SMALL)
    proofs = Proofs(tables)
    assert tables.rows[name]
    assert [d for row in tables.rows[name] for d in proofs.of(row)] == []


def test_a_needed_row_has_no_defect() -> None:
    assert proven("symptoms.csv", "ache,pain,ache of left calf") == []


def test_the_row_that_does_the_work_is_named() -> None:
    (defect,) = proven("symptoms.csv", "bad pain,pain,bad pain in left calf")
    assert (defect.code, defect.column) == ("P_COVERED", 3)
    assert "symptoms.csv:2 (`pain`) already says it" in defect.why


def test_a_longer_row_of_the_table_may_take_the_place() -> None:
    (defect,) = proven("symptoms.csv", "bad pain,mass,bad pain in left calf", "bad,pain,bad pain in left calf")
    assert defect.code == "P_SILENT"
    assert "symptoms.csv:4 (`bad pain`) takes its place" in defect.why


def test_a_guard_is_needed_where_its_example_would_be_misread() -> None:
    assert proven("sites.csv", 'calf muscle pump,none,,"calf muscle pump, left leg calcification",,x') == []
    (defect,) = proven("sites.csv", "calf x,none,,left calf calcification,,x")
    assert defect.code == "P_SILENT"


def test_a_counterexample_must_not_fire_its_row() -> None:
    assert proven("calcification.csv", "calcium deposit,calcification,calcium deposit left calf,calcium level,") == []
    (defect,) = proven("calcification.csv", "calcium,calcification,calcium in left calf,calcium level 9,")
    assert (defect.code, defect.column) == ("P_COUNTER", 4)


def test_a_study_map_entry_is_proven_by_a_whole_message() -> None:
    assert proven("study_map.csv", "A1,L,L,A2,US VENOUS COMPLETE LEFT,L,x") == []
    assert proven("study_map.csv", "A1,L,B,A2,US VENOUS COMPLETE BOTH,L,x") == []


def test_a_system_is_needed_by_the_study_map_alone() -> None:
    files = added(SMALL, "systems.csv", "RIS1,RIS1,x")
    files = added(
        files, "study_map.csv", "A1,RIS1,L,A2,US VENOUS COMPLETE LEFT,,x", "A1,RIS1,R,A2,US VENOUS COMPLETE,,x"
    )
    tables = load_tables(files)
    assert list(Proofs(tables).of(tables.rows["systems.csv"][-1])) == []


def test_an_example_is_read_by_the_rule_itself() -> None:
    tables = load_tables(SMALL)
    assert read_example(tables.rows["symptoms.csv"][0], tables).facts.symptoms == ("pain",)
