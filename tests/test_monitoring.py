"""What docs/monitoring hands to Prometheus and Grafana: checked by promtool, and held to the metrics there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hl7calf.service.metrics import Metrics
from tests.conftest import require_service

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "monitoring"
RULES = FOLDER / "hl7calf-alerts.yml"
TESTS = ("hl7calf-alerts.test.yml", "hl7calf-alerts-long.test.yml")
DASHBOARD = json.loads((FOLDER / "hl7calf-dashboard.json").read_text("utf-8"))
_USED = re.compile(r"\b(hl7calf_[a-z_]+)(?:\{([^}]*)\})?")
_ADDED_BY_PROMETHEUS = {"instance", "job", "le"}


def known_series() -> dict[str, set[str]]:
    """Return every series the service exposes, by name, with its labels."""
    known: dict[str, set[str]] = {}
    metrics = Metrics()
    for metric in vars(metrics).values():
        if not hasattr(metric, "_name"):
            continue
        names = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}[metric._type]
        for suffix in names:
            known[metric._name + suffix] = set(metric._labelnames)
    return known


def expressions(panels: list[dict[str, Any]]) -> list[str]:
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def misused(text: str) -> list[str]:
    """Return what is wrong with the series a text uses: unknown names, unknown labels."""
    known, wrong = known_series(), []
    for name, selector in _USED.findall(text):
        if name not in known:
            wrong.append(f"there is no series {name}")
            continue
        labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector))
        wrong += [f"{name} has no label {label}" for label in labels - known[name] - _ADDED_BY_PROMETHEUS]
    return wrong


def test_the_rules_use_series_and_labels_that_exist() -> None:
    assert misused(RULES.read_text("utf-8")) == []


def test_the_rule_tests_feed_series_that_exist() -> None:
    for name in TESTS:
        assert misused((FOLDER / name).read_text("utf-8")) == []


def test_the_dashboard_uses_series_and_labels_that_exist() -> None:
    used = [*expressions(DASHBOARD["panels"]), *(v.get("definition", "") for v in DASHBOARD["templating"]["list"])]
    assert len(used) > 20
    assert misused("\n".join(used)) == []


def test_every_metric_of_the_contract_is_on_the_dashboard() -> None:
    used = "\n".join(expressions(DASHBOARD["panels"]))
    missing = {name for name in known_series() if name not in used and not name.endswith(("_sum", "_count"))}
    assert missing == set()


def test_labels_grouped_by_exist_too() -> None:
    known = set().union(*known_series().values()) | _ADDED_BY_PROMETHEUS
    for text in (RULES.read_text("utf-8"), *expressions(DASHBOARD["panels"])):
        for group in re.findall(r"(?:by|on) \(([^)]*)\)", text):
            assert {label.strip() for label in group.split(",")} <= known


def test_what_is_misused_is_seen() -> None:
    assert misused("hl7calf_nothing > 1") == ["there is no series hl7calf_nothing"]
    assert misused('hl7calf_parked{patient="x"}') == ["hl7calf_parked has no label patient"]


def test_the_panels_have_their_own_numbers_and_places() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_every_panel_asks_the_prometheus_that_was_chosen() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def promtool(*arguments: str, folder: Path = FOLDER) -> "subprocess.CompletedProcess[str]":
    require_service("promtool (Debian package prometheus)", shutil.which("promtool"))
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    checked = promtool("check", "rules", RULES.name)
    assert checked.returncode == 0, checked.stderr


def test_every_rule_has_a_test_in_which_it_fires() -> None:
    names = set(re.findall(r"- alert: (\w+)", RULES.read_text("utf-8")))
    tests = "".join((FOLDER / name).read_text("utf-8") for name in TESTS)
    fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:", tests))
    assert fired == names
    assert len(names) == 16


@pytest.mark.parametrize("name", TESTS)
def test_the_rules_fire_when_they_should_and_only_then(name: str) -> None:
    tested = promtool("test", "rules", name)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_promtool_would_notice_a_rule_that_is_wrong(tmp_path: Path) -> None:
    rules = RULES.read_text("utf-8")
    for right, wrong in (
        ("(hl7calf_parked) > 0", "(hl7calf_parked) > 5"),
        ("(hl7calf_books_unbalanced) > 0", "(hl7calf_books_unbalanced) >= 0"),
    ):
        assert right in rules
        (tmp_path / RULES.name).write_text(rules.replace(right, wrong))
        shutil.copy(FOLDER / TESTS[0], tmp_path)
        assert promtool("test", "rules", TESTS[0], folder=tmp_path).returncode != 0
