import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hl7calf.console.pages import statistics
from tests.console.stage import NOW, Stage, close_stage, night_shift, open_stage


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("months")
    stage = open_stage(folder, lambda store, now: night_shift(store, now, per_day=20))
    yield stage
    close_stage(stage)


def test_thirty_days_are_drawn_with_an_unusual_one(months: Stage) -> None:
    body = statistics.show(months.desk, months.visit()).body
    assert "2026-02-03" in body
    assert "2026-03-04" in body
    assert "Outside the usual band: 2026-02-22" in body
    assert 'class="dot odd"' in body
    for kind in ("upgrade", "annotate", "review"):
        assert re.search(rf'<rect [^>]*class="{kind}"', body), kind


def test_the_table_has_the_numbers_of_the_picture(months: Stage) -> None:
    body = statistics.show(months.desk, months.visit()).body
    assert body.count('data-label="Day"') == 30


def test_one_sender_alone_can_be_shown(months: Stage) -> None:
    whole, one = (
        statistics.show(months.desk, months.visit(query=query)).body for query in ({}, {"sender": "NORTHGEN"})
    )
    first = [int(re.sub(r"\D", "", re.findall(r'class="big">([^<]*)<', body)[0])) for body in (whole, one)]
    assert first[0] > first[1] > 0
    assert '<option value="NORTHGEN" selected>' in one


def test_an_unknown_sender_is_everyone(months: Stage) -> None:
    assert statistics.show(months.desk, months.visit(query={"sender": "<x>"})).body.count("<x>") == 0


def test_an_empty_store_draws_empty_pictures(empty_stage: Stage) -> None:
    body = statistics.show(empty_stage.desk, empty_stage.visit()).body
    assert "A usual band is drawn once" in body
    assert "nan" not in body.lower()


def test_no_identifier_stands_in_it(months: Stage) -> None:
    body = statistics.show(months.desk, months.visit()).body
    assert "MSG4000" not in body
    assert NOW
