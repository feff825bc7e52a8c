"""The mapping tables: loaded whole or not at all, named by a digest, codes only with their system."""

import pytest

from hl7calf.calf.schema import SCHEMAS
from hl7calf.calf.tables import Diagnosis, Tables, digest_of, load_tables
from hl7calf.errors import MappingError
from hl7calf.service.mappings import read_mappings, shipped_mappings
from tests.calf.building import tables


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return read_mappings(shipped_mappings())


def defects(files: dict[str, str]) -> list[str]:
    with pytest.raises(MappingError) as caught:
        load_tables(files)
    return [d.code for d in caught.value.defects]


def test_the_shipped_tables_load_with_every_row(files: dict[str, str]) -> None:
    loaded = load_tables(files)
    assert set(loaded.rows) == set(SCHEMAS)
    assert all(loaded.rows[name] for name in SCHEMAS)
    assert loaded.note.lines


@pytest.mark.parametrize("name", [*SCHEMAS, "note.txt"])
def test_a_missing_table_is_a_defect(files: dict[str, str], name: str) -> None:
    assert defects({n: text for n, text in files.items() if n != name}) == ["M_MISSING"]


def test_every_defect_is_told_at_once(files: dict[str, str]) -> None:
    broken = {**files, "sides.csv": "phrase,side,example\nleft,X,e\n,L,e\n", "systems.csv": "a,b\n"}
    assert sorted(defects(broken)) == ["M_COLUMNS", "M_EMPTY", "M_WORD"]


def test_a_file_that_is_no_table_does_no_harm_but_counts_for_the_digest(files: dict[str, str]) -> None:
    assert load_tables({**files, "other.csv": "x"}).digest != load_tables(files).digest


def test_the_digest_names_exactly_this_text(files: dict[str, str]) -> None:
    assert digest_of(files) == digest_of(dict(reversed(files.items()))) == load_tables(files).digest
    assert digest_of(files) != digest_of({**files, "note.txt": files["note.txt"] + "\n"})
    assert digest_of({"a": "bc"}) != digest_of({"ab": "c"})
    assert len(digest_of(files)) == 16


@pytest.mark.parametrize(("written", "system"), [
    ("C4", "CPT"), ("cpt4", "CPT"), (" CPT-4 ", "CPT"), ("LOINC", "LN"), ("I10C", "I10"), ("ICD-10-CM", "I10"),
    ("99LAB", "99LAB"), ("", ""), ("L", "L"),
])  # fmt: skip
def test_a_coding_system_has_one_name(written: str, system: str) -> None:
    assert tables().system_of(written) == system


@pytest.mark.parametrize(("code", "known"), [
    ("M61.462", True), ("M61462", True), ("m61.462", True), (" M61.46 ", True), ("M61.46", True),
    ("M61.4629999", True), ("Q99.9", False), ("", False), (".", False), ("MM1", False), ("93971", False),
])  # fmt: skip
def test_a_diagnosis_is_known_by_its_longest_category(code: str, known: bool) -> None:
    assert (tables().diagnosis(code) is not None) is known


def test_the_longest_category_wins() -> None:
    wider, narrower = tables().diagnosis("I82.4"), tables().diagnosis("I82.4Z2")
    assert isinstance(wider, Diagnosis) and isinstance(narrower, Diagnosis)
    assert ("site", "calf") in narrower.meanings and ("site", "calf") not in wider.meanings


TIER_1 = [
    f"M{stem}{side}" for stem in ("61.06", "61.16", "61.26", "61.36", "61.46", "61.56", "65.26") for side in "129"
]


@pytest.mark.parametrize("code", TIER_1)
def test_the_21_codes_that_say_calcification_and_lower_leg_do_so(code: str) -> None:
    found = tables().diagnosis(code)
    assert found is not None and ("calcification", "calf") in found.meanings and found.side_at


@pytest.mark.parametrize("code", ["M65.271", "M61.571", "R92.1", "I25.84", "M75.31", "M76.61", "N20.0", "I34.81"])
def test_codes_of_other_sites_never_say_calf(code: str) -> None:
    found = tables().diagnosis(code)
    assert found is None or not {("calcification", "calf"), ("site", "calf")} & set(found.meanings)


def test_a_study_code_is_known_only_with_its_system() -> None:
    assert ("CPT", "93971") in tables().study_codes
    assert not [key for key in tables().study_codes if key[0] in ("", "L", "LOCAL")]


def test_no_target_of_the_study_map_changes_side_or_modality() -> None:
    loaded: Tables = tables()
    for (code, system, side), target in loaded.study_map.items():
        assert side in "LRB" and target.code and target.text and target.row.startswith("study_map.csv:")
        words = target.text.upper().replace(",", " ").split()
        others = {"L": {"RIGHT", "RT", "BILATERAL"}, "R": {"LEFT", "LT", "BILATERAL"}, "B": {"LEFT", "RIGHT"}}[side]
        assert not others & set(words), (code, system, target.text)
        assert "LIMITED" not in words


def test_a_target_without_a_system_keeps_the_senders() -> None:
    assert tables().study_map[("93971", "CPT", "L")].system == ""


def test_tables_are_values() -> None:
    with pytest.raises(AttributeError):
        tables().digest = "x"  # type: ignore[misc]
