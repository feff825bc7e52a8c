import json
from xml.etree import ElementTree

import pytest


@pytest.fixture
def site(run, tmp_path):
    run("init", tmp_path / "site")
    return tmp_path / "site"


def break_sites(site) -> None:
    table = site / "mappings" / "sites.csv"
    table.write_text(table.read_text() + "only one cell\n")


def test_the_shipped_mappings_have_no_defect(run) -> None:
    shown = run("check")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout == "" and "no defect" in shown.stderr


def test_the_settings_are_checked_as_well(run, site) -> None:
    assert "hl7calf.toml is sound" in run("check", "-c", site / "hl7calf.toml").stderr
    (site / "hl7calf.toml").write_text((site / "hl7calf.toml").read_text().replace("connections = 1", "conections = 1"))
    shown = run("check", "-c", site / "hl7calf.toml")
    assert shown.exit_code == 2
    assert "conections" in shown.stderr and "The nearest is connections" in shown.stderr and "line" in shown.stderr


def test_a_defect_names_file_line_column_and_hint(run, site) -> None:
    break_sites(site)
    shown = run("check", site / "mappings")
    assert shown.exit_code == 1
    last = len((site / "mappings" / "sites.csv").read_text().splitlines())
    assert f"{site / 'mappings' / 'sites.csv'}:{last}" in shown.stdout


def test_defects_as_json(run, site) -> None:
    break_sites(site)
    told = [json.loads(line) for line in run("check", site / "mappings", "--json").stdout.splitlines()]
    assert told and list(told[0]) == ["file", "line", "column", "code", "why", "hint"]


def test_a_build_server_sees_the_file_that_is_wrong(run, site, tmp_path) -> None:
    break_sites(site)
    run("check", site / "mappings", "--junit", tmp_path / "r.xml")
    top = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert top.find("testcase[@name='sites.csv']/failure") is not None
    assert top.find("testcase[@name='cues.csv']") is not None


def test_a_missing_folder_is_exit_code_2(run, tmp_path) -> None:
    assert run("check", tmp_path / "nowhere").exit_code == 2
