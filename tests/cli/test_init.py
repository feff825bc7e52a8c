from datetime import date
from pathlib import Path

from hl7calf.cli.settings_example import Places, settings_text
from hl7calf.config import load_settings, parse_settings
from hl7calf.service.mappings import shipped_mappings


def test_a_first_folder_has_settings_that_load_and_the_whole_mappings(run, tmp_path) -> None:
    shown = run("init", tmp_path / "site")
    assert shown.exit_code == 0
    settings = load_settings(tmp_path / "site" / "hl7calf.toml")
    assert (settings.policy.id, settings.service.mode) == ("DEMO", "upgrade")
    assert settings.service.mappings == str(tmp_path / "site" / "mappings")
    copied = {file.name for file in (tmp_path / "site" / "mappings").iterdir()}
    assert copied == {file.name for file in shipped_mappings().iterdir() if not file.name.startswith(".")}


def test_nothing_is_overwritten(run, tmp_path) -> None:
    run("init", tmp_path)
    (tmp_path / "hl7calf.toml").write_text("mine")
    shown = run("init", tmp_path)
    assert shown.exit_code == 2 and "is there already" in shown.stderr
    assert (tmp_path / "hl7calf.toml").read_text() == "mine"


def test_everything_listens_on_loopback_only() -> None:
    settings = parse_settings(settings_text(date(2026, 1, 1)), Path("/"))
    assert all("127.0.0.1" in text for route in settings.route for text in (route.listen, route.forward))
    assert "127.0.0.1" in settings.service.ops


def test_the_policy_is_in_force_from_the_day_it_was_written() -> None:
    policy = parse_settings(settings_text(date(2026, 3, 1)), Path("/")).policy
    assert (policy.approved_on, policy.valid_until) == (date(2026, 3, 1), date(2027, 3, 1))


def test_a_folder_with_quotes_and_backslashes_stays_what_it_is() -> None:
    settings = parse_settings(settings_text(date(2026, 1, 1), Places(mappings='/a"b\\c')), Path("/"))
    assert settings.service.mappings == '/a"b\\c'


def test_each_line_says_what_it_is_for() -> None:
    for line in settings_text(date(2026, 1, 1)).splitlines():
        assert len(line) <= 120
